"""The default taxonomy as frozen data, and what a model's heads offer: labels in order and thresholds."""

from dataclasses import dataclass
from typing import Final

DEPARTMENTS: Final = (
    "support", "billing", "product", "sales", "marketing", "people", "it", "legal_security", "none",
)  # fmt: skip
INTENTS: Final = (
    "cancellation", "outage", "complaint", "suggestion", "request", "purchase_interest", "question", "praise",
    "announcement", "spam", "chatter",
)  # fmt: skip
SENTIMENTS: Final = ("negative", "neutral", "positive")
TAXONOMY: Final = {"department": DEPARTMENTS, "intent": INTENTS, "sentiment": SENTIMENTS}
HEAD_NAMES: Final = tuple(TAXONOMY)


@dataclass(frozen=True)
class Head:
    """The labels of one head in the order of its scores; a best label below `threshold` makes a post unsure."""

    labels: tuple[str, ...]
    threshold: float


@dataclass(frozen=True)
class Heads:
    """The three heads of one model version."""

    department: Head
    intent: Head
    sentiment: Head
