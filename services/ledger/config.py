"""The limits of the ledger service."""

READ_BATCH = 500
"""Entries of one message, and read at once, at most."""
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Entries' bytes in one message; one message always takes at least one entry."""
HEARTBEAT_SECONDS = 10.0
"""Between heartbeats when the subscriber names no other time."""
