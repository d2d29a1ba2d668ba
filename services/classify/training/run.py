"""One training run: sets and own posts to an artefact folder. Seeded; the same inputs give the same heads."""

import random
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from rich.progress import track

from services.classify.core.labels import TAXONOMY
from services.classify.model.artefact import ENCODER, HEADS, TOKENIZER, Artefact, load_artefact, write_manifest
from services.classify.model.encoder import OnnxEncoder, Vectors
from services.classify.training.datasets import OWN, Corpus, Example, read_corpus
from services.classify.training.evaluate import evaluate
from services.classify.training.fit import TARGET_PRECISION, Fitted, Labelled, fit_head
from services.classify.training.mapping import MAPPED_SETS
from services.classify.training.minilm import NAME, SOURCE, Cut, build_encoder, package_path

CALIBRATION_TEXTS: Final = 400
OWN_WEIGHT: Final = 10.0
TEXTS_PER_STEP: Final = 1_000


@dataclass(frozen=True)
class Plan:
    """What to train and where to put it."""

    data: Path
    out: Path
    version: str
    cut: Cut
    seed: int


def embed(encoder: OnnxEncoder, texts: Sequence[str], what: str) -> Vectors:
    """Return the vectors of texts, with a progress bar."""
    steps = range(0, len(texts), TEXTS_PER_STEP)
    parts = [encoder.vectors(texts[start : start + TEXTS_PER_STEP]) for start in track(steps, description=what)]
    return np.concatenate(parts)


def labelled(examples: Sequence[Example], vectors: Vectors, head: str, *, own_weight: float) -> Labelled:
    """Return what examples say about a head."""
    labels = TAXONOMY[head]
    chosen = [
        (index, labels.index(label), own_weight if each.source == OWN else 1.0)
        for index, each in enumerate(examples)
        if (label := each.label(head)) is not None
    ]
    indices, targets, weights = zip(*chosen, strict=True)
    return Labelled(vectors[list(indices)], np.array(targets), np.array(weights))


def counts(examples: Iterable[Example]) -> dict[str, Any]:
    """Return how many training texts came from each set, with the set's licence class."""
    licences = {each.name: each.licence for each in MAPPED_SETS}
    per_set = Counter(each.source for each in examples)
    return {name: {"texts": per_set[name], "licence_class": licences.get(name, "own")} for name in sorted(per_set)}


def _fit_all(corpus: Corpus, encoder: OnnxEncoder, seed: int) -> dict[str, Fitted]:
    vectors = embed(encoder, [each.text for each in corpus.training], "training texts to vectors")
    tuning_vectors = embed(encoder, [each.text for each in corpus.tuning], "tuning texts to vectors")
    fitted = {}
    for head in track(list(TAXONOMY), description="heads"):
        training = labelled(corpus.training, vectors, head, own_weight=OWN_WEIGHT)
        tuning = labelled(corpus.tuning, tuning_vectors, head, own_weight=1.0)
        fitted[head] = fit_head(
            training, tuning, len(TAXONOMY[head]), target_precision=TARGET_PRECISION[head], seed=seed
        )
    return fitted


def _card(plan: Plan, corpus: Corpus, fitted: dict[str, Fitted], width: int) -> dict[str, Any]:
    heads = {
        name: {
            "labels": TAXONOMY[name],
            "threshold": each.threshold,
            "target_precision": TARGET_PRECISION[name],
            "temperature": each.temperature,
            "precision": each.precision,
            "coverage": each.coverage,
        }
        for name, each in fitted.items()
    }
    encoder = {
        "name": NAME,
        "source": SOURCE,
        "layers": plan.cut.layers,
        "inner_width": plan.cut.inner_width,
        "vector_width": width,
        "max_tokens": plan.cut.max_tokens,
    }
    training = {"seed": plan.seed, "sets": counts(corpus.training)}
    return {"model": plan.version, "encoder": encoder, "heads": heads, "training": training}


def train(plan: Plan) -> Artefact:
    """Build, fit, measure and write an artefact, and return it as the service will load it."""
    corpus = read_corpus(plan.data, seed=plan.seed)
    plan.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(plan.seed)  # noqa: S311  # sampling, not secrets
    sample = [each.text for each in rng.sample(list(corpus.training), CALIBRATION_TEXTS)]
    onnx.save(build_encoder(plan.cut, sample), plan.out / ENCODER)
    shutil.copyfile(package_path() / "tokenizer.json", plan.out / TOKENIZER)
    width = 2 * 384
    encoder = OnnxEncoder(plan.out / ENCODER, plan.out / TOKENIZER, max_tokens=plan.cut.max_tokens, width=width)
    fitted = _fit_all(corpus, encoder, plan.seed)
    arrays = {f"{name}.weight": each.weights.weight for name, each in fitted.items()}
    arrays |= {f"{name}.bias": each.weights.bias for name, each in fitted.items()}
    np.savez(plan.out / HEADS, allow_pickle=False, **arrays)
    card = _card(plan, corpus, fitted, width)
    write_manifest(plan.out, card)
    card["scores"] = evaluate(load_artefact(plan.out), plan.data, seed=plan.seed)
    write_manifest(plan.out, card)
    return load_artefact(plan.out)
