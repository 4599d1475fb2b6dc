"""All tests that a plan makes of one field's text, answered by a few passes over it.

Equal values are looked up; literals are found by one multi-pattern scan of the lower-case text, cased ones by one of
the text as it is, regular expressions by another (Hyperscan; Wang et al., NSDI 2019). A scan may find too much, never
too little, and what it finds is confirmed. What Hyperscan cannot say is tested one by one; so are regular expressions
on text beyond ASCII, where its notion of case and of classes differs from Python's.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hyperscan

from services.detections.domain.sigma.expressions import Atom, Kind, Predicate, predicate_of

_LITERALS = frozenset({Kind.CONTAINS, Kind.PREFIX, Kind.SUFFIX})
_FEW = 6
"""So few patterns are tried one by one more cheaply than a scan begins."""
_UNLIKE_PYTHON = re.compile(r"\[\[:|\{,|\\[uUN]|\(\?[aLu]")
"""What the two kinds of regular expressions read differently."""
_INSENSITIVE = re.compile(r"\(\?[ms]*i")


class TextTests:
    """Atoms about the text of one field, each with a bit; not those about its being there."""

    def __init__(self, atoms: Iterable[tuple[Atom, int]]) -> None:
        self._exact: dict[str, int] = {}
        self._cased: dict[str, int] = {}
        self._others: list[tuple[Predicate, int]] = []
        folded: list[tuple[Atom, int]] = []
        cased: list[tuple[Atom, int]] = []
        expressions: list[tuple[Atom, int]] = []
        for atom, bit in atoms:
            if atom.kind is Kind.EXACT:
                table = self._cased if atom.cased else self._exact
                table[atom.operand] = table.get(atom.operand, 0) | bit
            elif atom.kind in _LITERALS and atom.operand:
                (cased if atom.cased else folded).append((atom, bit))
            elif atom.kind is Kind.EXPRESSION and not _UNLIKE_PYTHON.search(atom.operand):
                expressions.append((atom, bit))
            else:
                self._others.append((predicate_of(atom), bit))
        self._folded, self._cased_literals = _Literals(folded), _Literals(cased)
        self._expressions = _Expressions(expressions)

    def mask(self, text: str) -> int:
        """The bits of the atoms that are true for a text."""
        folded = text.lower()
        mask = self._exact.get(folded, 0)
        if self._cased:
            mask |= self._cased.get(text, 0)
        mask |= self._folded.mask(folded) | self._cased_literals.mask(text) | self._expressions.mask(text)
        for test, bit in self._others:
            if test(text):
                mask |= bit
        return mask


class _Literals:
    """Literals found in one pass. Where one has to stand at the start or the end, that is looked at afterwards."""

    def __init__(self, atoms: Sequence[tuple[Atom, int]]) -> None:
        self._atoms = [(_place_test(atom), bit) for atom, bit in atoms]
        self._scan = None
        if len(atoms) > _FEW:
            # Hyperscan compiles ten thousand plain literals faster than a thousand anchored ones.
            patterns = [atom.operand.encode("utf-8", "surrogatepass") for atom, _ in atoms]
            self._scan = _database(patterns, [hyperscan.HS_FLAG_SINGLEMATCH] * len(patterns), literal=True)

    def mask(self, text: str) -> int:
        mask = 0
        if self._scan is None:
            for test, bit in self._atoms:
                if test(text):
                    mask |= bit
            return mask
        for place in self._scan(text.encode("utf-8", "surrogatepass")):
            test, bit = self._atoms[place]
            if test(text):
                mask |= bit
        return mask


class _Expressions:
    """Regular expressions, each the last to say whether it matches where the scan says that it may."""

    def __init__(self, atoms: Sequence[tuple[Atom, int]]) -> None:
        self._all = [(predicate_of(atom), bit) for atom, bit in atoms]
        self._unscanned, self._scanned = self._all, []
        self._scan = None
        if len(atoms) > _FEW:
            scanned = [atom for atom, _ in atoms if _compiles(atom)]
            chosen = set(scanned)
            self._scanned = [(predicate_of(atom), bit) for atom, bit in atoms if atom in chosen]
            self._unscanned = [(predicate_of(atom), bit) for atom, bit in atoms if atom not in chosen]
            self._scan = _database([_pattern(atom) for atom in scanned], [_flags(atom) for atom in scanned])

    def mask(self, text: str) -> int:
        mask = 0
        if self._scan is None or not text.isascii():
            tests: Iterable[tuple[Predicate, int]] = self._all
        else:
            tests = (*self._unscanned, *(self._scanned[place] for place in self._scan(text.encode())))
        for test, bit in tests:
            if test(text):
                mask |= bit
        return mask


def _database(
    patterns: Sequence[bytes], flags: Sequence[int], *, literal: bool = False
) -> Callable[[bytes], list[int]] | None:
    """A function that gives the places of the patterns that are found; None where there are none."""
    if not patterns:
        return None
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    places = list(range(len(patterns)))
    database.compile(expressions=patterns, ids=places, flags=flags, literal=literal)

    def found_in(data: bytes) -> list[int]:
        found: list[int] = []
        database.scan(data, match_event_handler=_take, context=found)
        return found

    return found_in


def _take(place: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(place)


def _place_test(atom: Atom) -> Predicate:
    """The literal's test of a text that is folded already, unless it is cased."""
    operand = atom.operand
    match atom.kind:
        case Kind.PREFIX:
            return lambda text: text.startswith(operand)
        case Kind.SUFFIX:
            return lambda text: text.endswith(operand)
        case _:
            return lambda text: operand in text


def _compiles(atom: Atom) -> bool:
    try:
        _database([_pattern(atom)], [_flags(atom)])
    except hyperscan.error:
        return False
    return True


def _pattern(atom: Atom) -> bytes:
    return atom.operand.encode("utf-8", "surrogatepass")


def _flags(atom: Atom) -> int:
    """Line by line, and with every character for a dot, finds what the expression finds however it is meant."""
    flags = (
        hyperscan.HS_FLAG_SINGLEMATCH
        | hyperscan.HS_FLAG_DOTALL
        | hyperscan.HS_FLAG_MULTILINE
        | hyperscan.HS_FLAG_PREFILTER
        | hyperscan.HS_FLAG_ALLOWEMPTY
    )
    insensitive = "i" in atom.detail or _INSENSITIVE.search(atom.operand)
    return flags | (hyperscan.HS_FLAG_CASELESS if insensitive else 0)
