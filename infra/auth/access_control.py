"""All that a service needs to let people in, opened and closed together."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from contracts.ids import PROVIDER
from infra.auth.access_log import AccessLog
from infra.auth.authority import Authority
from infra.auth.directory import Directory
from infra.auth.disclosure import Disclosure
from infra.auth.jwks import HttpKeySource, IssuerKeys
from infra.auth.tokens import TokenVerifier
from infra.event_store.ledger import Ledger
from infra.keys import KeyStore
from infra.read_database.database import ReadDatabase


@dataclass(frozen=True, slots=True)
class AccessControl:
    """`authority` is the gate for `infra.grpc.serve`; `disclosure` opens sealed fields for servicers."""

    directory: Directory
    authority: Authority
    access_log: AccessLog
    disclosure: Disclosure

    @classmethod
    @asynccontextmanager
    async def open(
        cls, ledger: Ledger, keys: KeyStore, database: ReadDatabase, clock: Callable[[], datetime]
    ) -> AsyncIterator[Self]:
        """Reads the provider's ledger to its head first. Raises TenantUnknown when there is none, StoreUnavailable."""
        search_key = await keys.search_key(PROVIDER)
        async with AccessLog.open(database, clock) as access_log, Directory(ledger.feed) as directory:
            issuer_keys = IssuerKeys(HttpKeySource(), time.monotonic)
            tokens = TokenVerifier(directory, issuer_keys, lambda: clock().timestamp())
            authority = Authority(directory, tokens, access_log, search_key, clock)
            yield cls(directory, authority, access_log, Disclosure(ledger.openings, access_log))
