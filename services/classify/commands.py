"""The offline commands: train, evaluate, card. Nothing heavy is imported before one is called."""

import json
from pathlib import Path
from typing import Annotated

import typer

cli = typer.Typer(add_completion=False)
Folder = Annotated[Path, typer.Option(exists=True, file_okay=False)]
ARTEFACT = Path(__file__).with_name("artefact")


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
