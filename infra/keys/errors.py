"""What can go wrong with keys. A key that was destroyed on purpose is not an error; a key that is merely gone is."""

from contracts.errors import DataLoss, FailedPrecondition, Unavailable


class KeyMissing(DataLoss):
    """A key is not in the store and no record says that it was destroyed: the store was lost or restored wrongly."""

    reason = "KEY_MISSING"


class KeyCorrupt(DataLoss):
    """A key's file cannot be unwrapped: it was altered, or belongs under another master key, tenant or subject."""

    reason = "KEY_CORRUPT"


class TenantKeysDestroyed(FailedPrecondition):
    """The tenant's keys were destroyed when it was closed; nothing more can be sealed for it or opened."""

    reason = "TENANT_KEYS_DESTROYED"


class KeyStoreUnavailable(Unavailable):
    """The key store's medium refuses (no room, no permission, an input/output error). Retry once it is repaired."""

    reason = "KEY_STORE_UNAVAILABLE"


class KeysInsecure(FailedPrecondition):
    """The key directory or a master key can be read by other accounts of the machine, so the store refuses to open."""

    reason = "KEYS_INSECURE"
