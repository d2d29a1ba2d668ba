"""`earshot` (`python -m deploy.earshot`): look after what could not be processed, follow one post."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import httpx2
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from deploy.earshot.rejected import Kept, Row
from deploy.earshot.settings import OperatorSettings
from deploy.earshot.traces import about, read_lines
from shared.contracts.rejection import REASON_MEANINGS, Reason
from shared.errors import ConfigurationError, EarshotError

EXIT_FAILED, EXIT_CONFIGURATION, EXIT_SOME_LEFT = 1, 2, 3
LOGS: Final = "logs"
SHOWN_APART: Final = frozenset({"timestamp", "service", "event", "level", "logger"})
REQUEST_SECONDS: Final = 60.0
OUTCOMES: Final = {
    "replayed": "sent again",
    "replayed_before": "sent before, not sent twice (--repeat sends again)",
    "not_replayable": "cannot be sent from here",
}
PIPE_COLUMNS: Final = 240
"""How wide a table is that a program reads: nothing is cut."""

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
rejected = typer.Typer(no_args_is_help=True)
cli.add_typer(rejected, name="rejected", help="Inputs that could not be processed: count, list, show, send again.")
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_COLUMNS)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


@cli.callback()
def operator() -> None:
    """Look after a running Earshot. EARSHOT_URL and EARSHOT_API_KEY say which; else the one on EARSHOT_HOME."""


@cli.command()
def trace(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Trace id, traceparent, activity id, or record.")],
    logs: Annotated[Path | None, typer.Option(help="Folder of logs; default that of EARSHOT_HOME.")] = None,
) -> None:
    """Show what the logs of all services say of one post. Compose: `docker compose logs --no-log-prefix > x.log`."""
    folder = logs or OperatorSettings().home / LOGS
    found = about(read_lines(folder), wanted)
    if not found:
        errors.print(
            f"No line in {folder}/*.log is about {wanted}. Bulk and stream input is logged by a share only "
            "(INGEST_TRACE_SHARE); send one activity alone, or a traceparent that ends in -01.",
            markup=False,
        )
        raise typer.Exit(EXIT_FAILED)
    table = Table("time", "service", "what", "of what", box=None)
    for line in found:
        shown = {name: value for name, value in line.items() if name not in SHOWN_APART}
        of_what = " ".join(f"{name}={value}" for name, value in shown.items())
        table.add_row(*(escape(str(line.get(each, ""))) for each in ("timestamp", "service", "event")), escape(of_what))
    console.print(table)


@contextmanager
def kept() -> Iterator[Kept]:
    """Give access to the kept rejections; a failure becomes one line and an exit code."""
    try:
        settings = OperatorSettings()
        headers = {"Authorization": f"Bearer {settings.key()}"}
        with httpx2.Client(
            base_url=settings.front_door(), headers=headers, timeout=REQUEST_SECONDS, trust_env=False
        ) as client:
            yield Kept(client)
    except EarshotError as error:
        errors.print(str(error), markup=False)
        wrong = EXIT_CONFIGURATION if isinstance(error, ConfigurationError) else EXIT_FAILED
        raise typer.Exit(wrong) from error


OfReason = Annotated[Reason | None, typer.Option(help="Only of this reason.")]


@rejected.command("list")
def list_rejected(
    reason: OfReason = None, limit: Annotated[int, typer.Option(min=0, help="How many of the newest to show.")] = 20
) -> None:
    """Count all rejections by reason, and show the newest."""
    with kept() as found:
        counts = [each for each in found.reasons() if reason is None or each["reason"] == reason.value]
        if not counts:
            console.print("Nothing was rejected." if reason is None else f"Nothing was rejected as {reason.value}.")
            return
        console.print(_counted(counts))
        newest = list(islice(found.newest(reason.value if reason else None), limit))
        if newest:
            console.print(_listed(newest))
            console.print("earshot rejected show ID tells more; earshot rejected replay sends records again.")


@rejected.command("show")
def show_rejected(identity: Annotated[str, typer.Argument(metavar="ID", help="The id that list shows.")]) -> None:
    """Show one rejection: why, of what, from where."""
    with kept() as found:
        row = found.one(identity)
        for name in ("id", "received_at", "reason", "field", "detail", "origin"):
            console.print(f"{name:<12} {row[name]}", markup=False)
        console.print(f"{'meaning':<12} {REASON_MEANINGS[Reason(row['reason'])]}", markup=False)
        excerpt = "(needs a key with internal:read)" if row["excerpt"] is None else row["excerpt"]
        console.print(f"{'begins':<12} {excerpt}", markup=False)


@rejected.command("replay")
def replay_rejected(
    identities: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids that list shows.")] = None,
    reason: OfReason = None,
    everything: Annotated[bool, typer.Option("--all", help="Every rejection that is kept.")] = False,  # noqa: FBT002
    repeat: Annotated[bool, typer.Option(help="Send also what was sent before.")] = False,  # noqa: FBT002
) -> None:
    """Send rejected records again, after what rejected them was mended; each is counted once, however often sent."""
    if sum((bool(identities), reason is not None, everything)) != 1:
        errors.print("Name ids, or give --reason or --all: one of the three.")
        raise typer.Exit(EXIT_CONFIGURATION)
    with kept() as found:
        rows = map(found.one, identities) if identities else found.newest(reason.value if reason else None)
        counted: Counter[str] = Counter()
        why: Counter[str] = Counter()

        def told(page: Sequence[tuple[Row, Row]]) -> None:
            counted.update(outcome["outcome"] for _, outcome in page)
            why.update(outcome["detail"] for _, outcome in page if outcome["detail"])
            errors.print(f"{counted.total()} looked at, {counted['replayed']} sent again")

        found.replay(list(rows), repeat=repeat, told=told)
        if not counted:
            console.print("Nothing to send.")
        for outcome, words in OUTCOMES.items():
            if counted[outcome]:
                console.print(f"{counted[outcome]:>8} {words}")
        for words, number in why.most_common():
            console.print(f"{number:>10} {words}", markup=False)
        if counted["not_replayable"]:
            raise typer.Exit(EXIT_SOME_LEFT)


def _counted(rows: Sequence[Row]) -> Table:
    table = Table("reason", "rejections", "first", "last", "meaning", box=None)
    for row in rows:
        meaning = REASON_MEANINGS[Reason(row["reason"])]
        table.add_row(row["reason"], str(row["rejections"]), _second(row["oldest"]), _second(row["newest"]), meaning)
    return table


def _listed(rows: Sequence[Row]) -> Table:
    table = Table(Column("id", no_wrap=True), "at", "reason", "field", "origin", box=None)
    for row in rows:
        table.add_row(row["id"], _second(row["received_at"]), row["reason"], row["field"], row["origin"])
    return table


def _second(instant: str) -> str:
    return instant[:19].replace("T", " ")


if __name__ == "__main__":
    cli(prog_name="earshot")
