"""What the operator sees: progress while the system comes up, where to go then, and every restart in one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.status import Status

PAGES: Final = (("live queues", "/queues/"), ("metrics", "/metrics/"), ("start page", "/"))


@dataclass
class Terminal:
    """Writes to a terminal with a spinner, and plain lines everywhere else. Implements Watcher, Progress and Told."""

    logs: Path
    monotonic: Callable[[], float]
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    _status: Status | None = None
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    def begin(self, home: Path) -> None:
        """The start has begun."""
        self._line(f"Earshot starts; its data is in {home}")
        if self.console.is_terminal:
            self._status = self.console.status("starting")
            self._status.start()

    def waiting(self, problems: Sequence[str]) -> None:
        """Show what is still missing."""
        if self._status is not None:
            self._status.update("waiting for " + ", ".join(problems))

    def broker_ready(self, bootstrap_servers: str, *, embedded: bool) -> None:
        """See Progress."""
        kind = "embedded broker" if embedded else "your Kafka"
        self._line(f"  broker     {kind} at {bootstrap_servers}")

    def topics_ready(self, names: Sequence[str]) -> None:
        """See Progress."""
        self._line(f"  topics     {', '.join(names)}")

    def broker_trouble(self, told: str) -> None:
        """See Progress."""
        self._line(f"  broker     {told}; it is started again, and every service with it")

    def broker_grown(self, told: str) -> None:
        """See Progress."""
        self._line(f"  broker     {told}")

    def started(self, name: str) -> None:
        """See Watcher."""
        self._line(f"  {name:<10} starting")

    def answered(self, name: str) -> None:
        """See Watcher."""
        self._line(f"  {name:<10} answers after {self.monotonic() - self._began:.1f} s")

    def ended(self, name: str, told: str, last_words: str) -> None:
        """See Watcher."""
        self._line(f"  {name:<10} ended with {told}; it is started again. {self.logs / name}.log ends: {last_words}")

    def leftovers(self, names: Sequence[str]) -> None:
        """Processes of a killed launcher were ended."""
        if names:
            self._line(f"  ended what an earlier run had left behind: {', '.join(names)}")

    def ready(self, url: str, key: str | None, *, exposed: bool) -> None:
        """Everything works: say where to go."""
        self._end_status()
        self._line(f"\nEarshot is ready at {url} after {self.monotonic() - self._began:.1f} s\n")
        for name, path in PAGES:
            self._line(f"  {name:<12} {url}{path}")
        if key is None:
            self._line(f"  sign in      {url}/queues/signin   with your EARSHOT_API_KEY")
        else:
            self._line(f"  sign in      {url}/queues/signin#key={key}")
            self._line(f"  key          {key}   (every scope; send it as Authorization: Bearer ...)")
        self._line(f"  logs         {self.logs}")
        if exposed:
            self._line("  warning      it listens beyond this machine, without TLS: put a TLS proxy before it")
        self._line("\nCtrl-C stores what was heard and stops.")

    def stopping(self, what: str) -> None:
        """See Told."""
        self._end_status()
        self._line(f"  stopping: {what}")

    def stopped(self, *, stored: bool) -> None:
        """The end."""
        self._line(
            "Stopped; everything accepted is stored."
            if stored
            else "Stopped before everything was stored; the next start hears the last minutes again."
        )

    def _end_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, emoji=False)
