"""Hyperscan databases of literals and of regular expressions, made once and kept for the next start."""

import hashlib
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import hyperscan
import orjson

from services.detections.domain.sigma.expressions import Atom, Kind

Scan = Callable[[bytes], list[int]]
"""Gives the places of the patterns that are found in some bytes, each once."""
_VERSION = "1"
_HYPERSCAN = version("hyperscan")
_UNLIKE_PYTHON = re.compile(r"\[\[?\^?:|\{,|\\[uUN]|\(\?[aLu]")
"""What the two kinds of regular expressions read differently."""
_INSENSITIVE = re.compile(r"\(\?[ms]*i")


class Keeper(Protocol):
    """Keeps bytes under a key from one start to the next, if it can. What it gives must be what it was given."""

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, data: bytes) -> None: ...


class _Forgetful:
    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, data: bytes) -> None:
        """Keeps nothing."""


FORGETFUL: Keeper = _Forgetful()


def of_literals(patterns: Sequence[bytes], keeper: Keeper) -> Scan:
    return _scan(_database(patterns, [hyperscan.HS_FLAG_SINGLEMATCH] * len(patterns), keeper, literal=True))


def of_words_in_json(words: Sequence[bytes], keeper: Keeper) -> Scan:
    """A scan of JSON text for words in whatever case, which also finds any `\\u`; only whether it finds is of use."""
    patterns = [rb"(?:^|[^\\])(?:\\\\)*\\u", *(re.escape(word) for word in words)]
    flags = [hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_CASELESS] * len(patterns)
    flags[0] = hyperscan.HS_FLAG_SINGLEMATCH
    return _scan(_database(patterns, flags, keeper))


def of_expressions(atoms: Sequence[Atom], keeper: Keeper) -> tuple[Scan | None, Sequence[int]]:
    """A scan for those of the atoms that Hyperscan understands, and their places among the atoms."""
    places = [place for place, atom in enumerate(atoms) if _alike(atom)]
    if not places:
        return None, places
    try:
        return _scan(_of(atoms, places, keeper)), places
    except hyperscan.error:
        # Some are not understood. Which ones is found out one by one, and remembered, since it takes long.
        key = _key([_pattern(atoms[place]) for place in places], [_flags(atoms[place]) for place in places], "refused")
        known = keeper.get(key)
        understood = [place for place in places if _compiles(atoms[place])] if known is None else orjson.loads(known)
        keeper.put(key, orjson.dumps(understood))
        return (_scan(_of(atoms, understood, keeper)) if understood else None), understood


def _of(atoms: Sequence[Atom], places: Sequence[int], keeper: Keeper) -> hyperscan.Database:
    chosen = [atoms[place] for place in places]
    return _database([_pattern(atom) for atom in chosen], [_flags(atom) for atom in chosen], keeper)


def _database(
    patterns: Sequence[bytes], flags: Sequence[int], keeper: Keeper, *, literal: bool = False
) -> hyperscan.Database:
    """Raises hyperscan.error when one of the patterns is not understood."""
    key = _key(patterns, flags, "literal" if literal else "expression")
    kept = keeper.get(key)
    if kept is not None:
        try:
            database = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
            database.scratch = hyperscan.Scratch(database)
            return database
        except hyperscan.error:
            pass  # It was made for another processor or release: it is made anew.
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=patterns, ids=list(range(len(patterns))), flags=flags, literal=literal)
    keeper.put(key, hyperscan.dumpb(database))
    return database


def _scan(database: hyperscan.Database) -> Scan:
    def found_in(data: bytes) -> list[int]:
        found: list[int] = []
        database.scan(data, match_event_handler=_take, context=found)
        return found

    return found_in


def _take(place: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(place)


def _key(patterns: Sequence[bytes], flags: Sequence[int], kind: str) -> str:
    """By everything that the database is made of, and by what makes it."""
    digest = hashlib.sha256(f"{_VERSION} {_HYPERSCAN} {kind} {len(patterns)}".encode())
    for pattern, flag in zip(patterns, flags, strict=True):
        digest.update(b"%d %d " % (flag, len(pattern)))
        digest.update(pattern)
    return f"hyperscan-{digest.hexdigest()}"


def _compiles(atom: Atom) -> bool:
    try:
        _database([_pattern(atom)], [_flags(atom)], FORGETFUL)
    except hyperscan.error:
        return False
    return True


def _alike(atom: Atom) -> bool:
    return atom.operand.isascii() and not _UNLIKE_PYTHON.search(atom.operand)


def _pattern(atom: Atom) -> bytes:
    text = rf"\A(?:{atom.operand})\z" if atom.kind is Kind.PATTERN else atom.operand
    return text.encode()


def _flags(atom: Atom) -> int:
    """Line by line, and with every character for a dot, finds what the expression finds however it is meant."""
    flags = (
        hyperscan.HS_FLAG_SINGLEMATCH
        | hyperscan.HS_FLAG_DOTALL
        | hyperscan.HS_FLAG_MULTILINE
        | hyperscan.HS_FLAG_PREFILTER
        | hyperscan.HS_FLAG_ALLOWEMPTY
    )
    if atom.kind is Kind.PATTERN:
        insensitive = not atom.cased
    else:
        insensitive = "i" in atom.detail or _INSENSITIVE.search(atom.operand) is not None
    return flags | (hyperscan.HS_FLAG_CASELESS if insensitive else 0)
