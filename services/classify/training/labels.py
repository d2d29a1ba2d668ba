"""Real posts labelled by reading: labels named by set and sha256 of the text, split by that hash; holds no text."""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from services.classify.core.labels import HEAD_NAMES
from services.classify.training.mapping import Meaning

LABELS: Final = Path(__file__).with_name("labels.tsv")
SIXTEENTHS_TEST: Final = 3
SIXTEENTHS_TUNING: Final = 2

Part = Literal["test", "tuning", "training"]


@dataclass(frozen=True)
class LabelledPost:
    """The labels of one real post: as they stand in the end, and as each of two readers gave them."""

    set_name: str
    sha256: str
    meaning: Meaning
    state: str
    readings: tuple[Meaning, Meaning] | None
    """None when only one reader has read it."""

    @property
    def part(self) -> Part:
        """The part this post belongs to for ever; it depends on its text alone."""
        sixteenth = int(self.sha256[:8], 16) % 16
        if sixteenth < SIXTEENTHS_TEST:
            return "test"
        return "tuning" if sixteenth < SIXTEENTHS_TEST + SIXTEENTHS_TUNING else "training"


def sha256_of_text(text: str) -> str:
    """Return the digest by which a text is named, of the text exactly as its set has it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _reading(joined: str, final: Meaning) -> Meaning:
    """Return one reader's labels; an empty field means that they are the final ones."""
    return Meaning(*joined.split("/")) if joined else final


def read_labels(path: Path = LABELS) -> Iterator[LabelledPost]:
    """Yield the labelled posts."""
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            final = Meaning(row["department"], row["intent"], row["sentiment"])
            both = (_reading(row["first_reader"], final), _reading(row["second_reader"], final))
            readings = None if row["state"] == "single" else both
            yield LabelledPost(row["set"], row["sha256"], final, row["state"], readings)


def agreement(posts: Sequence[LabelledPost]) -> dict[str, dict[str, float]]:
    """Return per head how often both readers gave the same label, raw and beyond chance (Cohen's kappa)."""
    found = {}
    read_twice = [post.readings for post in posts if post.readings]
    for head in HEAD_NAMES:
        pairs = [tuple(str(getattr(reading, head)) for reading in readings) for readings in read_twice]
        same = sum(first == second for first, second in pairs) / len(pairs)
        firsts, seconds = ([pair[side] for pair in pairs] for side in (0, 1))
        chance = sum(firsts.count(label) * seconds.count(label) for label in set(firsts)) / len(pairs) ** 2
        found[head] = {"texts": len(pairs), "same": round(same, 3), "kappa": round((same - chance) / (1 - chance), 3)}
    return found
