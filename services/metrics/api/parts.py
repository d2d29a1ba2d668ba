"""What the routes of the metrics service stand on, and what they all do: stamp, ask the store, refuse."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import orjson
from fastapi import Response

from services.metrics.api.schemas import EngagementParameters
from services.metrics.core.definitions import DEFINITION_VERSION
from services.metrics.core.ports import AnswerTooLargeError, Painter, Reader, Statement
from services.metrics.core.query import EngagementQuery
from services.metrics.core.voice import Voices
from shared.clock import Clock
from shared.contracts.activity import wire_time
from shared.contracts.configuration import Configuration
from shared.service.auth import Principal
from shared.service.problems import FieldError, HttpProblem

INTERNAL: Final = "internal:read"
NO_STORE: Final = {"Cache-Control": "no-store"}
Stamps = dict[str, str | int]


class Freshness(Protocol):
    """What the routes need to know about how far the figures reach."""

    @property
    def as_of(self) -> datetime:
        """Everything received before it is counted."""

    def lag_ms(self) -> int:
        """How far `as_of` is behind now."""


@dataclass(frozen=True)
class MetricsParts:
    """What the routes stand on; without a painter there are no pictures."""

    reader: Reader
    freshness: Freshness
    clock: Clock
    configuration: Configuration = field(default_factory=Configuration)
    painter: Painter | None = None

    @property
    def voices(self) -> Voices:
        """The tracked terms by group."""
        return Voices.of(self.configuration.tracking.phrases())

    def stamps(self) -> Stamps:
        """Return what every answer carries; take it before the figures are read: what it claims was there then."""
        return {
            "definition_version": DEFINITION_VERSION,
            "as_of": wire_time(self.freshness.as_of),
            "lag_ms": self.freshness.lag_ms(),
        }

    def fetch(self, statement: Statement, form: str = "JSONEachRow") -> bytes:
        """Return the store's answer. Raises HttpProblem 422 when it is too large."""
        try:
            return self.reader.fetch(statement, form)
        except AnswerTooLargeError as error:
            raise unfit("query", "The answer has too many rows: shorten the range, group by less or filter.") from error

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        """Return the store's answer as rows."""
        found: list[dict[str, Any]] = orjson.loads(self.fetch(statement) or b"[]")
        return found

    def query(self, parameters: EngagementParameters, principal: Principal, *, whole: bool = False) -> EngagementQuery:
        """Return what is asked. Raises HttpProblem 422 when the range does not fit."""
        try:
            return parameters.query(self.clock(), internal=principal.may(INTERNAL), whole=whole)
        except ValueError as error:
            raise unfit("query.from", str(error)) from error


def unfit(field_name: str, detail: str) -> HttpProblem:
    """Return the problem of a request that is understood and cannot be answered."""
    return HttpProblem(
        422, "The request does not fit; see errors.", errors=[FieldError(field=field_name, detail=detail)]
    )


def joined(stamps: Stamps, name: str, rows: bytes) -> bytes:
    """Return the JSON object {stamps..., name: rows} without reading the rows again."""
    head = orjson.dumps(stamps)[:-1] + (b"," if stamps else b"")
    return head + orjson.dumps(name) + b":" + (rows.strip() or b"[]") + b"}"


def json_answer(content: bytes, headers: dict[str, str] | None = None) -> Response:
    """Return JSON that nobody keeps."""
    return Response(content, media_type="application/json", headers=NO_STORE | (headers or {}))
