"""The offline commands. Nothing heavy is imported before one is called."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from services.classify.model.linear_scorer import LinearScorer

cli = typer.Typer(add_completion=False)
Folder = Annotated[Path, typer.Option(exists=True, file_okay=False)]
FolderArgument = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
File = Annotated[Path, typer.Option(exists=True, dir_okay=False)]
AS_JSON: Final = typer.Option("--json", help="Print JSON instead of tables.")
ARTEFACT = Path(__file__).with_name("artefact")


def _scorer(artefact: Path) -> "LinearScorer":
    from services.classify.model.onnx_scorer import open_onnx_scorer  # noqa: PLC0415

    return open_onnx_scorer(artefact, threads=0, remembered_texts=1)


@cli.command()
def train(data: Folder, out: Path = ARTEFACT, version: str = "2026-11-25.1", layers: int = 4, inner: int = 768) -> None:
    """Fine-tune on the sets in DATA and the posts read for Earshot, and write an artefact to OUT."""
    from services.classify.training import finetune, minilm, run  # noqa: PLC0415

    plan = run.Plan(data, out, version, minilm.Cut(layers, inner, 128), finetune.Recipe())
    typer.echo(json.dumps(run.train(plan).card["scores"], indent=2))


@cli.command()
def evaluate(data: Folder, artefact: Folder = ARTEFACT) -> None:
    """Measure an artefact on held-out texts."""
    from services.classify.model.artefact import load_artefact  # noqa: PLC0415
    from services.classify.training import evaluate as measuring  # noqa: PLC0415

    typer.echo(json.dumps(measuring.evaluate(load_artefact(artefact), data, seed=7), indent=2))


@cli.command()
def card(out: Folder, artefact: Folder = ARTEFACT) -> None:
    """Write the model card as model-card.md with its picture into the folder OUT."""
    from services.classify.model.artefact import load_artefact  # noqa: PLC0415
    from services.classify.training.card import write_page  # noqa: PLC0415

    write_page(load_artefact(artefact).card, out)


@cli.command()
def explain(
    text: str, config: File | None = None, artefact: Folder = ARTEFACT, *, as_json: Annotated[bool, AS_JSON] = False
) -> None:
    """Tell why TEXT gets its labels: the words that moved them and the nearest labelled examples."""
    from rich.console import Console  # noqa: PLC0415

    from services.classify.model.own_taxonomy import with_taxonomy  # noqa: PLC0415
    from services.classify.review import explain as explaining  # noqa: PLC0415
    from services.classify.review.tables import explanation_table  # noqa: PLC0415
    from shared.service.configuration import load_configuration  # noqa: PLC0415

    console = Console()
    with console.status("reading the labelled examples"):
        wanted = load_configuration(config).taxonomy
        scorer = with_taxonomy(_scorer(artefact), wanted).scorer
        found = explaining.explain(scorer, text, explaining.known_examples(wanted))
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2))
    else:
        console.print(explanation_table(found))


@cli.command()
def compare(
    first: FolderArgument, second: FolderArgument, data: Folder, texts_per_part: int = 500, *,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:  # fmt: skip
    """Compare artefact SECOND with FIRST on held-out texts, before it replaces it."""
    from rich.console import Console  # noqa: PLC0415

    from services.classify.review import compare as comparing  # noqa: PLC0415
    from services.classify.review.tables import comparison_table  # noqa: PLC0415

    one, other = _scorer(first), _scorer(second)
    found = comparing.compare(one, other, data, texts_per_part=texts_per_part)
    if as_json:
        rows = [asdict(each) | {"verdict": each.verdict} for each in found]
        typer.echo(json.dumps({"first": one.model, "second": other.model, "differences": rows}, indent=2))
    else:
        Console().print(comparison_table((one.model, other.model), found))


@cli.command()
def taxonomy(
    config: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], artefact: Folder = ARTEFACT, *,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:  # fmt: skip
    """Learn the taxonomy of the file CONFIG and tell which labels have too few or contradictory examples."""
    from rich.console import Console  # noqa: PLC0415

    from services.classify.model.own_taxonomy import with_taxonomy  # noqa: PLC0415
    from services.classify.review.tables import taxonomy_table  # noqa: PLC0415
    from shared.service.configuration import load_configuration  # noqa: PLC0415

    console = Console()
    with console.status("learning the taxonomy"):
        found = with_taxonomy(_scorer(artefact), load_configuration(config).taxonomy)
    told = found.scorer.card.get("taxonomy")
    if told is None:
        console.print("The file has no taxonomy: the shipped departments and intents stay.")
    elif as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        console.print(taxonomy_table(told["heads"], found.findings))
