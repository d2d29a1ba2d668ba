"""Correction: an agent's word on the labels of one post, the value of `labels.corrected.v1`; carries no text."""

from shared.contracts.activity import Frozen, Instant, Surface


class Labels(Frozen):
    """Department, intent and sentiment as a person or a queue holds them; the department may be the triage desk."""

    department: str
    intent: str
    sentiment: str


class Correction(Frozen):
    """One correction; `id` is the activity's and `version` the item's after it, so a repeat is known as one."""

    id: str
    version: int
    channel: str
    surface: Surface
    old: Labels
    new: Labels
    agent: str
    key: str
    corrected_at: Instant
