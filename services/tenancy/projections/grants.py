"""The view of grants: who holds, or held, which role for which tenant."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from contracts.events.base import Instant, Recorded, Value
from contracts.events.tenancy import GrantRevoked, RoleGranted
from contracts.ids import TenantId
from contracts.roles import Role
from infra.read_database.views import DocumentView


class GrantDocument(Value):
    """`granted_at` is that of the last granting: a revoked or expired grant may be given again."""

    grant_id: str
    principal_id: str
    role: Role
    tenant_id: TenantId
    inherited: bool
    granted_at: Instant
    expires_at: Instant | None
    revoked: bool = False


class Grants(DocumentView[GrantDocument]):
    NAME = "grants"
    VERSION = 1
    TABLE = "grants"
    TOPICS = frozenset({RoleGranted, GrantRevoked})
    COLUMNS: ClassVar[Mapping[str, str]] = {"granted_tenant": "text", "principal": "text", "revoked": "boolean"}
    DOCUMENT = GrantDocument

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        return [recorded.event.grant_id]

    def fold(self, key: str, document: GrantDocument | None, recorded: Recorded[Any]) -> GrantDocument | None:
        match recorded.event:
            case RoleGranted() as event:
                return GrantDocument(
                    grant_id=key,
                    principal_id=event.principal_id,
                    role=event.role,
                    tenant_id=event.tenant_id,
                    inherited=event.inherited,
                    granted_at=recorded.occurred_at,
                    expires_at=event.expires_at,
                )
            case GrantRevoked() if document is not None:
                return document.model_copy(update={"revoked": True})
            case _:
                return document

    def columns(self, document: GrantDocument) -> Mapping[str, object]:
        return {
            "granted_tenant": document.tenant_id,
            "principal": document.principal_id,
            "revoked": document.revoked,
        }
