"""Large bytes outside of the ledger: telemetry batches and evidence files, found by their SHA-256, encrypted by tenant.

`port.ObjectStore` is what the rest of the program knows; `directory.DirectoryStore` keeps objects in files, so that an
S3-compatible store may follow without a change anywhere else.
"""

from infra.object_store.directory import DirectoryStore
from infra.object_store.errors import (
    ObjectCorrupt,
    ObjectMissing,
    ObjectStoreFull,
    ObjectStoreUnavailable,
    ObjectTooLarge,
)
from infra.object_store.port import ObjectRef, ObjectStore

__all__ = [
    "DirectoryStore",
    "ObjectCorrupt",
    "ObjectMissing",
    "ObjectRef",
    "ObjectStore",
    "ObjectStoreFull",
    "ObjectStoreUnavailable",
    "ObjectTooLarge",
]
