"""Both sides of the trade: posts per second and macro-F1 on held-back real posts, as a table and a curve.

Points are the shipped artefact, the two-layer one it replaced (from the repository's history), both also reading fewer
tokens, and cascades in which two layers answer where they are sure. Speed is two cores' worth of processor time;
rounds of all points alternate and the least time of each counts, for a shared machine slows down by the minute.
Run: python -m tests.performance.bench_classify_curve [FOLDER for speed.md and speed.svg]
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from services.classify.core.labels import HEAD_NAMES
from services.classify.core.ports import Scores
from services.classify.model.artefact import ENCODER, FILES, MANIFEST, TOKENIZER, load_artefact
from services.classify.model.encoder import OnnxEncoder
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.settings import SHIPPED_ARTEFACT
from services.classify.training.datasets import REAL_NAME, Example, read_corpus
from services.classify.training.evaluate import answers
from services.classify.training.measures import per_label
from tests.performance.bench_classify import ROOT, SHARED
from tests.performance.speed_picture import Point, speed_page, speed_picture

TWO_LAYERS: Final = "3ed2054"
"""The commit whose artefact has two layers."""
TOKENS: Final = (128, 64, 48, 32, 24, 16)
SURE_FROM: Final = (0.95, 0.9, 0.8, 0.7, 0.5)
SEEN: Final = ("memory", TOKENS[0])
CORES: Final = 2
ROUNDS: Final = 7


Way = tuple[str, int]
"""The name of an artefact and how many tokens it reads."""


@dataclass(frozen=True)
class Measured:
    """Scores of all posts and the processor time of one post, in seconds."""

    scores: Sequence[Scores]
    seconds: float


def earlier_artefact(folder: Path) -> Path | None:
    """Return the two-layer artefact, written into a folder; None where the history is not here."""
    for name in (*FILES, MANIFEST):
        asked = ["git", "show", f"{TWO_LAYERS}:services/classify/artefact/{name}"]
        found = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
        if found.returncode != 0:
            return None
        (folder / name).write_bytes(found.stdout)
    return folder


def reading(folder: Path, tokens: int) -> LinearScorer:
    """Return an artefact's scorer that reads so many tokens of a post at most."""
    scorer = open_onnx_scorer(folder, threads=0, remembered_texts=0)
    width = load_artefact(folder).manifest.encoder.vector_width
    return replace(scorer, encoder=OnnxEncoder(folder / ENCODER, folder / TOKENIZER, max_tokens=tokens, width=width))


def measured(scorers: dict[Way, LinearScorer], texts: Sequence[str]) -> dict[Way, Measured]:
    """Return for each scorer its scores and the least time of a post, rounds alternating."""
    scores = {way: scorer.score(texts) for way, scorer in scorers.items()}
    least = dict.fromkeys(scorers, float("inf"))
    for _ in track(range(ROUNDS), description="rounds"):
        for way, scorer in scorers.items():
            began = time.process_time()
            scorer.score(texts)
            least[way] = min(least[way], time.process_time() - began)
    return {way: Measured(scores[way], least[way] / len(texts)) for way in scorers}


def macro_f1(examples: Sequence[Example], scores: Sequence[Scores]) -> float:
    """Return F1 averaged over the labels of a head that occur, and over the heads."""
    of_heads = []
    for head in HEAD_NAMES:
        found = answers(examples, scores, head)
        if found is not None:
            of_heads.append(np.mean([each["f1"] for each in per_label(found).values() if each["texts"]]))
    return float(np.mean(of_heads))


def cascade(fast: Measured, slow: Measured, sure_from: float) -> tuple[Measured, float]:
    """Return what `fast` where it is sure and `slow` elsewhere give, and the share that is handed on."""
    sure = [min(max(each.department), max(each.intent), max(each.sentiment)) >= sure_from for each in fast.scores]
    chosen = [one if is_sure else other for one, other, is_sure in zip(fast.scores, slow.scores, sure, strict=True)]
    handed_on = 1 - float(np.mean(sure))
    return Measured(chosen, fast.seconds + handed_on * slow.seconds), handed_on


def points(examples: Sequence[Example], earlier: Path | None) -> list[Point]:
    """Return every point of the curve, measured."""
    texts = [each.text for each in examples]

    def point(series: str, name: str, found: Measured) -> Point:
        return Point(series, name, CORES / found.seconds, macro_f1(examples, found.scores))

    folders = {"four layers": SHIPPED_ARTEFACT} | ({"two layers": earlier} if earlier else {})
    by_way = measured({(name, n): reading(path, n) for name, path in folders.items() for n in TOKENS}, texts)
    found = [point(name, f"{tokens} tokens", each) for (name, tokens), each in by_way.items()]
    if earlier:
        for sure_from in SURE_FROM:
            each, handed_on = cascade(by_way["two layers", TOKENS[0]], by_way["four layers", TOKENS[0]], sure_from)
            found.append(point("cascade", f"two layers sure from {sure_from}, {handed_on:.0%} handed on", each))
    shipped = open_onnx_scorer(SHIPPED_ARTEFACT, threads=0, remembered_texts=len(texts))
    shipped.score(texts)
    found.append(point("memory", "every text seen before", measured({SEEN: shipped}, texts)[SEEN]))
    return found


def main(out: Path | None = None) -> None:
    """Measure and print; write the page and the picture where a folder is named."""
    if not (SHARED / "data").is_dir():
        print(f"no real texts: {SHARED}/data is missing; set EARSHOT_TEST_SHARED")
        return
    examples = [each for each in read_corpus(SHARED / "data", seed=7).held_out[REAL_NAME] if each.label("intent")]
    with tempfile.TemporaryDirectory() as folder:
        found = points(examples, earlier_artefact(Path(folder)))
    base = found[0]
    print(f"{len(examples)} held-back real posts; posts/s on two cores from processor time, macro-F1 over three heads")
    for each in found:
        ratio = each.posts_per_second / base.posts_per_second
        speed = f"{each.posts_per_second:9,.0f} posts/s {ratio:6.2f}x"
        print(f"{each.series:12} {each.name:42} {speed}  F1 {each.macro_f1:.3f}")
    if out:
        (out / "speed.svg").write_text(speed_picture(found), encoding="utf-8")
        (out / "speed.md").write_text(speed_page(found, len(examples)), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:2]))
