"""JSON from outside: quick on what is well-formed, lenient on the rest, so that one item spoils no other."""

import json
from typing import NoReturn

import orjson

from services.ingest.core.fields import InvalidField
from shared.contracts.rejection import Reason

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parse(raw: bytes, field: str) -> object:
    """Return the JSON value; broken UTF-8 and lone surrogates stay visible as surrogates. Raises InvalidField."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _parse_leniently(raw.removeprefix(BYTE_ORDER_MARK), field)


def _parse_leniently(raw: bytes, field: str) -> object:
    try:
        return json.loads(raw.decode("utf-8", "surrogateescape"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        detail = f"expected JSON, found something else at character {error.pos}: {error.msg}"
    except RecursionError:
        detail = "expected JSON of sensible depth, found too many nested levels"
    except ValueError as error:
        detail = f"expected JSON: {str(error)[:200]}"
    raise InvalidField(Reason.INVALID_JSON, field, detail)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
