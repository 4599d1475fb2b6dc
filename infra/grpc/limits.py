"""Every limit of the wire, by name."""

DEFAULT_DEADLINE_SECONDS = 30.0
"""For a unary call whose caller named no deadline."""
MAX_DEADLINE_SECONDS = 300.0
"""A unary call is ended after this, whatever its caller asked for."""
MAX_STREAM_SECONDS = 3600.0
"""A stream is ended after this; whoever reads on reconnects at the position that it has."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_METADATA_BYTES = 16 * 1024
MAX_CONCURRENT_RPCS = 1_024
MAX_TENANTS_PER_QUERY = 1_000
MIN_REQUEST_ID_LENGTH = 8
MAX_REQUEST_ID_LENGTH = 128
MAX_VIOLATIONS_REPORTED = 20
"""An error's details travel in trailers, whose size is limited; the first ones tell enough."""
MAX_ERROR_TEXT = 300
STOP_GRACE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 1.0
"""What callers are told to wait after `UNAVAILABLE` and `RESOURCE_EXHAUSTED`."""
MAX_RECONNECT_PAUSE_SECONDS = 2.0
"""Longest pause of a client between two attempts to connect; gRPC's own is two minutes, longer than most restarts."""
