"""Whether a prepared text is one the model can judge: enough of it is words in Latin letters, and they look English.

The model learnt English. Of anything else its probabilities mean nothing, however great; such a post is unsure.
"""

import re
from typing import Final

from services.classify.core.frequent_words import ENGLISH, FOREIGN

_LATIN = re.compile(r"[a-z\u00c0-\u024f\u1e00-\u1eff]+")
_MASKS: Final = frozenset({"user", "http", "email"})
FOREIGN_LETTERS: Final = 0.3
"""From this share of letters outside the Latin script on, the rest is no context."""
SHORT: Final = 3
"""Of so few words one known foreign word and no English one is enough."""
_A_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _words(prepared: str) -> list[str]:
    return [word for word in _A_WORD.findall(prepared) if word not in _MASKS]


def _in_latin_letters(words: list[str]) -> bool:
    letters = "".join(words)
    latin = sum(map(len, _LATIN.findall(letters)))
    return len(letters) - latin < FOREIGN_LETTERS * len(letters)


def legible(prepared: str) -> bool:
    """Tell whether the model can judge a prepared text; False for one without words, or in another language."""
    words = _words(prepared)
    if not any(len(word) > 1 for word in words):
        return False
    if not prepared.isascii() and not _in_latin_letters(words):
        return False
    foreign = sum(word in FOREIGN or not word.replace("’", "'").isascii() for word in words)
    if not foreign:
        return True
    english = sum(word in ENGLISH for word in words)
    needed = 1 if len(words) <= SHORT and not english else 2
    return foreign < needed or foreign <= english
