"""Kept rejections over HTTP: counted and listed by metrics, sent again by ingest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import httpx2

from shared.errors import PermanentError, TransientError

PAGE: Final = 200
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Kept:
    """The kept rejections of one installation. Every method raises TransientError and PermanentError."""

    client: httpx2.Client

    def reasons(self) -> Sequence[Row]:
        """Return reason, rejections, oldest, newest; the most frequent first."""
        found: Sequence[Row] = self._asked("GET", "/metrics/v1/rejections/reasons")["reasons"]
        return found

    def newest(self, reason: str | None = None) -> Iterator[Row]:
        """Yield all rejections, newest first, page by page."""
        wanted: dict[str, str | int] = {"limit": PAGE} | ({"reason": reason} if reason else {})
        while rows := self._asked("GET", "/metrics/v1/rejections", params=wanted)["rejections"]:
            yield from rows
            wanted["after"] = rows[-1]["id"]

    def one(self, identity: str) -> Row:
        """Return one rejection."""
        found: Row = self._asked("GET", f"/metrics/v1/rejections/{identity}")
        return found

    def replay(self, rows: Iterable[Row], *, repeat: bool, told: Callable[[Sequence[tuple[Row, Row]]], None]) -> None:
        """Send inputs again; `told` gets each finished page as pairs of rejection and outcome."""
        rest = iter(rows)
        while page := list(islice(rest, PAGE)):
            if any(row["excerpt"] is None for row in page):
                raise PermanentError("The key lacks the scope internal:read: the excerpt proves which record is meant.")
            wanted = {
                "rejections": [{"origin": row["origin"], "excerpt": row["excerpt"]} for row in page],
                "repeat": repeat,
            }
            outcomes = self._asked("POST", "/ingest/v1/rejections/replay", json=wanted)["outcomes"]
            told(list(zip(page, outcomes, strict=True)))

    def _asked(self, method: str, path: str, **sent: Any) -> Any:  # noqa: ANN401  # what the library takes, and JSON
        try:
            answer = self.client.request(method, path, **sent)
        except httpx2.HTTPError as error:
            raise TransientError(
                f"{self.client.base_url} does not answer: {error}. Is Earshot running there?"
            ) from error
        if answer.is_success:
            return answer.json()
        told = f"{method} {path} was answered with {answer.status_code}: {_detail(answer)}"
        raise TransientError(told) if answer.status_code in {502, 503, 504} else PermanentError(told)


def _detail(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
        return " ".join([body["detail"], *(each["detail"] for each in body.get("errors", ()))])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
