"""What the sinks and the API need of a store; services.metrics.store implements it, tests may fake it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import Row
from shared.errors import EarshotError

Parameter = str | int | list[str] | list[int]


class AnswerTooLargeError(EarshotError):
    """An answer has more rows than one request may take."""


@dataclass(frozen=True)
class Statement:
    """SQL text without any outside value in it, and the values bound to it."""

    sql: str
    parameters: dict[str, Parameter] = field(default_factory=dict)


class Facts(Protocol):
    """Takes versions of activities into facts and aggregates."""

    def apply(self, batch: VersionBatch) -> None:
        """Return once facts and aggregates hold the batch, durable and exact; applying it again changes nothing.

        Raises TransientError to be called again, PermanentError when that cannot help.
        """

    def begin(self, batch: VersionBatch) -> Callable[[], None]:
        """Begin to store a batch, in the order of the calls; what is returned completes it, and raises, as `apply`."""


class Snapshots(Protocol):
    """Keeps snapshots."""

    def keep(self, rows: Sequence[Row]) -> None:
        """Return once the rows are durable; keeping them again changes nothing. Raises as Facts.apply."""


class Rejections(Protocol):
    """Keeps Rejections."""

    def keep(self, rows: Sequence[Row]) -> None:
        """Return once the rows are durable. Raises as Facts.apply."""


class Reader(Protocol):
    """Answers statements in a serialised format of the engine."""

    def fetch(self, statement: Statement, form: str) -> bytes:
        """Return the answer as bytes in `form` (JSONEachRow gives one JSON array).

        Raises TransientError, AnswerTooLargeError.
        """


class Painter(Protocol):
    """Draws charts."""

    def picture(self, spec: dict[str, Any], form: str) -> bytes:
        """Return a Vega-Lite chart as svg or png. Raises TransientError when it cannot be drawn now."""

    def library(self) -> bytes:
        """Return the drawing library for a browser, one script. Raises TransientError."""
