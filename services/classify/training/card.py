"""The model card as a page: what the manifest says, for readers. Written by `python -m services.classify card`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from services.classify.training.datasets import GOLD_NAME, OWN, REAL_NAME
from services.classify.training.pictures import reliability_picture

PICTURE: Final = "reliability.svg"
SENTIMENT_SET: Final = "semeval2017_sentiment"
PARTS: Final = {
    REAL_NAME: "real posts read by us, held back by the hash of their text, never used for a choice",
    GOLD_NAME: "real posts of the first sample, read by one reader; measured the first model too",
    OWN: "posts written for Earshot, held back by hash: all departments and intents are frequent in them",
    SENTIMENT_SET: "the official validation part of SemEval-2017 task 4",
}
NOT_MEASURED: Final = (
    "Languages other than English; the texts of the sets are nearly all English.",
    "Real internal talk: companies' chat is not public. `it`, `people` and `legal_security` are rare among the "
    "real posts, so their figures come from few texts; posts written for Earshot measure them too, but those are ours.",
    "Other years and networks than those of the sets (tweets of 2011 to 2018, app reviews, e-mail of the early 2000s).",
    "Differences between groups of authors.",
    "The official SemEval-2017 test part: it is not among the data.",
)


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return [*lines, *("| " + " | ".join(str(each) for each in row) + " |" for row in rows), ""]


def _summary(scores: Mapping[str, Any]) -> list[str]:
    rows = []
    for part, parts_scores in scores.items():
        for head in ("department", "intent", "sentiment"):
            if found := parts_scores.get(head):
                span = " to ".join(str(each) for each in found.get("accuracy_interval", ("–",)))
                rows.append(
                    [part, head, found["texts"], found["accuracy"], span, found["mean_recall"],
                     found.get("calibration_error", "–"), found.get("brier", "–")]
                )  # fmt: skip
    titles = ["part", "head", "texts", "accuracy", "95 %", "mean recall", "calibration error", "Brier"]
    return _table(titles, rows)


def _sure(scores: Mapping[str, Any]) -> list[str]:
    keys = ("sure_share", "sure_department_right", "sure_intent_right", "sure_both_right")
    rows = [
        [part, *(found[key] for key in keys)] for part, found in scores.items() if keys[0] in found and part in PARTS
    ]
    return _table(["part", "sure", "department right of these", "intent right", "both right"], rows)


def _how_sure(card: Mapping[str, Any]) -> list[str]:
    rows = [
        [wanted, each["department"], each["intent"], each["department_precision"], each["intent_precision"],
         each["coverage"]]
        for wanted, each in card["sureness"].items()
    ]  # fmt: skip
    titles = ["`CLASSIFY_SURE_PRECISION`", "department from", "intent from", "department right", "intent right", "sure"]
    return ["On the tuning part, by wanted precision:", "", *_table(titles, rows)]


def _of_labels(found: Mapping[str, Any]) -> list[str]:
    rows = [
        [name, each["texts"], each["precision"], each["recall"], each["f1"]] for name, each in found["labels"].items()
    ]
    return _table(["label", "texts", "precision", "recall", "F1"], rows)


def _confusion(found: Mapping[str, Any]) -> list[str]:
    names = list(found["labels"])
    rows = [[f"**{name}**", *counts] for name, counts in zip(names, found["confusion"], strict=True)]
    return _table(["read as ↓, given →", *names], rows)


def _reliability(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for each in found["reliability"]:
        stated, right = each["stated"], each["right"]
        rows.append([each["texts"], stated, right, "█" * round(20 * right)])
    return _table(["texts", "stated probability", "right", ""], rows)


def _heads(card: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            name,
            each["temperature"],
            each["threshold"],
            each["target_precision"] or "–",
            each["precision"],
            each["coverage"],
        ]
        for name, each in card["heads"].items()
    ]
    head = ["head", "temperature", "threshold", "wanted precision", "precision on the tuning part", "coverage there"]
    return _table(head, rows)


def _learnt_from(training: Mapping[str, Any]) -> list[str]:
    rows = [[name, each["texts"], each["licence_class"]] for name, each in training["sets"].items()]
    agreed = [
        [head, each["texts"], each["same"], each["kappa"]] for head, each in training["readers_agreement"].items()
    ]
    return [
        "## Learnt from", "", *_table(["set", "texts", "licence class"], rows),
        "Two readers of the real posts, before differences were settled:", "",
        *_table(["head", "texts", "same label", "Cohen's kappa"], agreed),
    ]  # fmt: skip


def write_page(card: Mapping[str, Any], folder: Path) -> None:
    """Write model-card.md and reliability.svg into a folder."""
    (folder / "model-card.md").write_text(page(card), encoding="utf-8")
    (folder / PICTURE).write_text(reliability_picture(card["scores"][REAL_NAME]), encoding="utf-8")


def page(card: Mapping[str, Any]) -> str:
    """Return the page of a card."""
    scores, encoder = card["scores"], card["encoder"]
    lines = [
        f"# Model card: {card['model']}", "",
        "Written by `python -m services.classify card --out docs` from the manifest of the artefact; do not edit.", "",
        f"Encoder: {encoder['name']}, first {encoder['layers']} layers with {encoder['inner_width']} inner neurons, "
        "fine-tuned with its three heads, int8. Probabilities are scaled by one temperature a head; department and "
        "intent also by a scale and an offset per label, held near 1 and 0.", "",
        "## Measured on", "", *(f"- **{name}**: {what}." for name, what in PARTS.items()),
        "- every other part: held-out texts of a public set with mapped labels (see training-data.md): noisy.", "",
        "## Scores", "", *_summary(scores),
        "## What is sure", "", *_heads(card), *_how_sure(card), "On held-out parts, as shipped:", "", *_sure(scores),
    ]  # fmt: skip
    lines += [f"![Reliability diagrams on {REAL_NAME}: stated probability and share that is right]({PICTURE})", ""]
    real = scores[REAL_NAME]
    for head in ("department", "intent", "sentiment"):
        lines += [
            f"## {head} on {REAL_NAME}",
            "",
            *_of_labels(real[head]),
            *_confusion(real[head]),
            *_reliability(real[head]),
        ]
    lines += [*_learnt_from(card["training"]), "## Not measured", "", *(f"- {each}" for each in NOT_MEASURED)]
    return "\n".join(lines).rstrip() + "\n"
