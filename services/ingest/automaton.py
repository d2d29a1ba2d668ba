"""Finds tracked terms with one Aho-Corasick automaton over all of them: time depends on the text, not on the terms."""

from collections.abc import Iterable

import ahocorasick

from services.ingest.core.terms import fold, stands_alone


class AutomatonTermFinder:
    """Implements TermFinder with pyahocorasick."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for term in terms:
            if folded := fold(term):
                self._automaton.add_word(folded, (len(folded), term))
        self._is_empty = len(self._automaton) == 0
        if not self._is_empty:
            self._automaton.make_automaton()

    def found(self, text: str) -> frozenset[str]:
        """See TermFinder.found."""
        if self._is_empty or not text:
            return frozenset()
        folded = fold(text)
        return frozenset(
            term
            for end, (length, term) in self._automaton.iter(folded)
            if stands_alone(folded, end + 1 - length, end + 1)
        )
