"""The tenants' part of the local key store, on files. All of it blocks; `local.LocalKeyStore` calls it in threads.

    tenants/<tenant>/tenant.key                     master id, newline, the tenant's key wrapped by that master
    tenants/<tenant>/destroyed                      present once the tenant's keys were destroyed
    tenants/<tenant>/subjects/<aa>/<hash>.key       key id, newline, the subject's key wrapped under the tenant's
    tenants/<tenant>/subjects/<aa>/<hash>.<key id>.erased     present once that key was destroyed
    tenants/<tenant>/subjects/<aa>/<hash>.fields              marks of the subject's fields that were erased, one a line

`<hash>` is the SHA-256 of the subject's identifier and `<aa>` its first two digits, so a directory stays small up to
some millions of subjects.
"""

import hashlib
import shutil
from pathlib import Path

from contracts.errors import InvalidArgument
from contracts.ids import TenantId, is_tenant_id, new_id
from infra.keys import files
from infra.keys.errors import KeyCorrupt, KeyMissing, TenantKeysDestroyed
from infra.keys.master import MasterKeys
from infra.keys.port import SubjectKey
from infra.keys.wrapping import derive, new_key, unwrap, wrap

_ATTEMPTS = 10
"""How often a file may change hands between two looks at it before the store gives up."""


class Vault:
    def __init__(self, directory: Path) -> None:
        self._files = files.KnownFiles()
        self._tenants = directory / "tenants"
        files.make_directory(self._tenants)
        self._masters = MasterKeys(directory / "master", self._files)
        for hidden in directory.rglob(".*.scrub"):
            files.scrub_hidden(hidden)

    def tenant_key(self, tenant_id: TenantId, purpose: str) -> bytes:
        """The tenant's key for one purpose, made at the first call. Raises TenantKeysDestroyed, KeyCorrupt."""
        return derive(self._root_key(tenant_id), purpose)

    def subject_key(self, tenant_id: TenantId, subject: str, held: SubjectKey | None = None) -> SubjectKey:
        """`held` is the subject's key as the caller knew it a while ago: it is right unless a mark says otherwise."""
        path = self._subject_path(tenant_id, subject)
        if held is not None and not self._is_destroyed(tenant_id) and not _erased_mark(path, held.key_id).exists():
            return held
        wrapping_key = self.tenant_key(tenant_id, "tenet/subjects/v1")
        for _ in range(_ATTEMPTS):
            stored = self._files.read(path)
            if stored is None:
                created = self._create_subject(path, tenant_id, subject, wrapping_key)
                if created is not None:
                    return created
                continue
            found = _unwrap_subject(stored, tenant_id, subject, wrapping_key)
            if not _erased_mark(path, found.key_id).exists():
                return found
            # The process that destroyed this key stopped between its mark and the file; its work is finished here.
            self._erase(tenant_id, path, found.key_id)
        raise KeyCorrupt("A subject's key keeps changing while it is read.")

    def find_subject_key(self, tenant_id: TenantId, subject: str, key_id: str) -> SubjectKey | None:
        if self._is_destroyed(tenant_id):
            return None
        path = self._subject_path(tenant_id, subject)
        if _erased_mark(path, key_id).exists():
            return None
        stored = self._files.read(path)
        found = stored and _unwrap_subject(stored, tenant_id, subject, self.tenant_key(tenant_id, "tenet/subjects/v1"))
        if found and found.key_id == key_id:
            return found
        if _erased_mark(path, key_id).exists() or self._is_destroyed(tenant_id):
            return None
        raise KeyMissing("A subject's key is not in the store, and nothing says that it was destroyed.")

    def present_key(self, tenant_id: TenantId, subject: str) -> str | None:
        path = self._subject_path(tenant_id, subject)
        stored = None if self._is_destroyed(tenant_id) else self._files.read(path)
        key_id = stored and _key_id(stored)
        return key_id if key_id and not _erased_mark(path, key_id).exists() else None

    def destroy_subject(self, tenant_id: TenantId, subject: str) -> str | None:
        path = self._subject_path(tenant_id, subject)
        stored = None if self._is_destroyed(tenant_id) else self._files.read(path)
        if stored is None:
            return None
        key_id = _key_id(stored)
        self._erase(tenant_id, path, key_id)
        return key_id

    def erase_field(self, tenant_id: TenantId, subject: str, mark: str) -> None:
        path = self._fields_path(tenant_id, subject)
        files.make_directory(path.parent)
        with files.locked(self._directory(tenant_id) / "erasing", exclusive=True):
            marks = self.erased_fields(tenant_id, subject)
            if mark not in marks:
                files.replace(path, "".join(f"{each}\n" for each in sorted(marks | {mark})).encode())

    def erased_fields(self, tenant_id: TenantId, subject: str) -> frozenset[str]:
        stored = self._files.read(self._fields_path(tenant_id, subject))
        return frozenset((stored or b"").decode("ascii", "replace").split())

    def destroy_tenant(self, tenant_id: TenantId) -> None:
        directory = self._directory(tenant_id)
        files.make_directory(directory)
        files.create(directory / "destroyed", b"")
        with self._masters.locked(exclusive=True):
            files.scrub(directory / "tenant.key")
        # Without the tenant's key these are noise; they go so that the store does not grow for ever.
        shutil.rmtree(directory / "subjects", ignore_errors=True)

    def rotate_master(self) -> int:
        """Wraps every tenant's key under a new master and destroys the old ones; returns how many keys were wrapped.

        Safe to interrupt: until the last step every key's master is still there, and the next rotation finishes.
        """
        with self._masters.locked(exclusive=True):
            master = self._masters.begin_another()
            rewrapped = 0
            for path in sorted(self._tenants.glob("*/tenant.key")):
                tenant_id = TenantId(path.parent.name)
                root = self._unwrap_root(tenant_id, path.read_bytes())
                files.replace(path, _wrapped_root(tenant_id, root, master.id, master.key))
                rewrapped += 1
            self._masters.retire_all_but(master)
        return rewrapped

    def _root_key(self, tenant_id: TenantId) -> bytes:
        if self._is_destroyed(tenant_id):
            raise TenantKeysDestroyed("This tenant's keys were destroyed; nothing can be sealed or opened.")
        path = self._directory(tenant_id) / "tenant.key"
        for _ in range(_ATTEMPTS):
            stored = self._files.read(path)
            if stored is None:
                self._create_root(path, tenant_id)
                continue
            try:
                return self._unwrap_root(tenant_id, stored)
            except KeyMissing:
                # The master was rotated between the two reads; the file is read again unless it really is stale.
                if self._files.read(path) == stored:
                    raise
        raise KeyCorrupt("The tenant's key keeps changing while it is read.")

    def _create_root(self, path: Path, tenant_id: TenantId) -> None:
        files.make_directory(path.parent)
        with self._masters.locked(exclusive=False):
            if self._is_destroyed(tenant_id):
                raise TenantKeysDestroyed("This tenant's keys were destroyed; none is made again.")
            master = self._masters.current()
            files.create(path, _wrapped_root(tenant_id, new_key(), master.id, master.key))

    def _unwrap_root(self, tenant_id: TenantId, stored: bytes) -> bytes:
        name, _, wrapped = stored.partition(b"\n")
        master = self._masters.key(name.decode("ascii", "replace"))
        return unwrap(master.key, wrapped, f"tenant {tenant_id}")

    def _create_subject(self, path: Path, tenant_id: TenantId, subject: str, wrapping_key: bytes) -> SubjectKey | None:
        """A new key, durable; None when another process has just made one."""
        files.make_directory(path.parent)
        made = SubjectKey(new_id("key"), new_key())
        wrapped = wrap(wrapping_key, made.key, _subject_context(tenant_id, subject, made.key_id))
        return made if self._files.create(path, made.key_id.encode() + b"\n" + wrapped) else None

    def _erase(self, tenant_id: TenantId, path: Path, key_id: str) -> None:
        """Marks one key as destroyed and destroys it, unless another key has taken its place by now."""
        with files.locked(self._directory(tenant_id) / "erasing", exclusive=True):
            files.create(_erased_mark(path, key_id), b"")
            stored = self._files.read(path)
            if stored is not None and _key_id(stored) == key_id:
                files.scrub(path)

    def _is_destroyed(self, tenant_id: TenantId) -> bool:
        return (self._directory(tenant_id) / "destroyed").exists()

    def _directory(self, tenant_id: TenantId) -> Path:
        if not is_tenant_id(tenant_id):
            raise InvalidArgument("A tenant's identifier is not well formed.")
        return self._tenants / tenant_id

    def _fields_path(self, tenant_id: TenantId, subject: str) -> Path:
        return self._subject_path(tenant_id, subject).with_suffix(".fields")

    def _subject_path(self, tenant_id: TenantId, subject: str) -> Path:
        name = hashlib.sha256(subject.encode()).hexdigest()
        return self._directory(tenant_id) / "subjects" / name[:2] / f"{name}.key"


def _wrapped_root(tenant_id: TenantId, root: bytes, master_id: str, master_key: bytes) -> bytes:
    return master_id.encode() + b"\n" + wrap(master_key, root, f"tenant {tenant_id}")


def _unwrap_subject(stored: bytes, tenant_id: TenantId, subject: str, wrapping_key: bytes) -> SubjectKey:
    key_id = _key_id(stored)
    wrapped = stored.partition(b"\n")[2]
    return SubjectKey(key_id, unwrap(wrapping_key, wrapped, _subject_context(tenant_id, subject, key_id)))


def _key_id(stored: bytes) -> str:
    return stored.partition(b"\n")[0].decode("ascii", "replace")


def _subject_context(tenant_id: TenantId, subject: str, key_id: str) -> str:
    return f"subject {tenant_id} {subject} {key_id}"


def _erased_mark(path: Path, key_id: str) -> Path:
    return path.with_name(f"{path.stem}.{key_id}.erased")
