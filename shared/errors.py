"""The error tree, cut by what the caller must do next, not by which library failed.

EarshotError
    TransientError            network, broker or store busy: keep the work, do not commit, wait, retry
    PermanentError            our own bug or broken state: log, exit non-zero, be restarted
        ConfigurationError    at start only; carries every problem at once
        ContractError         a schema, table or artefact does not match the code

A Rejection (shared.contracts.rejection) is *not* an exception: bad outside data is a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class EarshotError(Exception):
    """Root of everything Earshot raises on purpose."""


class TransientError(EarshotError):
    """The other side is away or busy; the same call may succeed later."""

    def __init__(self, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(EarshotError):
    """Retrying cannot help; the process should stop loudly."""


class ContractError(PermanentError):
    """A schema, table or artefact is not what the code was written for."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration: where it stands and what to do."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigurationError(PermanentError):
    """The configuration cannot be used; `problems` lists everything wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} problem(s) in the configuration:\n{lines}")
