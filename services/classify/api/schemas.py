"""Bodies of the classify API (design.md section 6)."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, StringConstraints

from shared.contracts.activity import Label


def _without_lone_surrogates(value: object) -> object:
    """JSON escapes can spell half a character; a text that holds one is classified like its readable rest."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Text = Annotated[StrictStr, BeforeValidator(_without_lone_surrogates), StringConstraints(max_length=100_000)]


class ClassifyBody(BaseModel):
    """Request of POST /v1/classify."""

    model_config = ConfigDict(extra="forbid")

    texts: list[Text] = Field(min_length=1, max_length=1_000)


class ClassificationBody(BaseModel):
    """The labels of one text."""

    department: Label
    intent: Label
    sentiment: Label
    unsure: bool


class ClassificationsBody(BaseModel):
    """Answer of POST /v1/classify: one classification per text, in order."""

    model: str
    classifications: list[ClassificationBody]
