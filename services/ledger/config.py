"""The limits of the ledger service."""

READ_BATCH = 500
"""Entries of one message, and read at once, at most."""
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Entries' bytes in one message; one message always takes at least one entry."""
HEARTBEAT_SECONDS = 10.0
"""Between heartbeats when the subscriber names no other time."""
SEALED_LOOK_SECONDS = 0.05
"""Between two looks whether a checkpoint covers the position that a caller waits for."""
COMPARE_ERASURES_SECONDS = 300.0
"""Between two looks whether the key store holds again what was erased; the first is at the start."""
DIGEST_SECONDS = 60
"""Between two digests of tenants' signed heads in the provider's ledger."""
MAX_COMPARED_DIGESTS = 2_000
"""Of the digests in the provider's ledger, so many of the newest are compared with a ledger that is checked."""
COMPLETE_DIGEST_EVERY = 1_440
"""Every so many intervals, once a day, a digest lists all logs rather than those that have grown."""
