"""Share of voice: which group of tracked terms a post speaks of, decided when asked, from its latest text.

A changed list of terms therefore holds for the past too (ADR 0011). A term stands as whole words, in any case.
"""

# ruff: noqa: S608  # the text is put together from closed lists only

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.metrics.core.definitions import COUNTERS
from services.metrics.core.ports import Parameter
from shared.contracts.configuration import Term

UNSPACED: Final = (
    r"\x{0e00}-\x{0eff}\x{1000}-\x{109f}\x{1780}-\x{17ff}\x{3040}-\x{30ff}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}"
    r"\x{f900}-\x{faff}\x{20000}-\x{3134f}"
)
"""Scripts written without spaces: there, a letter next to a term is no reason to say it is another word."""
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
_EDGE: Final = rf"[^\pL\pN\pM_]|[{UNSPACED}]"
_SPECIAL: Final = re.compile(r"[!-/:-@\[-^`{-~]")
"""ASCII punctuation but the underscore; RE2 refuses a backslash before any other character."""
_POSTS: Final = f"({COUNTERS['inbound_posts']} OR {COUNTERS['ambient_posts']})"


def folded(text: str) -> str:
    """Return a text as the engine folds it: one Unicode form, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def pattern(terms: Iterable[str]) -> str:
    """Return the RE2 expression that finds any of the terms as whole words in a folded text."""
    return "|".join(_whole(folded(term)) for term in sorted(set(terms)))


def _whole(term: str) -> str:
    before = f"(?:^|{_EDGE})" if _is_wordlike(term[0]) else ""
    after = f"(?:$|{_EDGE})" if _is_wordlike(term[-1]) else ""
    words = " ".join(_SPECIAL.sub(r"\\\g<0>", word) for word in term.split())
    return f"{before}{words}{after}"


def _is_wordlike(letter: str) -> bool:
    return (letter.isalnum() or letter == "_") and not _UNSPACED.match(letter)


@dataclass(frozen=True)
class Voices:
    """The groups of tracked terms, each with its expression."""

    groups: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, terms: Iterable[Term]) -> "Voices":
        """Return the groups of configured terms, in the order of their names."""
        held: dict[str, list[str]] = {}
        for each in terms:
            if folded(each.term):
                held.setdefault(each.group, []).append(each.term)
        return cls(tuple((name, pattern(words)) for name, words in sorted(held.items())))

    def only(self, group: str | None) -> "Voices":
        """Return one group alone; all of them when none is named."""
        return self if group is None else Voices(tuple(each for each in self.groups if each[0] == group))

    def texts(self, where: str, parameters: dict[str, Parameter]) -> str:
        """Return the statement of (id_hash, id, spoken groups) of the posts of facts that speak of any group."""
        if not self.groups:
            return "SELECT id_hash, id, [''] AS spoken FROM activities WHERE 0"
        found = []
        for number, (name, expression) in enumerate(self.groups):
            parameters |= {f"group_{number}": name, f"pattern_{number}": expression}
            found.append(f"if(match(said, {{pattern_{number}:String}}), [{{group_{number}:String}}], [])")
        joined = ", ".join(found)
        return f"""
SELECT id_hash, id, arrayConcat({joined}) AS spoken FROM (
  SELECT id_hash, id, lowerUTF8(replaceRegexpAll(normalizeUTF8NFKC(
    argMaxIf(text, (version_order, heard), removal = 0)), '\\\\s+', ' ')) AS said
  FROM versions WHERE id_hash IN (SELECT id_hash FROM activities FINAL WHERE {where} AND {_POSTS})
  GROUP BY id_hash, id
) WHERE notEmpty(spoken)"""
