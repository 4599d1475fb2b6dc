"""All tests that a plan makes of one field's text, answered by a few passes over it.

Equal values are looked up; literals are found by one multi-pattern scan of the lower-case text, cased ones by one of
the text as it is, regular expressions and patterns by another (Hyperscan; Wang et al., NSDI 2019). A scan may find too
much, never too little, and what it finds is confirmed. What Hyperscan cannot say is tested one by one; so are regular
expressions on text in which its notion of case, of classes or of an end differs from Python's.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence

from services.detections.config import MAX_REGULAR_EXPRESSION_INPUT
from services.detections.domain.sigma import databases
from services.detections.domain.sigma.databases import FORGETFUL, Keeper, Scan
from services.detections.domain.sigma.expressions import Atom, Kind, Predicate, predicate_of

__all__ = ["FORGETFUL", "Keeper", "Probe", "TextTests"]
_LITERALS = frozenset({Kind.CONTAINS, Kind.PREFIX, Kind.SUFFIX})
_FEW = 6
"""So few patterns are tried one by one more cheaply than a scan begins."""
_SPACES_OF_PYTHON = re.compile("[\x1c-\x1f]")
"""What `\\s` matches in Python only."""


class TextTests:
    """Atoms about the text of one field, each with a bit; not those about its being there."""

    def __init__(self, atoms: Iterable[tuple[Atom, int]], keeper: Keeper) -> None:
        self._exact: dict[str, int] = {}
        self._cased: dict[str, int] = {}
        self._others: list[tuple[Predicate, int]] = []
        folded: list[tuple[Atom, int]] = []
        cased: list[tuple[Atom, int]] = []
        expressions: list[tuple[Atom, int]] = []
        networks: list[tuple[Atom, int]] = []
        for atom, bit in atoms:
            if atom.kind is Kind.EXACT:
                table = self._cased if atom.cased else self._exact
                table[atom.operand] = table.get(atom.operand, 0) | bit
            elif atom.kind in _LITERALS and atom.operand:
                (cased if atom.cased else folded).append((atom, bit))
            elif atom.kind is Kind.EXPRESSION or atom.kind is Kind.PATTERN:
                expressions.append((atom, bit))
            elif atom.kind is Kind.NETWORK:
                networks.append((atom, bit))
            else:
                self._others.append((predicate_of(atom), bit))
        self._folded = _Literals(folded, keeper) if folded else None
        self._cased_literals = _Literals(cased, keeper) if cased else None
        self._expressions = _Expressions(expressions, keeper) if expressions else None
        self._networks = _Networks(networks) if networks else None

    def mask(self, text: str) -> int:
        """The bits of the atoms that are true for a text."""
        folded = text.lower()
        mask = self._exact.get(folded, 0)
        if self._folded is not None:
            mask |= self._folded.mask(folded)
        if self._expressions is not None:
            mask |= self._expressions.mask(text)
        if self._networks is not None:
            mask |= self._networks.mask(text)
        if self._cased:
            mask |= self._cased.get(text, 0)
        if self._cased_literals is not None:
            mask |= self._cased_literals.mask(text)
        for test, bit in self._others:
            if test(text):
                mask |= bit
        return mask


class _Literals:
    """Literals found in one pass. Where one has to stand at the start or the end, that is looked at afterwards."""

    def __init__(self, atoms: Sequence[tuple[Atom, int]], keeper: Keeper) -> None:
        self._atoms = [(_place_test(atom), bit) for atom, bit in atoms]
        self._scan: Scan | None = None
        if len(atoms) > _FEW:
            # Hyperscan compiles ten thousand plain literals faster than a thousand anchored ones.
            self._scan = databases.of_literals([_encoded(atom.operand) for atom, _ in atoms], keeper)

    def mask(self, text: str) -> int:
        mask = 0
        if self._scan is None:
            for test, bit in self._atoms:
                if test(text):
                    mask |= bit
            return mask
        for place in self._scan(_encoded(text)):
            test, bit = self._atoms[place]
            if test(text):
                mask |= bit
        return mask


class _Expressions:
    """Regular expressions, each the last to say whether it matches where the scan says that it may."""

    def __init__(self, atoms: Sequence[tuple[Atom, int]], keeper: Keeper) -> None:
        self._all = [(predicate_of(atom), bit) for atom, bit in atoms]
        self._unscanned = self._all
        self._scanned: list[tuple[Predicate, int]] = []
        self._scan: Scan | None = None
        if len(atoms) > 1:
            self._scan, places = databases.of_expressions([atom for atom, _ in atoms], keeper)
            self._scanned = [self._all[place] for place in places]
            self._unscanned = [test for place, test in enumerate(self._all) if place not in set(places)]

    def mask(self, text: str) -> int:
        mask = 0
        tests: Iterable[tuple[Predicate, int]] = self._all
        if self._scan is not None and _plain(text):
            tests = (*self._unscanned, *(self._scanned[place] for place in self._scan(text.encode())))
        for test, bit in tests:
            if test(text):
                mask |= bit
        return mask


class _Networks:
    """Networks, for which a text is read as an address once."""

    def __init__(self, atoms: Sequence[tuple[Atom, int]]) -> None:
        self._networks: dict[int, list[tuple[int, int, int]]] = {4: [], 6: []}
        for atom, bit in atoms:
            network = ipaddress.ip_network(atom.operand, strict=False)
            entry = (int(network.netmask), int(network.network_address), bit)
            self._networks[network.version].append(entry)

    def mask(self, text: str) -> int:
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError:
            return 0
        mask, number = 0, int(address)
        for netmask, network, bit in self._networks[address.version]:
            if number & netmask == network:
                mask |= bit
        return mask


class Probe:
    """Whether keywords can be in a record at all, told from the JSON text of the record as it came.

    JSON may write a character in more than one way, and a number is not written as rules see it. So what is looked for
    is the longest part of each keyword that only plain letters can spell, in text that is ASCII without `\\u`.
    """

    def __init__(self, scan: Scan) -> None:
        self._scan = scan

    @staticmethod
    def of(atoms: Iterable[Atom], keeper: Keeper) -> "Probe | None":
        """None where some keyword has no such part."""
        parts: set[bytes] = set()
        for atom in atoms:
            part = _plainest(atom)
            if part is None:
                return None
            parts.add(part)
        return Probe(databases.of_words_in_json(sorted(parts), keeper))

    def finds_nothing(self, line: bytes) -> bool:
        return line.isascii() and not self._scan(line)


_WORDS = re.compile(r"[ !#-.0-9:-\[\]-~]*[a-df-zA-DF-Z][ !#-.0-9:-\[\]-~]*")
"""Runs of what JSON writes in one way only, with a letter that no number contains."""
_SHORTEST_PART = 3


def _plainest(atom: Atom) -> bytes | None:
    if atom.kind not in _LITERALS and atom.kind is not Kind.EXACT:
        return None
    longest = max(_WORDS.findall(atom.operand), key=len, default="")
    return longest.encode() if len(longest) >= _SHORTEST_PART else None


def _plain(text: str) -> bool:
    """Whether an expression means the same to Hyperscan and to Python in this text."""
    return (
        text.isascii()
        and len(text) <= MAX_REGULAR_EXPRESSION_INPUT
        and (text.isprintable() or _SPACES_OF_PYTHON.search(text) is None)
    )


def _place_test(atom: Atom) -> Callable[[str], bool]:
    """The literal's test of a text that is folded already, unless it is cased."""
    operand = atom.operand
    match atom.kind:
        case Kind.PREFIX:
            return lambda text: text.startswith(operand)
        case Kind.SUFFIX:
            return lambda text: text.endswith(operand)
        case _:
            return lambda text: operand in text


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
