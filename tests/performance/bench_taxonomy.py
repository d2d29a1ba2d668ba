"""Accuracy of an own taxonomy on BANKING77 with ten examples a label, and the seconds until it is ready.

The examples are drawn from the official training part, five times; what is measured is the official test part. The
encoder is the shipped one, untouched. Run: python -m tests.performance.bench_taxonomy
"""

import os
import random
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from services.classify.core.text import prepare
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.model.own_taxonomy import with_taxonomy
from services.classify.settings import SHIPPED_ARTEFACT
from services.classify.training.datasets import read_rows
from shared.contracts.configuration import LabelDefinition, Taxonomy

ROOT: Final = Path(__file__).resolve().parents[2]
SHARED: Final = Path(os.environ.get("EARSHOT_TEST_SHARED", ROOT.parent / "shared"))
SET: Final = "banking77"
PER_LABEL: Final = 10
SEEDS: Final = (1, 2, 3, 4, 5)
BUDGET_SECONDS: Final = 10


def taxonomy_of(by_label: dict[str, list[str]], seed: int) -> Taxonomy:
    """Return the labels with examples drawn at random; their sentence is their name, for the set has no better one."""
    rng = random.Random(seed)
    labels = tuple(
        LabelDefinition(
            name=label.lower().rstrip("?"),
            description=label.replace("_", " "),
            examples=tuple(rng.sample(texts, PER_LABEL)),
        )
        for label, texts in sorted(by_label.items())
    )
    return Taxonomy(intents=labels, replace_intents=True)


def main() -> None:
    """Measure and print."""
    if not (SHARED / "data" / SET).is_dir():
        print(f"no {SET}: {SHARED}/data is missing; set EARSHOT_TEST_SHARED")
        return
    by_label: dict[str, list[str]] = defaultdict(list)
    test: list[tuple[str, str]] = []
    for row in read_rows(SHARED / "data", SET):
        if row.split == "train":
            by_label[row.label].append(row.text)
        else:
            test.append((row.text, row.label.lower().rstrip("?")))
    shipped = open_onnx_scorer(SHIPPED_ARTEFACT, threads=0, remembered_texts=0)
    vectors = shipped.encoder.vectors([prepare(text) for text, _ in test])
    accuracies: list[float] = []
    sure_shares: list[float] = []
    sure_right: list[float] = []
    seconds: list[tuple[float, float]] = []
    for seed in track(SEEDS, description="draws of examples"):
        began, worked = time.monotonic(), time.process_time()
        own = with_taxonomy(shipped, taxonomy_of(by_label, seed)).scorer
        seconds.append((time.monotonic() - began, time.process_time() - worked))
        head = own.heads.intent
        found = own.own["intent"].probabilities(vectors, np.zeros((len(test), 0)))
        right = [head.labels[int(each.argmax())] == label for each, (_, label) in zip(found, test, strict=True)]
        sure = [each.max() >= head.threshold for each in found]
        accuracies.append(float(np.mean(right)))
        sure_shares.append(float(np.mean(sure)))
        sure_right.append(float(np.mean(np.array(right)[sure])))
    print(f"{SET}, {len(by_label)} intents, {PER_LABEL} examples each, {len(test)} test texts, {shipped.model}")
    print(f"accuracy: mean {statistics.mean(accuracies):.3f}, each {', '.join(f'{a:.3f}' for a in accuracies)}")
    print(f"sure: {statistics.mean(sure_shares):.0%} of the texts, {statistics.mean(sure_right):.1%} of them right")
    slowest, work = max(each[0] for each in seconds), max(each[1] for each in seconds)
    print(f"ready after {slowest:.1f} s at most ({work:.1f} s of processor time; budget {BUDGET_SECONDS} s)")


if __name__ == "__main__":
    main()
