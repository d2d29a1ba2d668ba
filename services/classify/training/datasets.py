"""Reads the labelled sets and our own posts into examples, and keeps training and held-out texts apart."""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from services.classify.core.text import prepare
from services.classify.training.labels import LabelledPost, Part, read_labels, sha256_of_text
from services.classify.training.mapping import MAPPED_SETS, MappedSet, Meaning

OWN_POSTS: Final = Path(__file__).with_name("posts.jsonl")
GOLD: Final = Path(__file__).with_name("gold.jsonl")
OWN: Final = "own_posts"
GOLD_NAME: Final = "real_posts_first_sample"
REAL_NAME: Final = "real_posts_labelled_by_us"
HELD_OUT_TEXTS: Final = 2_000
"""How many held-out texts of one set are measured at most."""


class Row(NamedTuple):
    """One line of a set's data.tsv."""

    text: str
    label: str
    split: str


@dataclass(frozen=True)
class Example:
    """A prepared text with what is known about its labels."""

    text: str
    meaning: Meaning
    source: str
    readings: tuple[Meaning, Meaning] | None = None
    """What each of two readers said, where that is known: for learning, a label they differ on counts half each."""

    def label(self, head: str) -> str | None:
        """Return the label for a head, or None when this example is silent about it."""
        value: str | None = getattr(self.meaning, head)
        return value


@dataclass(frozen=True)
class Corpus:
    """Examples to learn from, to choose temperatures and thresholds on, and to measure on by where they come from."""

    training: Sequence[Example]
    tuning: Sequence[Example]
    held_out: dict[str, list[Example]]


def fingerprint(text: str) -> str:
    """Return a short digest of a text as prepared; names a text without holding it."""
    return hashlib.sha256(prepare(text).encode()).hexdigest()[:16]


def tenth(prepared: str) -> int:
    """Return a number from 0 to 9 that depends on the text alone, so a text is on one side for ever."""
    return hashlib.sha256(prepared.encode()).digest()[0] % 10


def is_for_tuning(prepared: str) -> bool:
    """Tell whether a real post labelled by us belongs to the half that settings are chosen on; the rest is the test."""
    return hashlib.sha256(prepared.encode()).digest()[7] % 2 == 0


def read_rows(folder: Path, name: str) -> Iterator[Row]:
    """Yield the rows of a set."""
    with (folder / name / "data.tsv").open(encoding="utf-8", newline="\n") as lines:
        next(lines)
        for line in lines:
            parts = line.rstrip("\n").split("\t")
            if len(parts) == 3:
                yield Row(*parts)


def read_gold(folder: Path, path: Path = GOLD) -> list[Example]:
    """Return real posts of the sets with our own labels; the file names texts by fingerprint, it holds none."""
    wanted = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts: dict[tuple[str, str], str] = {}
    for name in sorted({each["set"] for each in wanted}):
        texts |= {(name, fingerprint(row.text)): row.text for row in read_rows(folder, name)}
    return [
        Example(
            prepare(texts[each["set"], each["fingerprint"]]),
            Meaning(each["department"], each["intent"], each["sentiment"]),
            GOLD_NAME,
        )
        for each in wanted
    ]


def read_own_posts(path: Path = OWN_POSTS) -> list[Example]:
    """Return the posts written for Earshot, each labelled for all three heads."""
    examples = []
    for line in path.read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        examples.append(
            Example(prepare(each["text"]), Meaning(each["department"], each["intent"], each["sentiment"]), OWN)
        )
    return examples


def _is_held_out(row: Row, prepared: str, mapped: MappedSet) -> bool:
    if mapped.train_splits == ("all",):
        return tenth(prepared) < mapped.held_out_tenths
    return row.split not in mapped.train_splits


def _examples(folder: Path, mapped: MappedSet, rng: random.Random) -> tuple[list[Example], list[Example]]:
    """Return capped training examples and all held-out examples of one set."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    held_out = []
    for row in read_rows(folder, mapped.name):
        named = mapped.named(row.label)
        prepared = prepare(row.text)
        if named is None or not prepared:
            continue
        example = Example(prepared, mapped.meanings[named], mapped.name)
        if _is_held_out(row, prepared, mapped):
            held_out.append(example)
        else:
            by_label[named].append(example)
    training = []
    for label in sorted(by_label):
        rows = by_label[label]
        rng.shuffle(rows)
        training.extend(rows[: mapped.cap_per_label])
    return training, held_out


def _distinct(examples: Iterable[Example], known: set[str]) -> list[Example]:
    kept = []
    for example in examples:
        if example.text not in known:
            known.add(example.text)
            kept.append(example)
    return kept


def _texts_of(folder: Path, posts: Sequence[LabelledPost]) -> dict[tuple[str, str], str]:
    """Return the texts of labelled posts from their sets, by set and sha256."""
    wanted = {(post.set_name, post.sha256) for post in posts}
    texts = {}
    for name in sorted({post.set_name for post in posts}):
        for row in read_rows(folder, name):
            key = (name, sha256_of_text(row.text))
            if key in wanted:
                texts[key] = row.text
    return texts


def read_real_posts(folder: Path) -> dict[Part, list[Example]]:
    """Return the real posts labelled by reading, by part."""
    posts = list(read_labels())
    texts = _texts_of(folder, posts)
    parts: dict[Part, list[Example]] = {"training": [], "tuning": [], "test": []}
    for post in posts:
        prepared = prepare(texts[post.set_name, post.sha256])
        if prepared:
            parts[post.part].append(Example(prepared, post.meaning, REAL_NAME, post.readings))
    return parts


def read_corpus(folder: Path, *, seed: int) -> Corpus:
    """Return training, tuning and held-out examples; no prepared text is on two sides."""
    rng = random.Random(seed)  # noqa: S311  # sampling, not secrets
    own, gold, real = read_own_posts(), read_gold(folder), read_real_posts(folder)
    held_out: dict[str, list[Example]] = {
        REAL_NAME: real["test"],
        GOLD_NAME: [each for each in gold if not is_for_tuning(each.text)],
        OWN: [each for each in own if tenth(each.text) < 1],
    }
    kept_apart = {each.text for examples in held_out.values() for each in examples}
    tuning = _distinct([*real["tuning"], *(each for each in gold if is_for_tuning(each.text))], kept_apart)
    training = _distinct([*real["training"], *(each for each in own if tenth(each.text) >= 1)], set(kept_apart))
    read_by_us = {each.text for each in (*tuning, *training)}
    for mapped in MAPPED_SETS:
        learnt, kept = _examples(folder, mapped, rng)
        training.extend(learnt)
        rng.shuffle(kept)
        held_out[mapped.name] = [each for each in kept if each.text not in read_by_us][:HELD_OUT_TEXTS]
    measured = {each.text for examples in held_out.values() for each in examples}
    return Corpus(_distinct(training, measured | {each.text for each in tuning}), tuning, held_out)
