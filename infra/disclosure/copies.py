"""Exports and bundles that still lie on the server: the one copy of opened values that an erasure can reach."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts.ids import TenantId, is_opaque_id
from infra.disclosure.export_files import in_thread
from infra.keys.files import sync_directory


@dataclass(frozen=True, slots=True)
class ServerCopies:
    """Below `directory` each tenant has a directory, in which each export has its own."""

    directory: Path

    async def delete(self, tenant_id: TenantId, export_ids: Iterable[str]) -> int:
        """Removes these exports where they are still there; how many were. Raises ExportStoreUnavailable."""
        return await in_thread(self._delete, tenant_id, list(export_ids))

    def _delete(self, tenant_id: TenantId, export_ids: list[str]) -> int:
        home, found = self.directory / tenant_id, 0
        for export_id in export_ids:
            path = home / export_id
            # The name comes from an entry; nothing but an export's own directory may ever be removed by it.
            if is_opaque_id(export_id, "export") and path.is_dir():
                shutil.rmtree(path)
                found += 1
        if found:
            sync_directory(home)
        return found
