"""One training run: sets and posts read by us to an artefact folder. Seeded; the same inputs give the same heads."""

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from services.classify.core.labels import TAXONOMY
from services.classify.model.artefact import (
    DEFAULT_PRECISION,
    ENCODER,
    HEADS,
    TOKENIZER,
    Artefact,
    load_artefact,
    write_manifest,
)
from services.classify.model.encoder import OnnxEncoder, Vectors
from services.classify.model.heads import logits, softmax
from services.classify.training.datasets import OWN_POSTS, Corpus, Example, read_corpus
from services.classify.training.evaluate import evaluate
from services.classify.training.finetune import JointModel, Lesson, Recipe, fine_tune
from services.classify.training.fit import TARGET_PRECISION, Fitted, Labelled, calibrated
from services.classify.training.labels import LABELS, agreement, read_labels
from services.classify.training.mapping import MAPPED_SETS
from services.classify.training.measures import Answers
from services.classify.training.minilm import (
    NAME,
    SOURCE,
    Cut,
    cut_weights,
    load_weights,
    package_path,
    quantised,
    token_ids,
)
from services.classify.training.sureness import WANTED_PRECISIONS, Sureness, choose
from services.classify.training.targets import epochs_of, head_targets

CALIBRATION_TEXTS: Final = 400
WIDTH: Final = 2 * 384


@dataclass(frozen=True)
class Plan:
    """What to train and where to put it."""

    data: Path
    out: Path
    version: str
    cut: Cut
    recipe: Recipe

    @property
    def seed(self) -> int:
        """The one seed of a run."""
        return self.recipe.seed


def tuned(corpus: Corpus, plan: Plan, sample: Sequence[str]) -> JointModel:
    """Return the cut encoder and its heads after fine-tuning on the training part."""
    examples = corpus.training
    lesson = Lesson(
        token_ids([each.text for each in examples], plan.cut.max_tokens),
        {head: head_targets(examples, head) for head in TAXONOMY},
        epochs_of(examples, plan.recipe.epochs),
    )
    return fine_tune(cut_weights(load_weights(), plan.cut, sample), plan.cut.shape, lesson, plan.recipe)


def labelled(examples: Sequence[Example], vectors: Vectors, head: str) -> Labelled:
    """Return what examples say about a head."""
    labels = TAXONOMY[head]
    chosen = [
        (index, labels.index(label)) for index, each in enumerate(examples) if (label := each.label(head)) is not None
    ]
    indices, targets = zip(*chosen, strict=True)
    return Labelled(vectors[list(indices)], np.array(targets), np.ones(len(targets)))


def counts(examples: Iterable[Example]) -> dict[str, Any]:
    """Return how many training texts came from each set, with the set's licence class."""
    licences = {each.name: each.licence for each in MAPPED_SETS}
    per_set = Counter(each.source for each in examples)
    return {name: {"texts": per_set[name], "licence_class": licences.get(name, "own")} for name in sorted(per_set)}


def _heads_card(fitted: dict[str, Fitted]) -> dict[str, Any]:
    return {
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


def _card(plan: Plan, corpus: Corpus, fitted: dict[str, Fitted]) -> dict[str, Any]:
    encoder = {
        "name": NAME,
        "source": SOURCE,
        "layers": plan.cut.layers,
        "inner_width": plan.cut.inner_width,
        "vector_width": WIDTH,
        "max_tokens": plan.cut.max_tokens,
        "fine_tuned": True,
    }
    training = {
        "recipe": asdict(plan.recipe),
        "sets": counts(corpus.training),
        "tuning_texts": len(corpus.tuning),
        "inputs": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (LABELS, OWN_POSTS)},
        "readers_agreement": agreement(list(read_labels())),
    }
    return {"model": plan.version, "encoder": encoder, "heads": _heads_card(fitted), "training": training}


def sureness(fitted: Mapping[str, Fitted], tuning: Mapping[str, Labelled]) -> dict[str, Sureness]:
    """Return by wanted precision the thresholds of department and intent, chosen together on the tuning part."""
    department, intent = (
        Answers(
            TAXONOMY[head],
            tuning[head].labels,
            softmax(logits(tuning[head].vectors, fitted[head].weights), fitted[head].temperature),
        )
        for head in ("department", "intent")
    )
    return {f"{wanted:.2f}": choose(department, intent, wanted=wanted) for wanted in WANTED_PRECISIONS}


def with_thresholds(fitted: Mapping[str, Fitted], sure: Sureness) -> dict[str, Fitted]:
    """Return the heads with the thresholds of one wanted precision."""
    pairs = {"department": (sure.department, sure.department_precision), "intent": (sure.intent, sure.intent_precision)}
    chosen = {
        head: replace(fitted[head], threshold=threshold, precision=precision, coverage=sure.coverage)
        for head, (threshold, precision) in pairs.items()
    }
    return {**fitted, **chosen}


def export(model: JointModel, plan: Plan, corpus: Corpus, sample: Sequence[str]) -> Artefact:
    """Write the int8 encoder, the heads with temperatures and thresholds from the tuning part, and the scores."""
    plan.out.mkdir(parents=True, exist_ok=True)
    onnx.save(quantised(model.encoder_weights(), plan.cut, sample), plan.out / ENCODER)
    shutil.copyfile(package_path() / "tokenizer.json", plan.out / TOKENIZER)
    encoder = OnnxEncoder(plan.out / ENCODER, plan.out / TOKENIZER, max_tokens=plan.cut.max_tokens, width=WIDTH)
    vectors = encoder.vectors([each.text for each in corpus.tuning])
    tuning = {head: labelled(corpus.tuning, vectors, head) for head in TAXONOMY}
    heads = model.head_weights()
    fitted = {head: calibrated(heads[head], tuning[head], TARGET_PRECISION[head]) for head in TAXONOMY}
    thresholds = sureness(fitted, tuning)
    fitted = with_thresholds(fitted, thresholds[DEFAULT_PRECISION])
    arrays = {f"{name}.weight": each.weights.weight for name, each in fitted.items()}
    arrays |= {f"{name}.bias": each.weights.bias for name, each in fitted.items()}
    np.savez(plan.out / HEADS, allow_pickle=False, **arrays)
    write_manifest(plan.out, {**_card(plan, corpus, fitted), "sureness": {k: asdict(v) for k, v in thresholds.items()}})
    return load_artefact(plan.out)


def measure(artefact: Artefact, plan: Plan) -> Artefact:
    """Return the artefact with its scores on held-out parts in the card."""
    scores = evaluate(artefact, plan.data, seed=plan.seed)
    write_manifest(plan.out, {**artefact.card, "scores": scores})
    return load_artefact(plan.out)


def train(plan: Plan) -> Artefact:
    """Fine-tune, quantise, calibrate, measure and write an artefact, and return it as the service will load it."""
    corpus = read_corpus(plan.data, seed=plan.seed)
    rng = random.Random(plan.seed)  # noqa: S311  # sampling, not secrets
    sample = [each.text for each in rng.sample(list(corpus.training), CALIBRATION_TEXTS)]
    return measure(export(tuned(corpus, plan, sample), plan, corpus, sample), plan)
