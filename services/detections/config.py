"""The named limits of the detections service. Sizes are in bytes, counts in records, times as timedelta."""

from datetime import UTC, datetime, timedelta

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""A batch as sent, which may be compressed. Larger files are cut by the sender at line ends."""
MAX_UNPACKED_BYTES = 128 * 1024 * 1024
"""What an archive may unpack to in all; what lies beyond is put aside."""
MAX_ARCHIVE_MEMBERS = 1_000
MAX_RECORDS_PER_BATCH = 500_000
MAX_RECORD_BYTES = 1024 * 1024
"""The longest line or JSON value that is read; a longer one is skipped without being held."""
MAX_NESTING = 64
MAX_FIELDS_PER_RECORD = 2_000
READ_CHUNK_BYTES = 64 * 1024

MAX_PUT_ASIDE_SAMPLES = 200
"""Samples of unreadable records kept per batch, beside their full count by reason."""
MAX_PUT_ASIDE_SAMPLE_BYTES = 4_096

MAX_DETECTIONS_PER_BATCH = 1_900
"""Detections that one batch may raise or add to, since all of them go into one append."""
MAX_DESCRIPTION_BYTES_PER_BATCH = 8 * 1024 * 1024
"""Evidence summaries and observables of one batch together; they are sealed in the same append."""
MAX_EVIDENCE_PER_GROUP = 3
MAX_SUMMARY_CHARACTERS = 4_000
MAX_OBSERVABLES = 12

MAX_RULE_ID_CHARACTERS = 200
MAX_TECHNIQUES = 20
MAX_TITLE_CHARACTERS = 300

GROUP_WINDOW = timedelta(days=1)
"""Equal activity within the same window (aligned to 1970-01-01T00:00Z) is one detection."""
MAX_GENERATIONS = 200
"""How often one group can be validated within a window and come back."""

EARLIEST_BELIEVABLE = datetime(2000, 1, 1, tzinfo=UTC)
MAX_CLOCK_AHEAD = timedelta(days=1)
"""A record's clock before the one or further ahead than the other is not believed."""

DEDUPE_BATCHES = 256
"""Batches of a sensor whose record keys are remembered; sensors resend the latest ones."""
DEDUPE_RECORDS = 500_000
"""Record keys remembered per sensor."""

MAX_PACK_BYTES = 12 * 1024 * 1024
MAX_PACK_UNPACKED_BYTES = 64 * 1024 * 1024
MAX_PACK_FILES = 20_000
MAX_RULE_BYTES = 1024 * 1024
MAX_FAILED_RULES_NAMED = 100
MAX_FAILED_REASON_CHARACTERS = 200
"""Rules that do not compile and are named in the event; all of them are counted and kept in the import's report."""

MATCH_MEMORY_VALUES = 10_000
"""Field values whose matches are remembered per plan and field."""
MATCH_MEMORY_CHARACTERS = 256
"""Longer values are remembered by their digest, so that the memory's size is bounded by the number of values."""
MAX_REGULAR_EXPRESSION_INPUT = 32_768
"""Characters of a value that a regular expression of a rule looks at."""

ANALYSIS_CHUNK_RECORDS = 2_000
"""Records that are parsed and matched in one turn of the analysis thread, so that sensors take turns."""
