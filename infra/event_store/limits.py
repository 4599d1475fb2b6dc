"""Everything in the ledger's core that could grow has its limit here."""

MAX_LEAF_BYTES = 65_535
"""Leaf data: 8 bytes of time and the entry. C2SP tlog-tiles, entry bundles: a 16-bit length."""
MAX_ENTRY_BYTES = MAX_LEAF_BYTES - 8

MAX_COMMAND_EVENTS = 2_000
MAX_COMMAND_BYTES = 16 * 1024 * 1024
"""Entries and openings of one command together."""

MAX_GROUP_COMMANDS = 256
MAX_GROUP_BYTES = 4 * 1024 * 1024
"""A group takes at least one command, however large, and stops before the command that would exceed these."""

MAX_WAITING_COMMANDS = 2_048
"""Commands that may wait for one tenant's ledger in one process; the next one is answered with StoreOverloaded."""
MAX_WAITING_READS = 8_192
MAX_GROUP_READS = 128
MAX_CACHED_QUERIES = 2_048
"""Texts of statements, which name a tenant's schema, kept in memory."""

STREAM_PAGE = 5_000
"""Events of one stream that are read at once while folding it."""
MAX_FEED_BATCH = 10_000
"""Events that one `Feed.read` returns at most."""

MAX_DECISIONS = 5
"""How often a command is decided anew after others wrote to its streams."""

STORE_RETRY_SECONDS = 10.0
"""How long an append goes on asking a database that does not answer, before StoreUnavailable."""
STORE_ROOM_SECONDS = 1.0
"""How long it goes on asking one that says it has no room: that passes only when somebody makes some."""
STORE_RETRY_FIRST_PAUSE = 0.05
STORE_RETRY_LONGEST_PAUSE = 1.0

POOL_MIN_CONNECTIONS = 1
POOL_MAX_CONNECTIONS = 8
FEED_MAX_CONNECTIONS = 6
POOL_WAIT_SECONDS = 10.0
CONNECT_SECONDS = 5

MAX_CACHED_STREAMS = 20_000
"""Folded states kept in memory by one process's repository."""
SNAPSHOT_EVERY = 500
"""A stream's state is put by after this many events since its last snapshot."""

POLL_SECONDS = 5.0
"""Longest time between two looks at the head of a quiet ledger that somebody follows."""
POLL_EACH_SECONDS = 0.02
"""Time between two looks at heads of quiet ledgers: with few of them each is looked at more often, at the same cost."""
POLL_ACTIVE_SECONDS = 0.25
ACTIVE_FOR_SECONDS = 60.0
"""A tenant counts as recently active for this long after its head was last seen to move."""

PLACEMENT_SECONDS = 30.0
"""How long a process believes where a tenant's ledger lives."""
UNKNOWN_TENANT_SECONDS = 1.0
"""How long a process believes that there is no such tenant, so that guessing costs no query each time."""
MAX_UNKNOWN_TENANTS = 10_000

MAX_KNOWN_ACTORS = 10_000
"""Actors of entries that a process keeps one object each for."""
MAX_OPENED_AT_ONCE = 10_000
"""Sealed references that one call of `Openings.open` takes."""
