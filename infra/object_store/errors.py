"""What can go wrong with an object. Nothing that `put` acknowledged is affected by an error of a later call."""

from contracts.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted, Unavailable


class ObjectMissing(NotFound):
    """The tenant has no object of this hash."""

    reason = "OBJECT_MISSING"


class ObjectCorrupt(DataLoss):
    """The stored bytes were altered or cut: they do not decrypt, or do not have the hash that names them."""

    reason = "OBJECT_CORRUPT"


class ObjectTooLarge(InvalidArgument):
    """The object is larger than the store's limit; nothing was kept. The limit is in the metadata, in bytes."""

    reason = "OBJECT_TOO_LARGE"


class ObjectStoreFull(ResourceExhausted):
    """The medium has no room; nothing was kept. Make room and put the object again."""

    reason = "OBJECT_STORE_FULL"


class ObjectStoreUnavailable(Unavailable):
    """The medium refuses for another reason than room (permission, input/output error)."""

    reason = "OBJECT_STORE_UNAVAILABLE"
