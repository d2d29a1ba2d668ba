"""An own taxonomy as plain values: which labels a head gets, from which examples, and what is doubtful about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.classify.core.text import prepare
from shared.contracts.configuration import LabelDefinition

WANTED_EXAMPLES: Final = 5
"""Fewer say too little about a label."""


@dataclass(frozen=True)
class OwnLabel:
    """A label of the taxonomy: its sentence and its examples, prepared, without repeats and empty ones."""

    name: str
    description: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What one head becomes: its labels in order, those the shipped model goes on judging, and the own ones."""

    head: str
    labels: tuple[str, ...]
    kept: tuple[str, ...]
    own: tuple[OwnLabel, ...]

    @property
    def extended(self) -> bool:
        """Tell whether a kept label got examples of its own."""
        return any(each.name in self.kept for each in self.own)


@dataclass(frozen=True)
class Finding:
    """Something doubtful about a label; nothing is refused for it."""

    head: str
    label: str
    problem: str

    def __str__(self) -> str:
        return f"{self.head} {self.label}: {self.problem}"


def _own(definition: LabelDefinition) -> OwnLabel:
    prepared = dict.fromkeys(text for each in definition.examples if (text := prepare(each)))
    return OwnLabel(definition.name, prepare(definition.description), tuple(prepared))


def plan(head: str, shipped: Sequence[str], definitions: Sequence[LabelDefinition], *, replace: bool) -> Plan:
    """Return what a head becomes.

    Added to: every shipped label is kept, a definition with a shipped name adds its sentence and examples to it, any
    other name is a new label at the end. Replaced: the labels are those defined, in that order; a shipped name without
    examples is judged as shipped.
    """
    own = tuple(_own(each) for each in definitions)
    if not replace:
        return Plan(head, (*shipped, *(each.name for each in own if each.name not in shipped)), tuple(shipped), own)
    kept = tuple(each.name for each in own if each.name in shipped and not each.examples)
    return Plan(head, tuple(each.name for each in own), kept, tuple(each for each in own if each.name not in kept))


def of_words(wanted: Plan) -> list[Finding]:
    """Return what the examples' number and wording alone say: too few, or one text under two labels."""
    found = []
    labels_of: dict[str, list[str]] = {}
    for label in wanted.own:
        if len(label.examples) < WANTED_EXAMPLES and label.name not in wanted.kept:
            number = f"{len(label.examples)} example" + ("" if len(label.examples) == 1 else "s")
            found.append(Finding(wanted.head, label.name, f"{number}; give {WANTED_EXAMPLES} to 50 that differ"))
        for text in label.examples:
            labels_of.setdefault(text, []).append(label.name)
    for text, labels in labels_of.items():
        found += [
            Finding(wanted.head, labels[0], f"has an example of {other} too: {text[:80]!r}") for other in labels[1:]
        ]
    return found
