"""Ledger: the event store's own front door, for consumers, auditors and customers.

Streams: `export`, in the ledger that an export was made from. RPCs: LedgerReadService (read, subscribe, head, opening
sealed fields) and LedgerAdminService (exports). No read models: it reads the ledgers themselves. Subscribers keep their
own positions; subscriptions that the service keeps for them, with acknowledgement and retry, are still to come.
"""
