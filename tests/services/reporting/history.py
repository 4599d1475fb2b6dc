"""A ledger as a list, sealed like a real one, for tests of what is derived from it."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.calls import Actor, AuthenticatedBy
from contracts.events.base import Envelope, Event, Fact, Recorded, Sealed, sealed_values
from contracts.ids import PROVIDER, StreamName, TenantId
from infra.disclosure.opener import Opened, Words

CLINIC = TenantId("clinic")
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ANALYST = Actor("principal-analyst", AuthenticatedBy.OIDC, PROVIDER)
APPROVER = Actor("principal-approver", AuthenticatedBy.OIDC, TenantId("clinic"))
RULE = Actor("policy:send_action_when_dispatched", AuthenticatedBy.SERVICE, PROVIDER)


@dataclass
class History:
    """`at` moves on with `wait`; each event is recorded there. `words` remembers what was sealed."""

    tenant_id: TenantId = CLINIC
    at: datetime = START
    entries: list[Recorded[Any]] = field(default_factory=list)
    words: dict[tuple[str, str], Words] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def wait(self, **duration: float) -> "History":
        self.at += timedelta(**duration)
        return self

    def record(
        self,
        stream: str,
        event: Event,
        actor: Actor = ANALYST,
        occurred_at: datetime | None = None,
        facts: tuple[Fact, ...] = (),
    ) -> int:
        position = len(self.entries)
        self.versions[stream] = self.versions.get(stream, 0) + 1
        event_id = f"event-{position}"
        envelope = Envelope(
            id=event_id,
            tenant_id=self.tenant_id,
            stream=StreamName(stream),
            version=self.versions[stream],
            topic=event.TOPIC,
            schema_version=event.VERSION,
            occurred_at=occurred_at or self.at,
            actor=actor,
            grant_id=None,
            correlation_id="",
            causation=None,
            trace_parent="",
            facts=facts,
            request_key=None,
            request_digest=None,
        )
        self.entries.append(Recorded(position, self.at, envelope, self._sealed(event, event_id)))
        return position

    @property
    def opened(self) -> Opened:
        return Opened(self.words)

    def _sealed(self, event: Event, event_id: str) -> Event:
        """The event as it is read back: references in the place of words."""
        payload = event.model_dump(mode="json")
        for path, sealed in sealed_values(event):
            target: Any = payload
            for step in path.strip("/").split("/"):
                target = target[int(step)] if isinstance(target, list) else target[step]
            text = sealed.plaintext or ""
            target |= {"commitment": hashlib.sha256(text.encode()).hexdigest()[:43], "event_id": event_id, "path": path}
            self.words[(event_id, path)] = text
        return type(event).model_validate(payload)


def sealed(text: str, subject: str = "subject-1") -> Sealed:
    return Sealed.of(text, subject=subject)
