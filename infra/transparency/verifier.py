"""Checks an audit bundle of Tenet, alone: `python verifier.py DIRECTORY`. Needs Python 3.11 and `cryptography` only.

It shares no code with what writes bundles, and takes nothing from the network, a database or a configuration. What it
takes as given is SHA-256, Ed25519, and the keys that you name; where you name none it prints which key to confirm.

A bundle is a BagIt bag (RFC 8493). For each ledger in it, `data/ledgers/<tenant>/` holds

    entries/<position>.bundle   consecutive entries from that position: each a big-endian 16-bit length and leaf data
    leaf-hashes                 the leaf hash of each of these entries as it was sealed, 32 bytes, in order of position
    other-hashes                the hashes of the complete subtrees that hold none of them, from left to right
    checkpoint                  a signed note (C2SP signed-note, tlog-checkpoint): origin, size and root of the tree
    keys/<n>.note               the log's keys; each note is signed by the key before it, the first by itself
    stamp.tsr                   perhaps an RFC 3161 time stamp over the checkpoint's text

Leaf data is the time of recording, 64-bit big-endian microseconds since 1970, and an entry in canonical JSON. The tree
is that of RFC 6962. All entries and other hashes together lead to one root, so this proves that each entry stands at
its position, and that between the first and the last of consecutive entries none is missing. Facts and grants that an
entry rests on have to be here with a proof of their own.

No signature vouches for the bag's own words (README.txt, bag-info.txt, the audience in bundle.json, schemas), but the
hash of `tagmanifest-sha256.txt` does, which the ledger records when a bundle is made: with --bundle HASH every byte of
every file counts.
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
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "tenet-audit/1"
MAX_FILES = 100_000
MAX_FILE_BYTES = 64 * 2**20
MAX_PROBLEMS = 20
BAG_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAG_FILES = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}
COMMITMENT_TAG = b"tenet/sealed-field/v1\x00"
ENTRY_KEYS = {"actor", "data", "id", "occurred_at", "schema", "stream", "tenant", "type", "version"}
ALL_KEYS = ENTRY_KEYS | {"causation", "correlation", "facts", "grant", "request", "request_digest", "trace"}
BUNDLE_KEYS = {"audience", "case", "format", "from_position", "tenant", "to_position"}
AUDIENCES = {"investigators", "customer", "customer_partners", "community", "public"}
FACT_FIELDS = {
    "tenet.cases.RotaAssigned": ("tenant_id", "rota_id"),
    "tenet.cases.RotaOverridden": ("override_id", "principal_id", "starts_at", "ends_at"),
    "tenet.tenancy.CertificationRecorded": ("certification_id", "principal_id", "name", "expires_at"),
}
"""What is cited by the digest of these fields, as a list in canonical JSON; other facts hold their digest."""
FACT_SOURCES = re.compile(
    r"tenet\.(assets\.VulnerabilityFeedImported|cases\.(CharterApproved|PageContactSet|RotaPublished)"
    r"|detections\.(IntelligenceImported|RulePackDeployed))"
)
"""Events that facts are cited from: each states the digest of what it put into force."""
REOPENED = "tenet.ledger.LedgerReopened"
KNOWN_FILES = re.compile(
    r"data/(README\.txt|bundle\.json|openings\.jsonl|schemas/[A-Za-z0-9._]+\.json|reports/[a-z0-9_-]+\.json"
    r"|ledgers/[a-z][a-z0-9-]{1,30}/(checkpoint|leaf-hashes|other-hashes|stamp\.tsr|keys/[1-9][0-9]{0,3}\.note"
    r"|entries/[0-9]{12}\.bundle))"
)
MANIFEST_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^\x00-\x1f\x7f\\]+)")
SEALED = b'{"commitment":'
"""Begins a sealed field in canonical JSON, or a reference to one; no string can hold it, since quotes are escaped."""
REFERENCE = re.compile(rb'\{"commitment":"[^"]*","event_id":')
STREAM = re.compile(r"[a-z][a-z_]*-[^\x00-\x20]+")
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
NAME = re.compile(r"[^+\s]+")

Signatures = Sequence[tuple[str, bytes, bytes]]
"""Of a note: name, key id, and the signature itself."""


class Bad(Exception):
    """Something is not as the format says."""

    def __init__(self, what: str, position: int | None = None) -> None:
        super().__init__(what)
        self.position = position


@dataclass
class Result:
    """Valid when there are no problems: file or ledger, position or None, what is wrong. Notes are for a person."""

    problems: list[tuple[str, int | None, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)

    def problem(self, where: str, what: str, position: int | None = None) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((where, position, what))

    @property
    def first_position(self) -> int | None:
        return min((position for _, position, _ in self.problems if position is not None), default=None)


# Canonical JSON: RFC 8785 over ASCII keys, no floats, integers within ±(2^53 - 1).


def _integer(text: str) -> int:
    return value if -(2**53) < (value := int(text)) < 2**53 else _refused(text)


def _refused(text: str) -> Any:
    raise Bad(f"canonical JSON allows no {text[:20]} here")


def _ascii_keys(value: dict[str, Any]) -> dict[str, Any]:
    return value if all(key.isascii() for key in value) else _refused("key")


_decode = json.JSONDecoder(parse_float=_refused, parse_int=_integer, parse_constant=_refused).decode
_decode_keys = json.JSONDecoder(object_hook=_ascii_keys).decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def canonical_json(data: bytes) -> Any:
    """The value that these bytes are the canonical form of: writing it anew must give the same bytes."""
    try:
        text = data.decode()
        value = _decode(text)
        if _encode(value) == text and (data.isascii() or _decode_keys(text) == value):
            return value
    except (ValueError, RecursionError) as error:
        raise Bad(f"this is not JSON: {str(error)[:80]}") from None
    raise Bad("this is not canonical JSON")


# The tree of RFC 6962.


def subtrees(begin: int, end: int) -> Iterator[int]:
    """The levels of the fewest complete subtrees, left to right, that cover the leaves begin ≤ i < end."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level
        begin += 1 << level


class Tree:
    """Grows to the right, by a complete subtree at a time; keeps the roots of its largest complete subtrees.

    `held` becomes the root that the tree had at the size `held_size`.
    """

    def __init__(self, held_size: int = -1) -> None:
        self.size, self.held_size = 0, held_size
        self.held: bytes | None = None
        self._roots: list[bytes] = []

    def push(self, level: int, digest: bytes) -> None:
        rest = self.size >> level
        while rest & 1:
            digest = hashlib.sha256(b"\x01" + self._roots.pop() + digest).digest()
            rest >>= 1
        self._roots.append(digest)
        self.size += 1 << level
        if self.size == self.held_size:
            self.held = self.root()

    def root(self) -> bytes:
        digest = self._roots[-1] if self._roots else hashlib.sha256(b"").digest()
        for left in self._roots[-2::-1]:
            digest = hashlib.sha256(b"\x01" + left + digest).digest()
        return digest


# Signed notes and keys.


@dataclass(frozen=True)
class Key:
    """A verifier key: `<name>+<key id>+<base64 of algorithm and public key>`. Algorithm 1 signs, 4 cosigns."""

    name: str
    algorithm: int
    public: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    @classmethod
    def parse(cls, text: str) -> "Key":
        name, _, rest = text.strip().partition("+")
        raw = _base64(rest.partition("+")[2])
        key_id = hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
        if not NAME.fullmatch(name) or len(raw) != 33 or raw[0] not in (1, 4) or key_id != rest[:8]:
            raise Bad("this is no verifier key")
        return cls(name, raw[0], raw[1:])

    def signed(self, text: str, signatures: Signatures) -> int | None:
        """The time of a cosignature, 0 for a plain signature; None when this key did not sign. A false one is Bad."""
        kind = bytes([self.algorithm])
        key_id = hashlib.sha256(self.name.encode() + b"\n" + kind + self.public).digest()[:4]
        value = next((value for name, by, value in signatures if (name, by) == (self.name, key_id)), None)
        if value is None:
            return None
        time, message = 0, text.encode()
        if self.algorithm == 4:
            time, value = int.from_bytes(value[:8], "big"), value[8:]
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except (InvalidSignature, ValueError):
            raise Bad(f"the signature of {self.name} is false") from None
        return time


def _base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if not raw or base64.b64encode(raw).decode() != text:
        raise Bad("this is not base64")
    return raw


def parse_note(data: bytes) -> tuple[str, Signatures]:
    """The text of a signed note, which ends in a newline, and its signatures."""
    text, separator, tail = data.decode("utf-8", "replace").rpartition("\n\n")
    *lines, last = tail.split("\n")
    if len(data) > 1_000_000 or not separator or last or not 0 < len(lines) <= 100:
        raise Bad("a note is a text, an empty line and signature lines")
    signatures = []
    for line in lines:
        name, _, encoded = line.removeprefix("— ").partition(" ")
        if not line.startswith("— ") or not NAME.fullmatch(name) or len(raw := _base64(encoded)) < 5:
            raise Bad("a signature line is a dash, a name and base64")
        signatures.append((name, raw[:4], raw[4:]))
    return text + "\n", signatures


def parse_checkpoint(text: str) -> tuple[str, int, bytes]:
    """Origin, size and root."""
    *lines, _ = text.split("\n")
    if len(lines) < 3 or not all(lines) or not SIZE.fullmatch(lines[1]) or len(root := _base64(lines[2])) != 32:
        raise Bad("a checkpoint has an origin, a size and a root")
    return lines[0], int(lines[1]), root


def follow_keys(origin: str, notes: Sequence[bytes]) -> list[Key]:
    """The log's keys, the oldest first, each introduced by itself and the one before it."""
    keys: list[Key] = []
    for number, (text, signatures) in enumerate(map(parse_note, notes), start=1):
        key = Key.parse("".join(text.split("\n")[2:3]))
        if text.split("\n")[:2] != [origin, f"log key {number}"] or key.algorithm != 1:
            raise Bad(f"the note of key {number} does not introduce it")
        if any(each.signed(text, signatures) is None for each in (*keys[-1:], key)):
            raise Bad(f"the note of key {number} lacks a signature")
        keys.append(key)
    if not keys:
        raise Bad("the log's keys are missing")
    return keys


# The bag.


class Bag:
    """The files of a bag: all of them listed, none by a link or out of the directory."""

    def __init__(self, root: Path, result: Result) -> None:
        self.root, self.result = root, result
        self.sizes: dict[str, int] = {}
        waiting = [str(root)]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for found in entries:
                    status = found.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(found.path)
                    elif stat.S_ISREG(status.st_mode):
                        self.sizes[os.path.relpath(found.path, root)] = status.st_size
                    else:
                        raise Bad(f"{found.name!a} is neither a file nor a directory")
                    if len(self.sizes) + len(waiting) > MAX_FILES:
                        raise Bad(f"there are more than {MAX_FILES} files")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            if self.sizes[name] > MAX_FILE_BYTES:
                raise Bad(f"{name} is larger than {MAX_FILE_BYTES} bytes")
            return file.read()

    def open(self, name: str) -> BufferedReader:
        if name not in self.sizes:
            raise Bad(f"{name} is missing")
        return (self.root / name).open("rb")

    def names(self, pattern: str) -> list[str]:
        return sorted((name for name in self.sizes if re.fullmatch(pattern, name)), key=lambda name: (len(name), name))

    def check(self) -> None:
        payload, tags = self._manifest("manifest-sha256.txt"), self._manifest("tagmanifest-sha256.txt")
        if self.read("bagit.txt") != BAG_DECLARATION or set(tags) != TAG_FILES:
            raise Bad("this is not a BagIt 1.0 bag with the tag files " + ", ".join(sorted(TAG_FILES)))
        listed = payload | tags
        for name in sorted((self.sizes.keys() | listed.keys()) - {"tagmanifest-sha256.txt"}):
            if name not in self.sizes:
                self.result.problem(ascii(name), "this file is missing")
            elif name not in listed or not (name in TAG_FILES or KNOWN_FILES.fullmatch(name)):
                self.result.problem(ascii(name), "this file does not belong to the bundle")
            else:
                with self.open(name) as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != listed[name]:
                        self.result.problem(name, "this file is not the one in the manifest: its SHA-256 differs")
        sizes = [size for name, size in self.sizes.items() if name.startswith("data/")]
        oxum = f"Payload-Oxum: {sum(sizes)}.{len(sizes)}"
        if oxum not in self.read("bag-info.txt").decode("utf-8", "replace").split("\n"):
            self.result.problem("bag-info.txt", f"this does not state {oxum}")

    def _manifest(self, manifest: str) -> dict[str, str]:
        listed: dict[str, str] = {}
        for line in self.read(manifest).decode("utf-8", "replace").removesuffix("\n").split("\n"):
            matched = MANIFEST_LINE.fullmatch(line)
            if matched is None or not {"", ".", ".."}.isdisjoint(matched[2].split("/")):
                self.result.problem(manifest, f"{line[:160]!a} is no hash and path within the bag")
            elif matched[2] in listed:
                self.result.problem(manifest, f"{matched[2]!a} is listed twice")
            else:
                listed[matched[2]] = matched[1]
        return listed


# Sealed fields.


class Openings:
    """The lines of `openings.jsonl`, in the order of the entries: position, path, subject, and one outcome each."""

    def __init__(self, bag: Bag, result: Result) -> None:
        self._result = result
        self.counts = {"value": 0, "erased": 0, "withheld": 0}
        self._lines = self._read(bag)
        self._next = next(self._lines, None)

    def _read(self, bag: Bag) -> Iterator[dict[str, Any]]:
        with bag.open("data/openings.jsonl") as file:
            while line := file.readline(MAX_FILE_BYTES):
                value = canonical_json(line.removesuffix(b"\n"))
                if type(value) is not dict or type(value.get("position")) is not int or not line.endswith(b"\n"):
                    raise Bad("a line of openings.jsonl is an object with a position")
                yield value

    def check(self, position: int, event_id: str, data: Any, leaf: bytes) -> None:
        """Each field that this entry sealed has one line. A reference to what another entry sealed has none."""
        told = set[int]()
        while self._next is not None and self._next["position"] <= position:
            line, self._next = self._next, next(self._lines, None)
            path, outcome = str(line.get("path")), next((each for each in self.counts if each in line), "")
            sealed = _sealed_at(data, path) if line["position"] == position else None
            if sealed is None or id(sealed) in told or not outcome or line.get("subject") != sealed["subject"]:
                what = "no sealed field" if sealed is None else "nothing that it tells, or tells twice"
                self._result.problem("openings.jsonl", f"this line is about {what}: {path}", line["position"])
                continue
            told.add(id(sealed))
            self.counts[outcome] += 1
            if outcome == "value" and not _is_opening(event_id, path, line, sealed["commitment"]):
                self._result.problem("openings.jsonl", f"the entry did not commit to this value of {path}", position)
        if count := leaf.count(SEALED) - len(told):
            count -= len(REFERENCE.findall(leaf))
        if count:
            self._result.problem("openings.jsonl", f"{count} sealed fields of this entry have no line", position)


def _sealed_at(node: Any, path: str) -> dict[str, Any] | None:
    """The sealed field at a JSON pointer."""
    start, *steps = path.split("/")
    for step in steps:
        within = {str(index): each for index, each in enumerate(node)} if type(node) is list else node
        node = within.get(step) if type(within) is dict else None
    return node if start == "" and type(node) is dict and node.keys() == {"subject", "commitment"} else None


def _is_opening(event_id: str, path: str, line: dict[str, Any], commitment: Any) -> bool:
    """Commitment = SHA-256(tag ‖ salt ‖ event id ‖ 0 ‖ path ‖ 0 ‖ canonical value), base64url without padding."""
    try:
        salt = base64.urlsafe_b64decode(str(line.get("salt")) + "==")
    except ValueError:
        return False
    place = event_id.encode() + b"\x00" + path.encode() + b"\x00"
    digest = hashlib.sha256(COMMITMENT_TAG + salt + place + _encode(line["value"]).encode()).digest()
    return len(salt) == 16 and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == commitment


# Ledgers.


class Ledger:
    """One ledger of a bundle. Its entries are a whole range where `whole` says so, chosen ones otherwise."""

    def __init__(self, bag: Bag, result: Result, tenant: str, openings: Openings | None, *, whole: bool) -> None:
        self.bag, self.result, self.tenant, self.openings, self.whole = bag, result, tenant, openings, whole
        self.room, self.origin, self.first_fingerprint = f"data/ledgers/{tenant}", "", ""
        self.keys: list[Key] = []
        self.size, self.entries, self.last_time = 0, 0, 0
        self.runs: list[tuple[int, int]] = []
        self.tree = Tree()
        self.cited: list[tuple[int, str, int, str]] = []
        self.digests: dict[int, AbstractSet[Any]] = {}
        self.grants: dict[str, int] = {}
        self.kinds: set[tuple[str, int]] = set()
        self.reopened: list[dict[str, Any]] = []
        self.reports: list[tuple[int, dict[str, Any]]] = []
        self.streams: dict[str, int] = {}
        self._ids: set[int] = set()

    def problem(self, what: str, position: int | None = None) -> None:
        self.result.problem(f"ledger {self.tenant}", what, position)

    def check(self, trusted: AbstractSet[str], witnesses: Sequence[Key]) -> None:
        text, signatures = parse_note(self.bag.read(f"{self.room}/checkpoint"))
        self.origin, self.size, root = parse_checkpoint(text)
        if not re.fullmatch(rf".+/{self.tenant}(/[1-9][0-9]{{0,5}})?", self.origin):
            self.problem(f"the checkpoint is of the log {self.origin}")
        self._find_keys(trusted)
        if all(key.signed(text, signatures) is None for key in self.keys):
            self.problem("the checkpoint is not signed by the log's key")
        for witness in witnesses:
            if (time := witness.signed(text, signatures)) is not None:
                self.result.summary.append(f"ledger {self.tenant}: cosigned by {witness.name}, {_when(time * 10**6)}")
            elif self.openings is not None:
                self.problem(f"the witness {witness.name} has not cosigned the checkpoint")
        if (stamp := f"{self.room}/stamp.tsr") in self.bag.sizes:
            if hashlib.sha256(text.encode()).digest() not in self.bag.read(stamp):
                self.problem("the time stamp is not over this checkpoint")
            self.result.notes.append(f"{stamp} is a time stamp: check its authority by `openssl ts -verify`.")
        if (found := self._check_entries()) != root:
            self.problem(f"entries and hashes lead to the root {found.hex()[:16]}…, not to {root.hex()[:16]}…")

    def _find_keys(self, trusted: AbstractSet[str]) -> None:
        """Keys before the one that was named do not count any more."""
        notes = self.bag.names(rf"{self.room}/keys/[0-9]+\.note")
        self.keys = follow_keys(self.origin, [self.bag.read(name) for name in notes])
        self.first_fingerprint = self.keys[0].fingerprint
        named = next((place for place, key in enumerate(self.keys) if key.fingerprint in trusted), None)
        if named is not None:
            self.keys = self.keys[named:]
        elif trusted and self.openings is not None:
            self.problem(f"this log's keys are none that you named; the first is {self.keys[0].fingerprint}")
        else:
            self.result.notes.append(
                f"THE KEY OF LEDGER {self.tenant} IS NOT CONFIRMED. Ask for its fingerprint by another way than this\n"
                f"  bundle came, and give it: --key {self.keys[0].fingerprint}"
            )

    def _check_entries(self) -> bytes:
        """Checks the entries from left to right, and returns the root that they and the other hashes lead to."""
        tree = self.tree
        with self.bag.open(f"{self.room}/leaf-hashes") as stated, self.bag.open(f"{self.room}/other-hashes") as others:
            for name in self.bag.names(rf"{self.room}/entries/[0-9]{{12}}\.bundle"):
                first = int(name[-19:-7])
                if not tree.size <= first < self.size:
                    raise Bad(f"ledger {self.tenant}: {name} does not begin between its neighbours", first)
                self._fill_gap(first, others)
                if not self.runs or self.runs[-1][1] != first:
                    self.runs.append((first, first))
                self._check_run(self.bag.read(name), stated)
                self.runs[-1] = (self.runs[-1][0], tree.size)
            if tree.size > self.size:
                self.problem("there are entries beyond the checkpoint", self.size)
            self._fill_gap(self.size, others)
            if stated.read(1) or others.read(1):
                self.problem("there are more hashes than entries and gaps")
        return tree.root()

    def _fill_gap(self, end: int, others: BufferedReader) -> None:
        for level in subtrees(self.tree.size, end):
            if len(digest := others.read(32)) != 32:
                raise Bad(f"ledger {self.tenant}: neither entries nor hashes are here from here on", self.tree.size)
            self.tree.push(level, digest)

    def _check_run(self, data: bytes, stated: BufferedReader) -> None:
        place = 0
        while place < len(data):
            position = self.tree.size
            end = place + 2 + int.from_bytes(data[place : place + 2], "big")
            leaf = data[place + 2 : end]
            digest = hashlib.sha256(b"\x00" + leaf).digest()
            if stated.read(32) != digest:
                self.problem("this entry is not the one that was sealed: its leaf hash differs", position)
            if end > len(data) or len(leaf) < 10:
                raise Bad(f"ledger {self.tenant}: this entry is cut off", position)
            try:
                self._check_entry(position, leaf)
            except Bad as error:
                self.problem(str(error), position)
            except (AttributeError, KeyError, TypeError):
                self.problem("a field of this entry has a wrong type", position)
            self.tree.push(0, digest)
            place = end

    def _check_entry(self, position: int, leaf: bytes) -> None:
        self.entries += 1
        recorded_at, before = int.from_bytes(leaf[:8], "big", signed=True), self.last_time
        self.last_time = max(before, recorded_at)
        if recorded_at < before:
            self.problem("this entry was recorded before the one before it", position)
        entry = canonical_json(leaf[8:])
        if not ENTRY_KEYS <= entry.keys() <= ALL_KEYS:
            raise Bad("this has not the fields of an entry")
        event_id, data, stream, version = entry["id"], entry["data"], entry["stream"], entry["version"]
        if not (STREAM.fullmatch(stream) and type(event_id) is str and type(data) is dict and type(version) is int):
            raise Bad("identifier, stream, version or data of this entry is malformed")
        self._check_order(position, stream, version, event_id)
        if entry["tenant"] != self.tenant:
            self.problem("this entry belongs to another tenant's ledger", position)
        if not -1 < entry.get("causation", -1) + 1 <= position:
            self.problem("this entry's cause does not lie before it", position)
        self._collect(position, entry)
        if self.openings is not None:
            self.openings.check(position, event_id, data, leaf)

    def _collect(self, position: int, entry: dict[str, Any]) -> None:
        """What is judged once all ledgers were read."""
        kind, data = entry["type"], entry["data"]
        for each in entry.get("facts", ()):
            self.cited.append((position, each["tenant"], each["position"], each["digest"]))
        self.kinds.add((kind, entry["schema"]))
        self.grants.setdefault(entry.get("grant", ""), position)
        if kind == "tenet.reporting.ReportPublished":
            self.reports.append((position, data))
        elif kind in FACT_FIELDS or FACT_SOURCES.fullmatch(kind):
            said = hashlib.sha256(_encode([data[each] for each in FACT_FIELDS.get(kind, ())]).encode()).hexdigest()
            self.digests[position] = {each for each in (said, *data.values()) if type(each) is str}
        elif kind == REOPENED:
            self.reopened.append(data)

    def _check_order(self, position: int, stream: str, version: int, event_id: str) -> None:
        """In a range each version follows the one before it, the first one too where the range begins at 0."""
        last = self.streams.get(stream, 0 if self.whole and self.runs[0][0] == 0 else None)
        if version < 1 or (last is not None and (version != last + 1 if self.whole else version <= last)):
            self.problem(f"version {version} of {stream} does not follow version {last}", position)
        self.streams[stream] = version
        if (known := hash(event_id)) in self._ids:
            self.problem(f"the event {event_id} stands here a second time", position)
        self._ids.add(known)

    def compare(self, held: bytes) -> None:
        """With a checkpoint of the same log from elsewhere."""
        text, signatures = parse_note(held)
        origin, size, root = parse_checkpoint(text)
        if origin != self.origin or all(key.signed(text, signatures) is None for key in self.keys):
            self.problem("the checkpoint that you hold is not one of this log")
        elif size > self.size:
            self.problem(f"you hold a checkpoint of {size} entries: this ledger is older, or was cut off", self.size)
        elif size and self.tree.held is None:
            self.problem(f"the chosen entries do not lead to the tree of {size} entries: ask for the whole range")
        elif size and self.tree.held != root:
            self.problem(f"this ledger is not the one whose first {size} entries you hold a checkpoint of")


# The whole.


def verify(
    directory: Path,
    trusted: AbstractSet[str] = frozenset(),
    witnesses: Sequence[Key] = (),
    held: bytes | None = None,
    recorded: str = "",
) -> Result:
    """Checks a bundle. `trusted` are fingerprints of logs' keys; `held` is a checkpoint from elsewhere; `recorded` is
    the bundle's hash as the ledger has it."""
    result = Result()
    try:
        bag = Bag(directory, result)
        bag.check()
        if recorded and hashlib.sha256(bag.read("tagmanifest-sha256.txt")).hexdigest() != recorded:
            result.problem("tagmanifest-sha256.txt", "this is not the bundle whose hash you have")
        _check_contents(bag, result, trusted, witnesses, held)
    except Bad as error:
        result.problem("bundle", str(error), error.position)
    except (OSError, LookupError, TypeError, AttributeError, ValueError) as error:
        result.problem("bundle", f"this cannot be read: {error!a}"[:200])
    return result


def _check_contents(
    bag: Bag, result: Result, trusted: AbstractSet[str], witnesses: Sequence[Key], held: bytes | None
) -> None:
    facts = canonical_json(bag.read("data/bundle.json"))
    tenant, case, begin, end = facts["tenant"], facts["case"], facts["from_position"], facts["to_position"]
    if facts["format"] != FORMAT or facts.keys() != BUNDLE_KEYS or facts["audience"] not in AUDIENCES:
        raise Bad(f"this is not a bundle of the format {FORMAT}")
    if not (type(begin) is type(end) is int and 0 <= begin < end and (case is None or type(case) is str)):
        raise Bad("bundle.json states no range of positions")
    openings = Openings(bag, result)
    ledgers = _check_ledgers(bag, openings, facts, trusted, witnesses, held)
    ledger = ledgers[tenant]
    openings.check(2**63, "", {}, b"")
    if case is None and ledger.runs != [(begin, end)]:
        place = max(begin, ledger.runs[-1][1] if ledger.runs else 0)
        ledger.problem(f"the entries are not all those from {begin} up to {end}", place)
    if case is not None and case not in ledger.streams:
        ledger.problem(f"there is no entry of {case}")
    if held is not None:
        ledger.compare(held)
    _check_cited(ledger, ledgers)
    _check_reports(bag, ledger)
    _check_schemas(bag, ledgers)
    kinds = ", ".join(f"{count} {'opened' if name == 'value' else name}" for name, count in openings.counts.items())
    cases = f"{sum(1 for stream in ledger.streams if stream.startswith('case-'))} cases"
    result.summary += [
        f"{case or f'positions {begin} to {end - 1}'}: {ledger.entries} entries, {cases}",
        f"sealed fields: {sum(openings.counts.values())} ({kinds}); reports: {len(ledger.reports)}",
    ]
    for each in ledgers.values():
        counted = f"ledger {each.tenant}: {each.entries} of {each.size} entries"
        result.summary.append(f"{counted}, the last at {_when(each.last_time)}")


def _check_ledgers(
    bag: Bag, openings: Openings, facts: dict[str, Any], trusted: AbstractSet[str], witnesses: Sequence[Key], held: Any
) -> dict[str, Ledger]:
    tenant, ledgers, result = facts["tenant"], dict[str, Ledger](), bag.result
    for name in sorted({name.split("/")[2] for name in bag.names(r"data/ledgers/[a-z0-9-]+/.*")} | {tenant}):
        main = name == tenant
        ledgers[name] = Ledger(bag, result, name, openings if main else None, whole=main and facts["case"] is None)
        if main and held is not None:
            ledgers[name].tree.held_size = parse_checkpoint(parse_note(held)[0])[1]
        try:
            ledgers[name].check(trusted, witnesses)
        except Bad as error:
            result.problem(f"ledger {name}", str(error), error.position)
    for each in ledgers.values():
        _check_origin(each, ledgers.get("provider"))
    return ledgers


def _check_schemas(bag: Bag, ledgers: dict[str, Ledger]) -> None:
    known = {f"data/schemas/{kind}.v{version}.json" for each in ledgers.values() for kind, version in each.kinds}
    for name in bag.names(r"data/schemas/.*"):
        if name not in known or type(canonical_json(bag.read(name))) is not dict:
            bag.result.problem(name, "this is no schema of an event that is here")


def _check_cited(ledger: Ledger, ledgers: dict[str, Ledger]) -> None:
    """Every fact and grant that an entry rests on is in the bundle, in a ledger of its own proof."""
    for position, tenant, cited, digest in ledger.cited:
        other = ledgers.get(tenant)
        found = other is not None and any(first <= cited < end for first, end in other.runs)
        if other is None or (not found and not (other is ledger and ledger.whole)):
            ledger.problem(f"the fact at {cited} of ledger {tenant}, which this entry cites, is not here", position)
        elif found and digest not in other.digests.get(cited, ()):
            ledger.problem(f"the fact at {cited} of ledger {tenant} is not the one that this entry cites", position)
    provider = ledgers.get("provider")
    for grant, position in ledger.grants.items():
        if grant and provider is not ledger and (provider is None or grant not in provider.streams):
            ledger.problem(f"the grant {grant}, under which this was done, is not here", position)


def _check_reports(bag: Bag, ledger: Ledger) -> None:
    """Reports are those that were published, and there is no other."""
    names = set(bag.names(r"data/reports/.*"))
    for position, report in ledger.reports:
        name = f"data/reports/{report['report_id']}.json"
        if name in names and hashlib.sha256(bag.read(name)).hexdigest() != report["model_sha256"]:
            ledger.problem(f"{name} is not the report that was published", position)
        if report["as_of_position"] >= ledger.size:
            ledger.problem("this report speaks of entries beyond the checkpoint", position)
        names.discard(name)
    for name in sorted(names):
        ledger.result.problem(name, "no entry publishes this report")


def _check_origin(ledger: Ledger, provider: Ledger | None) -> None:
    """A second origin, of a ledger that was closed and reopened, is on record in the provider's ledger."""
    if not re.fullmatch(rf".+/{ledger.tenant}/[1-9][0-9]*", ledger.origin):
        return
    stated, begun = provider.reopened if provider else [], (ledger.origin, ledger.first_fingerprint)
    event = next((each for each in stated if (each["origin"], each["fingerprint"]) == begun), None)
    if event is None:
        ledger.problem(f"nothing here says that the log was begun anew as {ledger.origin}")
        return
    ledger.result.notes.append(
        f"THE LEDGER {ledger.tenant} WAS REOPENED under the origin {ledger.origin}, with {event['entries']}\n"
        f"  entries, after it had contradicted the head of {event['signed_size']} entries that was signed before;\n"
        f"  two administrators reopened it. Compare with checkpoints of {event['earlier_origin']} that you hold."
    )


def _when(microseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(microseconds // 10**6, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "no possible time"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 the bundle is valid; 1 it is not; 2 it was not checked."""
    parser = argparse.ArgumentParser(prog="verifier.py", description="Checks an audit bundle of Tenet, offline.")
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "--key", action="append", default=[], help="fingerprint or verifier key of a log, as you know it"
    )
    parser.add_argument("--witness", action="append", default=[], help="verifier key of one that must have cosigned")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint of the same ledger that you hold from elsewhere")
    parser.add_argument("--bundle", default="", help="SHA-256 of tagmanifest-sha256.txt, as the ledger recorded it")
    given = parser.parse_args(arguments)
    try:
        fingerprints = {key if re.fullmatch(r"[0-9a-f]{64}", key) else Key.parse(key).fingerprint for key in given.key}
        witnesses = [Key.parse(each) for each in given.witness]
        held = given.checkpoint.read_bytes() if given.checkpoint else None
    except (Bad, OSError) as error:
        parser.error(str(error))
    if not given.directory.is_dir():
        parser.error(f"{given.directory} is not a directory; an archive is not opened here, unpack it yourself first")
    result = verify(given.directory, fingerprints, witnesses, held, given.bundle)
    print(*result.summary, *(f"NOTE: {note}" for note in result.notes), sep="\n")
    for where, position, what in result.problems:
        print(f"FAILED: {where}{'' if position is None else f', position {position}'}: {what}")
    first = "" if result.first_position is None else f" The first position that fails is {result.first_position}."
    condition = ", IF THE KEYS NOTED ABOVE ARE RIGHT" if any("NOT CONFIRMED" in note for note in result.notes) else ""
    valid = f"VALID{condition}: nothing here was altered, removed or reordered."
    print(f"NOT VALID.{first}" if result.problems else valid)
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
