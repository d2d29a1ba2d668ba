"""The filter parameters that items, queues and the stream share: repeatable, or lists with commas."""

from typing import Annotated, Final

from fastapi import Depends, Query

from services.queues.core.filters import Filter
from services.queues.core.post import State
from shared.contracts.activity import Surface
from shared.service.auth import Principal, requires
from shared.service.problems import FieldError, HttpProblem

MOST_VALUES: Final = 50
MOST_CHARACTERS: Final = 64
CHOICES: Final = {"state": frozenset(State), "surface": frozenset(Surface)}

Values = Annotated[list[str], Query(description="Repeatable, or a list with commas.")]
Reader = Annotated[Principal, Depends(requires("queues:read"))]
Writer = Annotated[Principal, Depends(requires("queues:write"))]


def may_see_internal(principal: Principal) -> bool:
    """Tell whether internal posts exist for this key (invariant 9)."""
    return principal.may("internal:read")


def the_filter(
    principal: Reader,
    department: Values = [],  # noqa: B006  # FastAPI copies defaults
    intent: Values = [],  # noqa: B006
    sentiment: Values = [],  # noqa: B006
    state: Values = [],  # noqa: B006
    surface: Values = [],  # noqa: B006
) -> Filter:
    """Return the Filter of a request. Raises HttpProblem 422 naming every value that cannot be meant."""
    given = {"department": department, "intent": intent, "sentiment": sentiment, "state": state, "surface": surface}
    split = {name: _split(values) for name, values in given.items()}
    errors = [error for name, values in split.items() if (error := _complaint(name, values)) is not None]
    if errors:
        raise HttpProblem(422, "The filter does not fit; see errors.", errors=errors)
    return Filter(internal=may_see_internal(principal), **split)


def _split(values: list[str]) -> frozenset[str]:
    return frozenset(part.strip() for value in values for part in value.split(",") if part.strip())


def _complaint(name: str, values: frozenset[str]) -> FieldError | None:
    if len(values) > MOST_VALUES:
        return FieldError(field=f"query.{name}", detail=f"expected at most {MOST_VALUES} values, found {len(values)}")
    choices = CHOICES.get(name)
    for value in sorted(values):
        if choices is not None and value not in choices:
            detail = f"expected one of {', '.join(sorted(choices))}; found {value[:MOST_CHARACTERS]!r}"
            return FieldError(field=f"query.{name}", detail=detail)
        if len(value) > MOST_CHARACTERS or not value.isprintable():
            detail = f"expected a label of at most {MOST_CHARACTERS} printable characters"
            return FieldError(field=f"query.{name}", detail=detail)
    return None


Wanted = Annotated[Filter, Depends(the_filter)]
