"""Observables of a case: addresses, domains, file hashes, accounts and hosts, by which attacks are recognised again.

A value is sealed; what rests in the clear is its blind index, its kind, and whether it is strong: a thing that two
attacks hardly share by chance. Strong are file hashes, domains, accounts and public addresses; a host's name and an
address within a network are weak, because much that has nothing to do with each other happens there.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from contracts.events.base import Sealed
from contracts.events.case_work import (
    Observable,
    ObservableAdded,
    ObservableKind,
    ObservableRemoved,
    TracesDrawn,
)
from contracts.ids import derive_id
from contracts.labels import Label
from services.cases.domain.case import Case, in_work
from services.cases.domain.errors import CaseTooLarge, ObservableExists, ObservableInvalid, ObservableUnknown
from services.cases.domain.subjects import Subject
from services.cases.domain.work_commands import AddObservable, RemoveObservable

MAX_OBSERVABLES = 1_000
"""Most observables of one case."""
MAX_DRAWN = 50
"""Most observables that are drawn from one subject."""
_HASH = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$")
_HASH_WITHIN = re.compile(r"\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b")
_DOMAIN = re.compile(r"^(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$")
_KINDS: Mapping[str, ObservableKind] = {
    "host": ObservableKind.HOST,
    "address": ObservableKind.IP,
    "source address": ObservableKind.IP,
    "destination address": ObservableKind.IP,
    "account": ObservableKind.ACCOUNT,
    "user": ObservableKind.ACCOUNT,
    "domain": ObservableKind.DOMAIN,
    "hashes": ObservableKind.HASH,
}
"""The words before the colon in a detection's observables."""
_NOBODY = frozenset({"system", "root", "local service", "network service", "nt authority\\system", "-"})
"""Accounts that every machine has."""


class Index(Protocol):
    """Blind indexes under the tenant's search key."""

    def name(self, text: str) -> str: ...

    def address(self, text: str) -> str: ...

    def text(self, kind: str, text: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is compared: `text` is its normal form."""

    kind: ObservableKind
    text: str
    strong: bool


def value_of(kind: ObservableKind, text: str) -> Value:
    """Raises ObservableInvalid."""
    plain = unicodedata.normalize("NFKC", text).strip()
    match kind:
        case ObservableKind.IP:
            try:
                address = ipaddress.ip_address(plain.strip("[]").partition("%")[0])
            except ValueError:
                raise ObservableInvalid("This is no IP address.") from None
            return Value(kind, str(address), address.is_global and not address.is_multicast)
        case ObservableKind.HASH:
            plain = plain.lower()
            if not _HASH.match(plain):
                raise ObservableInvalid("A hash is MD5, SHA-1 or SHA-256 in hexadecimal.")
            return Value(kind, plain, strong=True)
        case ObservableKind.DOMAIN:
            plain = plain.casefold().rstrip(".")
            if not _DOMAIN.match(plain):
                raise ObservableInvalid("This is no domain name.")
            return Value(kind, plain, strong=True)
        case ObservableKind.ACCOUNT | ObservableKind.HOST:
            if not plain:
                raise ObservableInvalid("The value is empty.")
            strong = kind is ObservableKind.ACCOUNT and plain.casefold() not in _NOBODY
            return Value(kind, plain, strong)


def index_of(index: Index, value: Value) -> str:
    """The blind index; that of names and addresses is the one that assets are registered under."""
    if value.kind is ObservableKind.IP:
        return index.address(value.text)
    if value.kind in (ObservableKind.ACCOUNT, ObservableKind.HOST):
        return index.name(value.text)
    return index.text(f"observable_{value.kind.value}", value.text)


def read_described(text: str) -> Iterator[Value]:
    """The values in one of a detection's observables, written as `kind: value`; nothing where none is understood."""
    word, _, rest = text.partition(": ")
    kind = _KINDS.get(word)
    if kind is None:
        return
    for part in _HASH_WITHIN.findall(rest) if kind is ObservableKind.HASH else [rest]:
        try:
            yield value_of(kind, part)
        except ObservableInvalid:
            continue


def add_observable(case: Case, command: AddObservable, index: Index) -> ObservableAdded:
    """Raises ObservableInvalid, ObservableExists, CaseTooLarge, and as `in_work`."""
    value = value_of(command.kind, command.value)
    made = _observable(in_work(case), value, index, command.label, case.case_id)
    if made.observable_id in case.observable_ids:
        raise ObservableExists("The case has this already.", metadata={"observable_id": made.observable_id})
    if len(case.observable_ids) >= MAX_OBSERVABLES:
        raise CaseTooLarge(f"A case holds at most {MAX_OBSERVABLES} observables.")
    return ObservableAdded(case_id=case.case_id, observable=made)


def remove_observable(case: Case, command: RemoveObservable) -> ObservableRemoved:
    if command.observable_id not in in_work(case).observable_ids:
        raise ObservableUnknown("The case has no such observable.")
    return ObservableRemoved(
        case_id=case.case_id,
        observable_id=command.observable_id,
        reason=Sealed.of(command.reason, subject=case.case_id),
    )


def draw_traces(case: Case, subject: Subject, described: Iterable[tuple[str, str]], index: Index) -> list[TracesDrawn]:
    """What a subject brings into its case to be recognised by; nothing when it was drawn before, or has left.

    `described` are the subject's opened observables, each with the data subject that it is sealed for, so that erasing
    that one erases the copy too.
    """
    if subject.id in case.drawn or not any(reference.id == subject.id for reference in case.subjects):
        return []
    found: dict[str, Observable] = {}
    for text, sealed_for in described:
        for value in read_described(text):
            made = _observable(case, value, index, subject.label, sealed_for)
            found.setdefault(made.observable_id, made)
    room = max(0, min(MAX_DRAWN, MAX_OBSERVABLES - len(case.observable_ids)))
    return [
        TracesDrawn(
            case_id=case.case_id,
            subject_kind=subject.kind,
            subject_id=subject.id,
            asset_ids=subject.asset_ids,
            rule_id=subject.rule_id,
            techniques=subject.techniques,
            seen_at=subject.seen_at,
            observables=tuple(sorted(found.values(), key=lambda each: not each.strong)[:room]),
        )
    ]


def _observable(case: Case, value: Value, index: Index, label: Label, sealed_for: str) -> Observable:
    mark = index_of(index, value)
    return Observable(
        observable_id=derive_id("observable", case.case_id, value.kind.value, mark),
        kind=value.kind,
        value=Sealed.of(value.text, subject=sealed_for),
        index=mark,
        strong=value.strong,
        label=label,
    )
