"""Keys: one for each data subject, wrapped by its tenant's, wrapped by a master. Destroying one erases what it sealed.

`port.KeyStore` is what the rest of the program knows; `local.LocalKeyStore` keeps the keys in files, as a stand-in for
a key management service. The store is backed up apart from every ledger, with a short retention: a key that survives in
a backup undoes an erasure.
"""

from infra.keys.errors import KeyCorrupt, KeyMissing, KeysInsecure, KeyStoreUnavailable, TenantKeysDestroyed
from infra.keys.local import LocalKeyStore
from infra.keys.port import KeyStore, SubjectKey, field_mark

__all__ = [
    "KeyCorrupt",
    "KeyMissing",
    "KeyStore",
    "KeyStoreUnavailable",
    "KeysInsecure",
    "LocalKeyStore",
    "SubjectKey",
    "TenantKeysDestroyed",
    "field_mark",
]
