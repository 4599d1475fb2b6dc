"""The master keys of the local store: one file each, one of them current, under which the tenants' keys are wrapped."""

import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from contracts.ids import new_id
from infra.keys import files
from infra.keys.errors import KeyCorrupt, KeyMissing, KeysInsecure
from infra.keys.wrapping import KEY_BYTES, new_key

_NAME = re.compile(r"^master-[0-9a-z]{26}$")


class MasterKey(NamedTuple):
    id: str
    key: bytes


class MasterKeys:
    """The directory `master/`: `<id>.key` (32 bytes, mode 0600), `current` (an id), `lock`. All methods block."""

    def __init__(self, directory: Path, known: files.KnownFiles) -> None:
        self._directory = directory
        self._files = known
        files.make_directory(directory)
        with self.locked(exclusive=True):
            if self._files.read(self._directory / "current") is None:
                self._begin()

    def locked(self, *, exclusive: bool) -> AbstractContextManager[None]:
        """Held shared while a tenant's key is wrapped, exclusively while the master changes."""
        return files.locked(self._directory / "lock", exclusive=exclusive)

    def current(self) -> MasterKey:
        name = self._files.read(self._directory / "current")
        if name is None:
            raise KeyMissing("The key store does not say which master key is current.")
        return self.key(name.decode().strip())

    def key(self, identifier: str) -> MasterKey:
        """The master key of that identifier. Raises KeyMissing, KeyCorrupt, KeysInsecure."""
        if _NAME.match(identifier) is None:
            raise KeyCorrupt("A file of the key store names a master key in a way that none is named.")
        path = self._directory / f"{identifier}.key"
        key = self._files.read(path)
        if key is None:
            raise KeyMissing("A master key that tenants' keys are wrapped by is not in the store.")
        if path.stat().st_mode & 0o077:
            raise KeysInsecure("A master key can be read by other accounts; its mode must be 0600.")
        if len(key) != KEY_BYTES:
            raise KeyCorrupt("A master key does not have 32 bytes.")
        return MasterKey(identifier, key)

    def begin_another(self) -> MasterKey:
        """Makes a new master key current. Called while the lock is held exclusively."""
        self._begin()
        return self.current()

    def retire_all_but(self, current: MasterKey) -> int:
        """Destroys every master key that no tenant's key is wrapped by any more; returns how many."""
        retired = [path for path in self._directory.glob("master-*.key") if path.stem != current.id]
        for path in retired:
            files.scrub(path)
        return len(retired)

    def _begin(self) -> None:
        identifier = new_id("master")
        files.create(self._directory / f"{identifier}.key", new_key())
        files.replace(self._directory / "current", identifier.encode())
