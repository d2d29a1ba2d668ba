"""Where departments work in isolation: posts on the wrong desk, conversations of two, questions asked to two."""

# ruff: noqa: S608  # the text is put together from closed lists only

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.metrics.core.definitions import COUNTERS
from services.metrics.core.drill import facts_where
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.query import EngagementQuery

MIN_SIMILARITY: Final = 0.8
"""Share of distinct words two questions have in common (Jaccard) from which they are held to be the same."""
MIN_WORDS: Final = 3
MAX_QUESTIONS: Final = 20_000
MAX_ROWS: Final = 1_000

_NOISE: Final = re.compile(r"https?://\S+|[@#]\S+|[^\w\s]|_")


def misrouted(query: EngagementQuery) -> Statement:
    """Return the statement of the matrix owner department x classified department."""
    parameters: dict[str, Parameter] = {}
    where = facts_where(query, parameters)
    return Statement(
        f"""
SELECT owner_department, department, count() AS posts FROM activities FINAL
WHERE {where} AND {COUNTERS["misrouted"]}
GROUP BY owner_department, department ORDER BY posts DESC, owner_department, department""",
        parameters,
    )


def answered_by_two(query: EngagementQuery) -> Statement:
    """Return the statement of conversations in which accounts of two departments answered, newest first."""
    parameters: dict[str, Parameter] = {"rows": MAX_ROWS}
    where = facts_where(query, parameters)
    return Statement(
        f"""
SELECT conversation_id, arraySort(groupUniqArray(department)) AS departments FROM activities FINAL
WHERE {where} AND {COUNTERS["responses"]} AND department != '' AND conversation_id != ''
GROUP BY conversation_id HAVING length(departments) > 1
ORDER BY max(occurred_at) DESC, conversation_id LIMIT {{rows:UInt32}}""",
        parameters,
    )


def questions(query: EngagementQuery) -> Statement:
    """Return the statement of the newest inbound posts that ask somebody something, with their texts."""
    parameters: dict[str, Parameter] = {"rows": MAX_QUESTIONS}
    where = facts_where(query, parameters)
    return Statement(
        f"""
WITH asked AS (
  SELECT id_hash, id, if(owner_department != '', owner_department, department) AS desk, occurred_at
  FROM activities FINAL
  WHERE {where} AND {COUNTERS["inbound_posts"]} AND intent != 'praise'
    AND if(owner_department != '', owner_department, department) NOT IN ('', 'triage')
  ORDER BY activities.occurred_at DESC, activities.id LIMIT {{rows:UInt32}}
)
SELECT asked.id AS id, asked.desk AS department, latest.said AS text FROM asked INNER JOIN (
  SELECT id_hash, id, argMaxIf(text, (version_order, heard), removal = 0) AS said
  FROM versions WHERE id_hash IN (SELECT id_hash FROM asked) GROUP BY id_hash, id
) AS latest ON latest.id_hash = asked.id_hash AND latest.id = asked.id
ORDER BY asked.occurred_at, asked.id""",
        parameters,
    )


@dataclass(frozen=True)
class Question:
    """An inbound post, the department asked, and its distinct words."""

    id: str
    department: str
    words: frozenset[str]


@dataclass
class AskedTwice:
    """The same question at several desks; `similarity` is the lowest between two posts that were linked."""

    ids: list[str] = field(default_factory=list)
    departments: list[str] = field(default_factory=list)
    similarity: float = 1.0


def words(text: str) -> frozenset[str]:
    """Return the distinct words of a text in lower case, without addresses, mentions, tags and punctuation."""
    return frozenset(_NOISE.sub(" ", text.casefold()).split())


def asked_twice(asked: Iterable[Question]) -> list[AskedTwice]:
    """Return every question that reached two departments, those of most posts first."""
    kept = [each for each in asked if len(each.words) >= MIN_WORDS]
    leaders = list(range(len(kept)))
    lowest = [1.0] * len(kept)
    for one, other, similarity in _alike(kept):
        a, b = _leader(leaders, one), _leader(leaders, other)
        leaders[b] = a
        lowest[a] = min(lowest[a], lowest[b], similarity)
    found: dict[int, AskedTwice] = defaultdict(AskedTwice)
    for number, each in enumerate(kept):
        leader = _leader(leaders, number)
        found[leader].ids.append(each.id)
        found[leader].similarity = round(lowest[leader], 3)
        if each.department not in found[leader].departments:
            found[leader].departments.append(each.department)
    several = [group for group in found.values() if len(group.departments) > 1]
    for group in several:
        group.departments.sort()
    return sorted(several, key=lambda group: (-len(group.ids), group.ids[0]))[:MAX_ROWS]


def _leader(leaders: list[int], number: int) -> int:
    while leaders[number] != number:
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number


def _alike(kept: Sequence[Question]) -> Iterator[tuple[int, int, float]]:
    """Give every pair of at least MIN_SIMILARITY: two such sets share one of their rarest words (prefix filter)."""
    frequency = Counter(word for each in kept for word in each.words)
    holders: dict[str, list[int]] = defaultdict(list)
    same: dict[frozenset[str], int] = {}
    for number, each in enumerate(kept):
        first = same.setdefault(each.words, number)
        if first != number:
            yield first, number, 1.0
            continue
        size = len(each.words)
        rarest = sorted(each.words, key=lambda word: (frequency[word], word))
        prefix = rarest[: size + 1 - math.ceil(size * MIN_SIMILARITY - 1e-9)]
        for other in {other for word in prefix for other in holders[word]}:
            shared = len(each.words & kept[other].words)
            similarity = shared / (size + len(kept[other].words) - shared)
            if similarity >= MIN_SIMILARITY:
                yield other, number, similarity
        for word in prefix:
            holders[word].append(number)
