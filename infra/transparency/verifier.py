"""Checks an audit bundle of Tenet, alone: `python verifier.py DIRECTORY`. Needs Python 3.11 and `cryptography` only.

It shares no code with what writes bundles, and takes nothing from the network, a database or a configuration. What it
takes as given is SHA-256, Ed25519, and the keys that you name; where you name none it prints which key to confirm.

A bundle is a BagIt bag (RFC 8493). For each ledger in it, `data/ledgers/<tenant>/` holds

    entries/<position>.bundle   consecutive entries from that position: each a big-endian 16-bit length and leaf data
    leaf-hashes                 the leaf hash of each of these entries, 32 bytes each, in order of position
    other-hashes                the hashes of the complete subtrees that hold none of them, from left to right
    checkpoint                  a signed note (C2SP signed-note, tlog-checkpoint): origin, size and root of the tree
    keys/<n>.note               the log's keys; each note is signed by the key before it, the first by itself
    stamp.tsr                   perhaps an RFC 3161 time stamp over the checkpoint's text

Leaf data is the time of recording, 64-bit big-endian microseconds since 1970, and an entry in canonical JSON. The tree
is that of RFC 6962. All entries and other hashes together lead to one root, so this proves that each entry stands at
its position, and that between the first and the last of a run none is missing.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_FILES = 100_000
MAX_FILE_BYTES = 64 * 2**20
MAX_HASHES_BYTES = 2**36
MAX_PROBLEMS = 20
EMPTY_ROOT = hashlib.sha256(b"").digest()
BAG_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAG_FILES = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}
COMMITMENT_TAG = b"tenet/sealed-field/v1\x00"
ENTRY_KEYS = {"actor", "data", "id", "occurred_at", "schema", "stream", "tenant", "type", "version"}
OPTIONAL_KEYS = {"causation", "correlation", "facts", "grant", "request", "request_digest", "trace"}
KNOWN_FILES = re.compile(
    r"data/(?:README\.txt|bundle\.json|openings\.jsonl|schemas/[A-Za-z0-9._]+\.json|reports/[a-z0-9_-]+\.json"
    r"|ledgers/[a-z][a-z0-9-]{1,30}/(?:checkpoint|leaf-hashes|other-hashes|stamp\.tsr|keys/[1-9][0-9]{0,3}\.note"
    r"|entries/[0-9]{12}\.bundle))"
)
MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\x00-\x1f\x7f\\]+)")
STREAM = re.compile(r"[a-z][a-z_]*-[^\x00-\x20]+")
NAME = re.compile(r"[^+\s]+")


class Bad(Exception):
    """Something is not as the format says; the text says what."""


@dataclass
class Result:
    """What was found. The bundle is valid when there are no problems; notes are what a person has to know besides."""

    problems: list[tuple[str, int | None, str]] = field(default_factory=list)
    """(file or ledger, position or None, what is wrong), in the order of finding."""
    notes: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)
    suppressed: int = 0

    @property
    def valid(self) -> bool:
        return not self.problems

    def problem(self, where: str, what: str, position: int | None = None) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((where, position, what))
        else:
            self.suppressed += 1

    def first_position(self) -> int | None:
        return next((position for _, position, _ in self.problems if position is not None), None)


# Canonical JSON: RFC 8785 over ASCII keys, no floats, integers within ±(2^53 - 1).


def _integer(text: str) -> int:
    if len(text) > 17 or abs(number := int(text)) >= 2**53:
        raise Bad("a number is beyond ±(2^53 - 1)")
    return -number if text[0] == "-" else number


def _no_float(text: str) -> Any:
    raise Bad(f"{text[:20]} is not allowed in canonical JSON")


_decode = json.JSONDecoder(parse_float=_no_float, parse_int=_integer, parse_constant=_no_float).decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def canonical_json(data: bytes) -> Any:
    """The value that these bytes are the canonical form of. Writing it anew must give the same bytes."""
    try:
        value = _decode(data.decode())
        same = _encode(value).encode() == data
    except (ValueError, RecursionError) as error:
        raise Bad(f"this is not JSON: {str(error)[:80]}") from None
    if not same:
        raise Bad("this is not canonical JSON")
    if not data.isascii():
        _ascii_keys(value)
    return value


def _ascii_keys(value: Any) -> None:
    if isinstance(value, dict):
        if not all(key.isascii() for key in value):
            raise Bad("a key is not ASCII")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _ascii_keys(each)


# The tree of RFC 6962.


def subtrees(begin: int, end: int) -> Iterator[int]:
    """Levels of the fewest complete subtrees, left to right, that cover the leaves begin ≤ i < end."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level
        begin += 1 << level


class Tree:
    """Grows to the right, by a complete subtree at a time; keeps the roots of its largest complete subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def push(self, level: int, digest: bytes) -> None:
        rest = self.size >> level
        while rest & 1:
            digest = hashlib.sha256(b"\x01" + self._roots.pop() + digest).digest()
            rest >>= 1
        self._roots.append(digest)
        self.size += 1 << level

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        digest = self._roots[-1]
        for left in self._roots[-2::-1]:
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest


# Signed notes and keys.


@dataclass(frozen=True)
class Key:
    """A verifier key: `<name>+<key id>+<base64 of algorithm and public key>`; algorithm 1 signs, 4 cosigns with a time."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    @classmethod
    def parse(cls, text: str) -> "Key":
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _base64(encoded)
        key = cls(name, raw[0] if raw else 0, raw[1:])
        if not NAME.fullmatch(name) or len(raw) != 33 or raw[0] not in (1, 4) or key.id.hex() != key_id:
            raise Bad("this is no verifier key")
        return key

    def signed(self, text: str, signatures: Sequence[tuple[str, bytes, bytes]]) -> int | None:
        """The time of a cosignature (0 for a plain signature) when the key signed the text; None when it did not."""
        for name, key_id, value in signatures:
            if (name, key_id) != (self.name, self.id):
                continue
            time, message = 0, text.encode()
            if self.algorithm == 4:
                time, value = int.from_bytes(value[:8], "big"), value[8:]
                message = f"cosignature/v1\ntime {time}\n".encode() + message
            try:
                Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
            except (InvalidSignature, ValueError):
                raise Bad(f"the signature of {name} is false") from None
            return time
        return None


def _base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("this is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise Bad("this is not the only base64 of its bytes")
    return raw


def parse_note(data: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text of a signed note, and its signatures as (name, key id, value)."""
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Bad("a note is UTF-8") from None
    text, separator, tail = whole.rpartition("\n\n")
    lines = tail.split("\n")
    if len(data) > 1_000_000 or not separator or len(lines) < 2 or lines.pop() or len(lines) > 100:
        raise Bad("a note is a text, an empty line and signature lines")
    signatures = []
    for line in lines:
        name, _, encoded = line.removeprefix("— ").partition(" ")
        raw = _base64(encoded)
        if not line.startswith("— ") or not NAME.fullmatch(name) or len(raw) < 5:
            raise Bad("a signature line is a dash, a name and base64")
        signatures.append((name, raw[:4], raw[4:]))
    return text + "\n", signatures


def parse_checkpoint(text: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines) or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
        raise Bad("a checkpoint has an origin, a size and a root")
    root = _base64(lines[2])
    if len(root) != 32:
        raise Bad("a root has 32 bytes")
    return lines[0], int(lines[1]), root


def follow_keys(origin: str, notes: Sequence[bytes]) -> list[Key]:
    """The log's keys, the oldest first, each introduced by the one before it."""
    keys: list[Key] = []
    for number, data in enumerate(notes, start=1):
        text, signatures = parse_note(data)
        lines = text.split("\n")
        if len(lines) != 4 or lines[:2] != [origin, f"log key {number}"]:
            raise Bad(f"the note of key {number} does not introduce it")
        key = Key.parse(lines[2])
        if key.signed(text, signatures) is None or (keys and keys[-1].signed(text, signatures) is None):
            raise Bad(f"the note of key {number} lacks a signature")
        keys.append(key)
    if not keys:
        raise Bad("the log's keys are missing")
    return keys


# The bag.


class Bag:
    """The files of a bag: every one listed, none beside, none by a link or out of the directory."""

    def __init__(self, root: Path, result: Result) -> None:
        self.root, self.result = root, result
        self.sizes = self._walk()

    def read(self, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        if name not in self.sizes:
            raise Bad(f"{name} is missing")
        with (self.root / name).open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Bad(f"{name} is larger than {limit} bytes")
        return data

    def names(self, pattern: str) -> list[str]:
        return sorted(name for name in self.sizes if re.fullmatch(pattern, name))

    def _walk(self) -> dict[str, int]:
        """Sizes of the regular files. Anything else than files and directories is refused."""
        sizes: dict[str, int] = {}
        waiting = [self.root]
        while waiting:
            for found in os.scandir(waiting.pop()):
                name = os.path.relpath(found.path, self.root)
                mode = found.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(found.path))
                elif stat.S_ISREG(mode):
                    sizes[name] = found.stat(follow_symlinks=False).st_size
                else:
                    raise Bad(f"{name!r} is neither a file nor a directory")
                if len(sizes) + len(waiting) > MAX_FILES:
                    raise Bad(f"there are more than {MAX_FILES} files")
        return sizes

    def check(self) -> None:
        if self.read("bagit.txt", 1000) != BAG_DECLARATION:
            self.result.problem("bagit.txt", "this does not declare a BagIt 1.0 bag in UTF-8")
        payload = self._manifest("manifest-sha256.txt")
        tags = self._manifest("tagmanifest-sha256.txt")
        for name in payload:
            if not KNOWN_FILES.fullmatch(name):
                self.result.problem(name, "the manifest lists a file that does not belong into a bundle")
        if set(tags) != TAG_FILES:
            self.result.problem("tagmanifest-sha256.txt", f"the tag files are not {', '.join(sorted(TAG_FILES))}")
        listed = payload | tags
        for name in sorted((self.sizes.keys() | listed.keys()) - {"tagmanifest-sha256.txt"}):
            if name not in self.sizes:
                self.result.problem(name, "this file is missing")
            elif name not in listed:
                self.result.problem(name, "this file is in no manifest")
            elif KNOWN_FILES.fullmatch(name) or name in TAG_FILES:
                with (self.root / name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != listed[name]:
                        self.result.problem(name, "this file's SHA-256 is not the one in the manifest")
        total = sum(size for name, size in self.sizes.items() if name.startswith("data/"))
        oxum = f"Payload-Oxum: {total}.{sum(1 for name in self.sizes if name.startswith('data/'))}"
        if oxum.encode() not in self.read("bag-info.txt", 100_000).split(b"\n"):
            self.result.problem("bag-info.txt", f"this does not state {oxum}")

    def _manifest(self, manifest: str) -> dict[str, str]:
        listed: dict[str, str] = {}
        folded: set[str] = set()
        for line in self.read(manifest).decode("utf-8", "replace").splitlines():
            matched = MANIFEST_LINE.fullmatch(line)
            if matched is None:
                self.result.problem(manifest, f"{line[:80]!r} is no line of a manifest")
                continue
            digest, name = matched.groups()
            if name.startswith(("/", "~")) or any(part in ("", ".", "..") for part in name.split("/")):
                self.result.problem(manifest, f"{name[:80]!r} leads out of the bag")
            elif name.lower() in folded:
                self.result.problem(manifest, f"{name[:80]!r} is listed twice")
            else:
                listed[name] = digest
            folded.add(name.lower())
        return listed


# Ledgers, entry by entry.


class Openings:
    """The lines of `openings.jsonl`, taken in the order of the entries that they belong to."""

    def __init__(self, bag: Bag, result: Result) -> None:
        self._result = result
        self._lines = self._read(bag.root / "data/openings.jsonl") if "data/openings.jsonl" in bag.sizes else iter(())
        self._next = next(self._lines, None)
        self.counts = {"opened": 0, "erased": 0, "withheld": 0}

    def _read(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            while line := file.readline(MAX_FILE_BYTES):
                try:
                    value = canonical_json(line.removesuffix(b"\n"))
                    if type(value) is not dict or type(value.get("position")) is not int or not line.endswith(b"\n"):
                        raise Bad("a line is an object with a position")
                except Bad as error:
                    self._result.problem("openings.jsonl", str(error))
                    return
                yield value

    def check(self, position: int, event_id: str, sealed: dict[str, dict[str, Any]]) -> None:
        """`sealed` are the fields that this entry sealed, by path. Each has one line; withheld ones stay commitments."""
        left = dict(sealed)
        while self._next is not None and self._next["position"] <= position:
            line, self._next = self._next, next(self._lines, None)
            reference = left.pop(path, None) if type(path := line.get("path")) is str else None
            if line["position"] != position or reference is None or line.get("subject") != reference["subject"]:
                self._result.problem("openings.jsonl", f"there is no sealed field {path!r}", line["position"])
            elif "value" in line:
                self._opened(position, event_id, line, reference["commitment"])
            elif line.get("erased") is True or type(line.get("withheld")) is str:
                self.counts["erased" if "erased" in line else "withheld"] += 1
            else:
                self._result.problem("openings.jsonl", f"the line about {path} says nothing", position)
        for path in left:
            self._result.problem("openings.jsonl", f"there is no line about the sealed field {path}", position)

    def _opened(self, position: int, event_id: str, line: dict[str, Any], commitment: Any) -> None:
        path, value, salt = line["path"], line["value"], line.get("salt")
        try:
            raw = base64.urlsafe_b64decode(salt + "==") if type(salt) is str else b""
        except ValueError:
            raw = b""
        place = event_id.encode() + b"\x00" + path.encode() + b"\x00"
        digest = hashlib.sha256(COMMITMENT_TAG + raw + place + _encode(value).encode()).digest()
        if len(raw) != 16 or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != commitment:
            self._result.problem("openings.jsonl", f"the value of {path} is not what the entry committed to", position)
        self.counts["opened"] += 1

    def finish(self) -> None:
        if self._next is not None:
            self._result.problem("openings.jsonl", "there is a line about no entry", self._next["position"])


@dataclass
class Ledger:
    """One ledger of a bundle. `whole`: its entries are a range; otherwise chosen ones."""

    bag: Bag
    result: Result
    tenant: str
    whole: bool
    openings: Openings | None
    checkpoint: tuple[str, int, bytes] = ("", 0, b"")
    positions: set[int] = field(default_factory=set)
    facts: list[tuple[int, str, int]] = field(default_factory=list)
    causes: list[tuple[int, int]] = field(default_factory=list)
    reports: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    cases: set[str] = field(default_factory=set)
    runs: list[tuple[int, int]] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.room = f"data/ledgers/{self.tenant}"
        self._versions: dict[str, int] = {}
        self._ids: set[str] = set()
        self._last_time = 0

    def problem(self, what: str, position: int | None = None) -> None:
        self.result.problem(f"ledger {self.tenant}", what, position)

    def check(self, trusted: Sequence[str], witnesses: Sequence[Key], held_size: int | None) -> None:
        """`held_size`: the tree's root at that size is wanted too, in `roots`, where it can be known."""
        note = self.bag.read(f"{self.room}/checkpoint")
        text, signatures = parse_note(note)
        self.checkpoint = parse_checkpoint(text)
        origin, size, root = self.checkpoint
        if origin.rpartition("/")[2] != self.tenant:
            self.problem(f"the checkpoint is of the log {origin}")
        self._check_signer(origin, text, signatures, trusted, witnesses)
        found = self._entries(size, held_size)
        if found != root:
            self.problem(f"entries and hashes lead to the root {_short(found)}, the checkpoint has {_short(root)}")

    def _check_signer(
        self,
        origin: str,
        text: str,
        signatures: Sequence[tuple[str, bytes, bytes]],
        trusted: Sequence[str],
        witnesses: Sequence[Key],
    ) -> None:
        notes = self.bag.names(rf"{self.room}/keys/[0-9]+\.note")
        notes.sort(key=lambda name: int(re.findall(r"[0-9]+", name)[-1]))
        keys = follow_keys(origin, [self.bag.read(name) for name in notes])
        confirmed = [number for number, key in enumerate(keys) if key.fingerprint in trusted]
        accepted = keys[confirmed[0] :] if confirmed else keys
        signer = next((key for key in accepted if key.signed(text, signatures) is not None), None)
        if signer is None:
            self.problem("the checkpoint is not signed by the log's key")
        elif confirmed:
            self.result.summary.append(f"ledger {self.tenant}: signed by a key that you named")
        elif trusted and self.openings is not None:
            self.problem(f"no key of this log is one that you named; its first is {keys[0].fingerprint}")
        else:
            self.result.notes.append(
                f"THE KEY OF LEDGER {self.tenant} IS NOT CONFIRMED. Ask its provider, by another way than this bundle,\n"
                f"  whether it is {keys[0].fingerprint}; then give it with --key."
            )
        times = [(each.name, time) for each in witnesses if (time := each.signed(text, signatures)) is not None]
        self.result.summary += [f"ledger {self.tenant}: cosigned by {name}, {_when(time)}" for name, time in times]
        if witnesses and not times and self.openings is not None:
            self.problem("none of the witnesses that you named has cosigned the checkpoint")
        if f"{self.room}/stamp.tsr" in self.bag.sizes:
            self._check_stamp(text)

    def _check_stamp(self, text: str) -> None:
        if hashlib.sha256(text.encode()).digest() not in self.bag.read(f"{self.room}/stamp.tsr"):
            self.problem("the time stamp is not over this checkpoint")
        else:
            self.result.notes.append(
                f"Ledger {self.tenant} has a time stamp over the text of its checkpoint (what precedes the empty line). "
                "Whether its authority is one that you trust: openssl ts -verify -in stamp.tsr -data TEXT -CAfile …"
            )

    def _entries(self, size: int, held_size: int | None) -> bytes:
        """Checks the entries from left to right, and returns the root that they and the other hashes lead to."""
        tree = Tree()
        with self._hashes("leaf-hashes") as stated, self._hashes("other-hashes") as others:
            for name in self.bag.names(rf"{self.room}/entries/[0-9]{{12}}\.bundle"):
                first = int(name[-19:-7])
                if first < tree.size:
                    raise Bad(f"{name} repeats position {first}")
                self._fill(tree, first, others, held_size)
                self._run(tree, self.bag.read(name), stated, size, held_size)
                self._extend_runs(first, tree.size)
            if tree.size > size:
                self.problem("there are entries beyond the checkpoint", size)
            self._fill(tree, size, others, held_size)
            if stated.read(1) or others.read(1):
                self.problem("there are more hashes than entries and gaps")
        return tree.root()

    def _hashes(self, name: str) -> BinaryIO:
        if self.bag.sizes.get(f"{self.room}/{name}", MAX_HASHES_BYTES) >= MAX_HASHES_BYTES:
            raise Bad(f"{self.room}/{name} is missing or too large")
        return (self.bag.root / self.room / name).open("rb")

    def _fill(self, tree: Tree, end: int, others: BinaryIO, held_size: int | None) -> None:
        """The gap up to position `end`, by the hashes of its subtrees."""
        for level in subtrees(tree.size, end):
            if len(digest := others.read(32)) != 32:
                raise Bad(f"other-hashes of ledger {self.tenant} ends before the gap at position {tree.size}")
            tree.push(level, digest)
            if tree.size == held_size:
                self.roots[held_size] = tree.root()

    def _run(self, tree: Tree, data: bytes, stated: BinaryIO, size: int, held_size: int | None) -> None:
        place = 0
        while place < len(data):
            position = tree.size
            end = place + 2 + int.from_bytes(data[place : place + 2], "big")
            leaf = data[place + 2 : end]
            digest = hashlib.sha256(b"\x00" + leaf).digest()
            if stated.read(32) != digest:
                self.problem("this entry's leaf hash is not the one that was stated for it", position)
            if end > len(data) or len(leaf) < 10:
                raise Bad(f"ledger {self.tenant}: the entry at position {position} is cut off")
            try:
                self._entry(position, leaf)
            except (Bad, KeyError, TypeError, AttributeError) as error:
                self.problem(str(error) if isinstance(error, Bad) else "a field has the wrong type", position)
            tree.push(0, digest)
            if tree.size == held_size:
                self.roots[held_size] = tree.root()
            place = end

    def _extend_runs(self, first: int, end: int) -> None:
        if self.runs and self.runs[-1][1] == first:
            first = self.runs.pop()[0]
        self.runs.append((first, end))

    def _entry(self, position: int, leaf: bytes) -> None:
        recorded_at = int.from_bytes(leaf[:8], "big", signed=True)
        if recorded_at < self._last_time:
            self.problem("this entry was recorded before the one before it", position)
        self._last_time = max(self._last_time, recorded_at)
        entry = canonical_json(leaf[8:])
        keys = entry.keys()
        if not keys >= ENTRY_KEYS or not keys <= ENTRY_KEYS | OPTIONAL_KEYS:
            raise Bad("the entry has not the fields of an entry")
        stream, version, event_id = entry["stream"], entry["version"], entry["id"]
        if entry["tenant"] != self.tenant:
            self.problem("this entry belongs to another tenant", position)
        if not STREAM.fullmatch(stream) or type(event_id) is not str:
            raise Bad("the entry's stream or identifier is malformed")
        if type(version) is not int or type(entry["schema"]) is not int or type(entry["data"]) is not dict:
            raise Bad("the entry's version, schema or data is malformed")
        if event_id in self._ids:
            self.problem(f"the event {event_id} is here a second time", position)
        self._ids.add(event_id)
        self._check_version(position, stream, version)
        kind = f"{entry['type']}.v{entry['schema']}"
        self.types[kind] = self.types.get(kind, 0) + 1
        if stream.startswith("case-"):
            self.cases.add(stream)
        if entry["type"] == "tenet.reporting.ReportPublished":
            self.reports.append((position, entry["data"]))
        self.facts += [(position, fact["tenant"], fact["position"]) for fact in entry.get("facts", ())]
        if "causation" in entry:
            self._cause(position, entry["causation"])
        if not self.whole:
            self.positions.add(position)
        if self.openings is not None:
            sealed: dict[str, dict[str, Any]] = {}
            if b'"commitment":' in leaf:
                _find_sealed(entry["data"], "", sealed)
            self.openings.check(position, event_id, sealed)

    def _cause(self, position: int, cause: Any) -> None:
        if type(cause) is not int or not 0 <= cause < position:
            raise Bad("the entry's cause is not before it")

    def _check_version(self, position: int, stream: str, version: int) -> None:
        """In a range every version follows the one before it, from 1 on when the range begins at position 0."""
        last = self._versions.get(stream)
        if last is None and self.whole and not self.runs_begin:
            last = 0
        if version < 1 or (last is not None and (version <= last or (self.whole and version != last + 1))):
            self.problem(f"version {version} of {stream} does not follow version {last}", position)
        self._versions[stream] = version

    @property
    def runs_begin(self) -> int:
        return self.begin

    begin: int = 0

    def holds(self, position: int) -> bool:
        return any(first <= position < end for first, end in self.runs)


def _find_sealed(node: Any, path: str, found: dict[str, dict[str, Any]]) -> None:
    if isinstance(node, dict):
        if node.keys() == {"subject", "commitment"}:
            found[path] = node
            return
        for key, each in node.items():
            _find_sealed(each, f"{path}/{key}", found)
    elif isinstance(node, list):
        for place, each in enumerate(node):
            _find_sealed(each, f"{path}/{place}", found)


# The whole.
