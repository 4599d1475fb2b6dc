"""Ledger: the event store's own front door, for consumers, auditors and customers.

Streams: `export`, in the ledger that an export was made from; `custody`, holds and erasures, in every ledger; `digest`
and `logkey`, in the provider's. It seals all ledgers into transparency logs and serves those as files over HTTP. RPCs:
LedgerReadService (read, subscribe, head, opening sealed fields, checkpoints and proofs), LedgerAdminService (exports,
log keys, holds and erasures) and LedgerAuditService (audit bundles). No read models: it reads the ledgers themselves.
Subscribers keep their own positions; subscriptions that the service keeps for them, with acknowledgement and retry, are
still to come.
"""
