"""How a question about a series becomes an answer: rows from the store, completed, in the form that was asked."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import Response

from services.metrics.api.parts import MetricsParts, Stamps, json_answer, unfit
from services.metrics.api.parts import joined as joined_json
from services.metrics.api.schemas import EngagementParameters
from services.metrics.api.tables import MEDIA_TYPES, Table, written
from services.metrics.charts import SPECS
from services.metrics.core.calendar import known_zone
from services.metrics.core.chart import drawn
from services.metrics.core.definitions import Metric
from services.metrics.core.ports import Statement
from services.metrics.core.query import EngagementQuery, series
from services.metrics.core.series import SeriesRow, filled, joined, localised
from services.metrics.core.snapshots import legacy_reach
from services.metrics.core.views import RESPONSIVENESS, SHIFT, SNAPSHOT_METRICS, VOICE, WORKING_METRICS, View
from services.metrics.core.voice_series import share_of_voice
from services.metrics.core.working_time import business_responses
from shared.contracts.activity import wire_time

PRIVATE: Final = "private, no-cache"
PICTURES: Final = ("svg", "png")


@dataclass(frozen=True)
class Asked:
    """A series that somebody asks for: the view, the question, the form and the ETag they hold."""

    view: View
    query: EngagementQuery
    parameters: EngagementParameters
    held_etag: str | None = None

    @property
    def by(self) -> tuple[str, ...]:
        """The columns that name a row besides its bucket."""
        return (*self.query.by, "group") if self.view is VOICE else self.query.by

    @property
    def plain(self) -> bool:
        """Whether the store's own text is the answer."""
        held = self.parameters
        return held.fill == held.compare == "none" and held.tz == "UTC" and held.format == "json"


@dataclass(frozen=True)
class SeriesDesk:
    """Answers questions about series."""

    parts: MetricsParts

    def statement(self, view: View, query: EngagementQuery) -> Statement:
        """Return the statement of a view's rows."""
        return share_of_voice(query, self.parts.voices) if view is VOICE else series(query, view)

    def metrics(self, view: View) -> tuple[Metric, ...]:
        """Return the metrics of a view here: business hours only where they are configured."""
        return (*view.metrics, *self._added(view))

    def _added(self, view: View) -> tuple[Metric, ...]:
        """Return what a statement of its own adds to the rows of a view."""
        if view is SHIFT:
            return SNAPSHOT_METRICS
        hours = self.parts.configuration.queues.business_hours
        return WORKING_METRICS if view is RESPONSIVENESS and hours else ()

    def rows(self, view: View, query: EngagementQuery) -> list[SeriesRow]:
        """Return the rows of a view that have anything."""
        found = self.parts.rows(self.statement(view, query))
        added = self._added(view)
        if not added:
            return found
        hours = self.parts.configuration.queues.business_hours
        asked = (
            business_responses(query, hours, self.parts.clock())
            if view is RESPONSIVENESS and hours
            else legacy_reach(query, SNAPSHOT_METRICS)
        )
        return joined(found, self.parts.rows(asked), query.by, [metric.name for metric in added])

    def answer(self, asked: Asked) -> Response:
        """Return the answer. Raises HttpProblem."""
        stamps = self.parts.stamps()
        if asked.plain and self.metrics(asked.view) == asked.view.metrics:
            body = self.parts.fetch(self.statement(asked.view, asked.query))
            return self._sent(asked, stamps, body, lambda: joined_json(stamps, "series", body))
        rows = self._complete(asked, asked.query)
        before = self._complete(asked, asked.query.previous()) if asked.parameters.compare == "previous" else None
        whole = orjson.dumps([rows, before])
        return self._sent(asked, stamps, whole, lambda: self._formed(asked, stamps, rows, before))

    def _complete(self, asked: Asked, query: EngagementQuery) -> list[SeriesRow]:
        rows = self.rows(asked.view, query)
        if asked.parameters.fill == "zero":
            try:
                rows = filled(rows, query.starts(), asked.by, self.metrics(asked.view))
            except ValueError as error:
                raise unfit("query.fill", str(error)) from error
        return rows if query.zone == "UTC" else localised(rows, known_zone(query.zone))

    def _formed(self, asked: Asked, stamps: Stamps, rows: list[SeriesRow], before: list[SeriesRow] | None) -> bytes:
        form = asked.parameters.format
        if form == "json":
            content: dict[str, Any] = {**stamps, "series": rows}
            if approximate := [each.name for each in self.metrics(asked.view) if each.approximate]:
                content["approximate"] = approximate
            if before is not None:
                earlier = asked.query.previous()
                span = {"from": wire_time(earlier.start), "to": wire_time(earlier.end)}
                content |= {"previous": before, "previous_range": span}
            return orjson.dumps(content)
        if form in PICTURES:
            return self._picture(asked, stamps, rows)
        columns = {"bucket": "instant", **({"bucket_local": "text"} if asked.query.zone != "UTC" else {})}
        if before is not None:
            columns = {"period": "text", **columns}
            rows = [{"period": "current"} | row for row in rows] + [{"period": "previous"} | row for row in before]
        columns |= dict.fromkeys(asked.by, "text")
        columns |= {each.name: "int" if each.unit == "count" else "float" for each in self.metrics(asked.view)}
        return written(Table(columns, rows), form, stamps)

    def _picture(self, asked: Asked, stamps: Stamps, rows: list[SeriesRow]) -> bytes:
        if self.parts.painter is None:
            raise unfit("query.format", "This installation draws no pictures; take json or csv.")
        held = asked.parameters
        subtitle = f"{wire_time(asked.query.start)} to {wire_time(asked.query.end)}, {held.tz}; as of {stamps['as_of']}"
        try:
            spec = drawn(SPECS[asked.view.name], rows, asked.query.by, (held.width, held.height, held.theme), subtitle)
        except ValueError as error:
            raise unfit("query.bucket", str(error)) from error
        return self.parts.painter.picture(spec, held.format)

    def _sent(self, asked: Asked, stamps: Stamps, content: bytes, formed: Callable[[], bytes]) -> Response:
        """Return the body; what lies behind `as_of` changes only by edits and late arrivals, so it has an ETag."""
        headers = {f"X-Earshot-{name.replace('_', '-').title()}": str(value) for name, value in stamps.items()}
        if asked.query.end <= self.parts.freshness.as_of:
            held = asked.parameters
            look = f"{held.format} {held.width} {held.height} {held.theme} {held.tz}"
            etag = f'W/"{hashlib.sha256(look.encode() + content).hexdigest()[:32]}"'
            headers |= {"ETag": etag, "Cache-Control": PRIVATE}
            if asked.held_etag and etag in {each.strip() for each in asked.held_etag.split(",")}:
                return Response(status_code=304, headers=headers)
        form = asked.parameters.format
        body = formed()
        if form == "json":
            return json_answer(body, headers)
        name = f'attachment; filename="{asked.view.name}.{form}"' if form not in PICTURES else "inline"
        headers = {"Cache-Control": "no-store", "Content-Disposition": name} | headers
        return Response(body, media_type=MEDIA_TYPES[form], headers=headers)
