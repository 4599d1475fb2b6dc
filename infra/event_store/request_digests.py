"""What tells a repeated request from another one that came under the same id.

digest = HMAC-SHA256(tenant's request key, tag ‖ request id ‖ 0x00 ‖ canonical [public digest, private words])

A second note under the first one's request id must be refused, or it would be answered as recorded and be lost. Yet
what a person wrote is sealed and may be erased, so nothing that stays in the ledger may let anyone try guesses at it:
the key lies in the key store and goes with the tenant's keys, and the request id is kept only as a hash.
"""

import hashlib
import hmac

from contracts.calls import AuthenticatedBy, Call
from contracts.canonical import encode
from contracts.commands import Command, command_digest, private_words
from infra.keys import KeyStore

TAG = b"tenet/request-digest/v1\x00"


class RequestDigests:
    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    async def of(self, call: Call, command: Command) -> bytes:
        """32 bytes, the same for every attempt of a request. Raises TenantKeysDestroyed.

        What a policy or timer says in private it may say in other words the second time, such as what a receiver
        answered; its request is known by the event that it reacts to.
        """
        words = [] if call.actor.authenticated_by is AuthenticatedBy.SERVICE else private_words(command)
        public = command_digest(command)
        if not words:
            return bytes.fromhex(public)
        said = TAG + command.request_id.encode() + b"\x00" + encode([public, words])
        return hmac.digest(await self._keys.request_key(call.tenant_id), said, hashlib.sha256)

    async def fits(self, call: Call, command: Command, recorded: bytes) -> bool:
        """Whether an entry's digest is this command's. Entries of before private words counted hold the public one."""
        return recorded in (bytes.fromhex(command_digest(command)), await self.of(call, command))
