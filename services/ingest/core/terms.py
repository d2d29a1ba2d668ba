"""Tracked terms: how texts and terms are folded, what counts as a word's edge, and the port that finds them."""

import re
import unicodedata
from typing import Protocol

# Scripts written without spaces: there, a letter next to a term is no reason to say it is another word.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
_WORD = re.compile(r"\w")


class TermFinder(Protocol):
    """Finds tracked terms in texts."""

    def found(self, text: str) -> frozenset[str]:
        """Return the terms, as configured, that stand in a text as whole words in any case."""


def fold(text: str) -> str:
    """Return a text as it is compared: one Unicode form, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def stands_alone(text: str, start: int, end: int) -> bool:
    """Tell whether text[start:end] of a folded text is not part of a longer word."""
    return not (_joined(text, start) or _joined(text, end))


def _joined(text: str, at: int) -> bool:
    """Tell whether the characters on both sides of a position belong to one word."""
    if at <= 0 or at >= len(text):
        return False
    sides = text[at - 1], text[at]
    return all(_WORD.match(each) for each in sides) and not any(_UNSPACED.match(each) for each in sides)
