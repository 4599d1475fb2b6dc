"""Identifiers of cases, detections, actions and findings, cut short: their beginning stands for the whole where it is
the only one that begins so.

A request says by the names of its fields which kind of identifier stands where, so every command takes them, also one
that is added later. What is written without its kind (`4k2m9x` for `case-4k2m9x…`) is taken where the field tells the
kind.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from tenet.assets.v1 import assets_read_pb2 as assets
from tenet.cases.v1 import cases_read_pb2 as cases
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_read_pb2 as detections

from contracts.ids import is_opaque_id
from infra.cli.problems import Problem
from infra.cli.session import Session

R = TypeVar("R", bound=Message)

FEWEST = 6
"""Characters after the kind; fewer are taken for no identifier."""
MAX_NAMED = 5
"""Candidates that an answer names."""
_BEGINNING = re.compile(rf"(?:([a-z_]+)-)?([0-9a-hjkmnp-tv-z]{{{FEWEST},25}})\Z")
FIELDS: Mapping[str, str] = {
    "case_id": "case",
    "case_ids": "case",
    "into_case_id": "case",
    "detection_id": "detection",
    "detection_ids": "detection",
    "duplicate_of": "detection",
    "action_id": "action",
    "finding_id": "finding",
}
"""The kind of identifier that a field of a request holds."""
OPEN_FIELDS = frozenset({"about_id", "subject_ids"})
"""Fields for identifiers of several kinds: these are cut short with their kind before them."""


def _cases(tenant_ids: Sequence[str], prefix: str) -> tuple[Message, type[Message]]:
    return cases.ListCasesRequest(tenant_ids=tenant_ids, id_prefix=prefix), cases.ListCasesResponse


def _detections(tenant_ids: Sequence[str], prefix: str) -> tuple[Message, type[Message]]:
    return (
        detections.ListDetectionsRequest(tenant_ids=tenant_ids, id_prefix=prefix),
        detections.ListDetectionsResponse,
    )


def _actions(tenant_ids: Sequence[str], prefix: str) -> tuple[Message, type[Message]]:
    return cases.ListActionsRequest(tenant_ids=tenant_ids, id_prefix=prefix), cases.ListActionsResponse


def _findings(tenant_ids: Sequence[str], prefix: str) -> tuple[Message, type[Message]]:
    return assets.ListFindingsRequest(tenant_ids=tenant_ids, id_prefix=prefix), assets.ListFindingsResponse


_LISTS = {"case": _cases, "detection": _detections, "action": _actions, "finding": _findings}


class ShorthandSession(Session):
    """A session whose requests may hold identifiers that are cut short."""

    async def ask(self, request: Message, answer: type[R], *, deadline: float | None = None, service: str = "") -> R:
        await self._complete(request)
        return await super().ask(request, answer, deadline=deadline, service=service)

    async def stream(self, request: Message, answer: type[R], *, deadline: float | None = None) -> AsyncIterator[R]:
        await self._complete(request)
        async for message in super().stream(request, answer, deadline=deadline):
            yield message

    async def _complete(self, request: Any) -> None:
        tenant_ids = _tenants_of(request)
        for holder, name, kind in list(_places(request)):
            value = getattr(holder, name)
            if isinstance(value, str):
                setattr(holder, name, await whole(self, tenant_ids, kind, value))
            else:
                value[:] = [await whole(self, tenant_ids, kind, each) for each in value]


async def whole(session: Session, tenant_ids: Sequence[str], kind: str, text: str) -> str:
    """The identifier that begins so, in these tenants, or in all that the caller may see where none is named.

    What is no beginning of one, or begins none, stays as it is, so that the service says what it does not know. `kind`
    is empty where the text has to tell it. Raises Problem where several begin so, and RemoteError.
    """
    found = None if is_opaque_id(text) else _BEGINNING.match(text)
    told = (found[1] or kind) if found else ""
    if found is None or told not in _LISTS or (kind and told != kind):
        return text
    request, answer = _LISTS[told](tenant_ids, f"{told}-{found[2]}")
    request.page.page_size = MAX_NAMED + 1  # type: ignore[attr-defined]  # Each of these requests is a list.
    listed = _identifiers(await session.ask(request, answer), f"{told}_id")
    if len(listed) > 1:
        named = ", ".join(listed[:MAX_NAMED]) + (", …" if len(listed) > MAX_NAMED else "")
        raise Problem("IDENTIFIER_AMBIGUOUS", f"{text} begins several: {named}.", hint="write more of it.")
    return listed[0] if listed else text


def _identifiers(answer: Any, name: str) -> list[str]:
    """Of the first list of the answer, which are the things that it lists."""
    field = min(answer.DESCRIPTOR.fields, key=lambda each: each.number)
    return sorted(getattr(item, name) for item in getattr(answer, field.name))


def _tenants_of(request: Any) -> list[str]:
    fields = request.DESCRIPTOR.fields_by_name
    if "tenant_id" in fields:
        return [request.tenant_id] if request.tenant_id else []
    return list(request.tenant_ids) if "tenant_ids" in fields else []


def _places(request: Any) -> Iterator[tuple[Any, str, str]]:
    """Where identifiers stand: the message, the field, and their kind, which is empty where each tells its own."""
    for field, _ in request.ListFields():
        if field.name in FIELDS or field.name in OPEN_FIELDS:
            yield request, field.name, FIELDS.get(field.name, "")
        elif field.message_type is common.SubjectRef.DESCRIPTOR:
            value = getattr(request, field.name)
            for subject in [value] if isinstance(value, common.SubjectRef) else value:
                yield subject, "id", _KINDS.get(subject.kind, "")


_KINDS = {common.SUBJECT_KIND_DETECTION: "detection", common.SUBJECT_KIND_FINDING: "finding"}
