"""How far the mapping is off: what the labels of a set were mapped to, beside what readers said of the same posts."""

from collections import defaultdict
from pathlib import Path

from services.classify.core.labels import HEAD_NAMES
from services.classify.training.datasets import read_rows
from services.classify.training.labels import LabelledPost, read_labels, sha256_of_text
from services.classify.training.mapping import MAPPED_SETS, MappedSet


def _compared(folder: Path, mapped: MappedSet, read: dict[str, LabelledPost]) -> dict[str, list[bool]]:
    """Return per head whether mapping and readers agree, post by post."""
    found: dict[str, list[bool]] = defaultdict(list)
    for row in read_rows(folder, mapped.name):
        named = mapped.named(row.label)
        post = read.get(sha256_of_text(row.text))
        if named is None or post is None:
            continue
        for head in HEAD_NAMES:
            if meant := getattr(mapped.meanings[named], head):
                found[head].append(meant == getattr(post.meaning, head))
    return found


def mapping_noise(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return per set and head how many read posts the mapping speaks about, and the share on which both agree."""
    by_set: dict[str, dict[str, LabelledPost]] = defaultdict(dict)
    for post in read_labels():
        by_set[post.set_name][post.sha256] = post
    report = {}
    for mapped in MAPPED_SETS:
        compared = _compared(folder, mapped, by_set[mapped.name])
        report[mapped.name] = {
            head: {"texts": len(same), "agree": round(sum(same) / len(same), 2)} for head, same in compared.items()
        }
    return {name: heads for name, heads in report.items() if heads}
