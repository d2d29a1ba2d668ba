"""Explanations, comparisons and doubts as tables on a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from services.classify.core.taxonomy import Finding
from services.classify.review.compare import Difference, changed_share
from services.classify.review.explain import Explanation, HeadExplanation

SHOWN_LABELS: Final = 3
STRONG: Final = 0.15
WEAK: Final = 0.03
STYLES: Final = {"better": "green", "worse": "red", "even": ""}


def _style(moved: float) -> str:
    """Return how a word is shown: what speaks for the label green, what speaks against it red, strong ones bold."""
    if abs(moved) < WEAK:
        return "dim"
    colour = "green" if moved > 0 else "red"
    return f"bold {colour}" if abs(moved) >= STRONG else colour


def _words(words: Sequence[str], head: HeadExplanation) -> Text:
    shown = Text()
    for word, moved in zip(words, head.moved, strict=True):
        # The number stands beside a strong word, so that colour alone never tells it.
        shown.append(f"{word}{moved:+.2f}" if abs(moved) >= STRONG else word, _style(moved))
        shown.append(" ")
    return shown


def explanation_table(found: Explanation) -> Group:
    """Return an explanation as tables."""
    if not found.heads:
        return Group(Text("The text has no words: none / chatter / neutral with the probability of a guess, unsure."))
    state = "unsure: it goes to triage" if found.unsure else "sure"
    if not found.legible:
        state += " (not legible: another language, no words, or mostly unread)"
    heads = Table("head", "labels", "sure from", "words that moved it: for (+), against (−)", title=found.model)
    for each in found.heads:
        best = list(each.probabilities.items())[:SHOWN_LABELS]
        labels = "\n".join(f"{label} {probability:.2f}" for label, probability in best)
        threshold = f"{each.threshold:.2f}" if each.threshold else "–"
        heads.add_row(each.head, labels, threshold, _words(found.words, each))
    nearest = Table("similar", "labels", "text", title="nearest labelled examples")
    for example in found.nearest:
        nearest.add_row(f"{example.similarity:.2f}", example.labels, Text(example.text))
    return Group(heads, Text(state), nearest)


def _change(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.3f} → {pair[1]:.3f} ({pair[1] - pair[0]:+.3f})"


def comparison_table(names: tuple[str, str], differences: Sequence[Difference]) -> Group:
    """Return a comparison of two artefacts as a table."""
    table = Table(
        "part", "head", "texts", "accuracy", "mean recall", "calibration error", "changed", "p", "verdict",
        title=f"{names[0]} → {names[1]}",
    )  # fmt: skip
    for each in differences:
        table.add_row(
            each.part, each.head, str(each.texts), _change(each.accuracy), _change(each.mean_recall),
            _change(each.calibration_error), str(each.changed), f"{each.p_value:.3f}", each.verdict,
            style=STYLES[each.verdict],
        )  # fmt: skip
    counts = {name: sum(each.verdict == name for each in differences) for name in STYLES}
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return Group(table, Text(f"{told} (exact McNemar test, 5 %); {changed_share(differences):.1%} of labels change"))


def taxonomy_table(heads: dict[str, Any], findings: Iterable[Finding]) -> Group:
    """Return what became of a taxonomy, and what is doubtful about it."""
    labels = Table("head", "label", "examples", "what it is", title="labels")
    for head, card in heads.items():
        for label in card["labels"]:
            kept = label in card["kept"]
            what = "shipped, with own examples" if kept and label in card["examples"] else "shipped" if kept else "own"
            labels.add_row(head, label, str(card["examples"].get(label, "–")), what)
    scores = Table("head", "accuracy in cross-validation", "sure from")
    for head, card in heads.items():
        scores.add_row(head, str(card["cross_validated_accuracy"]), str(card["threshold"]))
    doubts = Table("head", "label", "what is doubtful", title="doubts")
    found = list(findings)
    for each in found:
        doubts.add_row(each.head, each.label, Text(each.problem))
    return Group(labels, scores, doubts if found else Text("Nothing is doubtful."))
