"""The named limits of the detections service. Sizes are in bytes, counts in records, times as timedelta."""

from datetime import UTC, datetime, timedelta

MAX_BATCH_BYTES = 8 * 1024 * 1024
"""A batch as sent, which may be compressed. Larger files are cut by the sender at line ends."""
MAX_UNPACKED_BYTES = 128 * 1024 * 1024
"""What an archive may unpack to in all; what lies beyond is put aside."""
MAX_ARCHIVE_MEMBERS = 1_000
MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
"""What zstd may look back, which is what its levels up to 19 use; a frame that wants more memory is put aside."""
MAX_RECORDS_PER_BATCH = 500_000
MAX_RECORD_BYTES = 1024 * 1024
"""The longest line or JSON value that is read; a longer one is skipped without being held."""
MAX_NESTING = 64
MAX_FIELDS_PER_RECORD = 2_000
READ_CHUNK_BYTES = 64 * 1024
MAX_OPEN_AUDIT_EVENTS = 64
"""Linux audit events whose lines are being joined at once; the oldest is closed to make room."""
MAX_MAPPING_BYTES = 64 * 1024
MAX_REMEMBERED_MAPPINGS = 256

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
ANOMALY_WINDOW = timedelta(minutes=2)
"""The same for an anomaly detector's findings: it says that something is new or unusual and not what it is, so only
what comes within minutes is taken for one thing (`python -m benchmarks.ait_grouping` measures it)."""
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
MAX_RULE_PATH_CHARACTERS = 500
MAX_FAILED_RULES_NAMED = 100
MAX_FAILED_REASON_CHARACTERS = 200
"""Rules that do not compile and are named in the event; all of them are counted and kept in the import's report."""

MAX_CLAUSES_PER_RULE = 16
"""Alternatives that a rule is written out as; what would take more is looked at again in full when it may match."""
MATCH_MEMORY_BYTES = 160 * 1024 * 1024
"""What the engine may remember of field values and their matches, about."""
MATCH_MEMORY_CHARACTERS = 1_024
"""Longer values are remembered by their digest."""
MAX_PLANS = 4_096
MAX_REPLACED_SETS_REMEMBERED = 16
"""Sets of rules that are gone, each of which a plan has a mask for; the engines before the present one have theirs."""
MAX_CHANGED_RULES = 256
"""Rules that may differ from those that the engine's plans were made of, before the plans are made anew."""
MAX_RULE_CACHE_BYTES = 256 * 1024 * 1024
"""Compiled rules and pattern databases kept on disk."""
MAX_REGULAR_EXPRESSION_INPUT = 32_768
"""Characters of a value that a regular expression of a rule looks at."""

ANALYSIS_CHUNK_RECORDS = 2_000
"""Records of a batch that are held at once, and asked for in the window of records seen before."""
ANALYSIS_TURN_RECORDS = 200
ANALYSIS_TURN_SECONDS = 0.005
"""What is read or judged in one turn of the analysis thread, whichever comes first, so that tenants take turns."""

SHARE_HALF_LIFE_SECONDS = 1.0
"""After this long what a tenant took of the intake weighs half."""
SHARE_OF_A_BATCH_SECONDS = 0.001
"""What a batch counts beside its time in the analysis thread."""
NEGLIGIBLE_SHARE_SECONDS = 0.0005
MAX_SHARES_REMEMBERED = 10_000
GREEDY_FACTOR = 2.0
GREEDY_FROM_SECONDS = 0.005
"""A tenant that took this many times as much as another, and this much in all, stands aside for the other's batches."""
GREEDY_BATCHES_AT_ONCE = 2
"""Batches of a greedy tenant that are under way at once; further ones wait outside, up to the quota."""
GREEDY_PAUSE_SECONDS = 0.005
"""How much later than it could a batch of such a tenant begins."""
STAND_ASIDE_SECONDS = 0.5
"""The longest that one batch stands aside in all, so that a large tenant goes on beside many small ones."""
THREAD_SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter while the event loop waits for it."""

MAX_BODY_UNPACKED_BYTES = 32 * 1024 * 1024
"""What a body of OTLP or HEC may unpack to, which has to be held whole to be taken apart."""
MAX_BODIES_PER_TENANT = 32
BODY_SECONDS = 30
REQUEST_SECONDS = 120
"""How long a body may take to come, and a batch to become durable, over HTTP."""

QUOTA_RECORDS_PER_SECOND = 50_000
"""What a tenant may send in the long run, unless the setting `intake_quotas` names another rate for it."""
QUOTA_BURST_SECONDS = 20
"""How many seconds' worth of its rate a tenant may send at once after a pause."""
QUOTA_BYTES_UNDER_WAY = 64 * 1024 * 1024
QUOTA_BATCHES_UNDER_WAY = 64
"""What of one tenant is being taken at once; more is refused rather than queued without end."""

MAX_CORRELATION_REFERENCES = 20
MAX_CORRELATION_FIELDS = 8
MAX_CORRELATION_DEPTH = 5
"""How often a correlation may refer to one that refers to one, and so on."""
MAX_CORRELATION_TIMESPAN = timedelta(days=92)
CORRELATION_LATENESS = timedelta(hours=1)
"""How far behind the newest hit of its group a hit may come and still count."""
MAX_HITS_PER_CORRELATION_GROUP = 10_000
"""The oldest quarter makes room, in a temporal correlation the older half of the rule that has most; what is dropped is
counted."""
MAX_GROUPS_PER_CORRELATION = 10_000
MAX_HITS_PER_CORRELATION = 500_000
"""Per tenant, the room of all groups together. The groups that were quiet for longest make room; what is dropped is
counted."""
MAX_HITS_CORRELATED = 2_000_000
"""What the windows of one process have room for; beyond it those of the tenants that sent nothing for longest are built
again when their next hit comes."""
MAX_CORRELATION_VALUE_CHARACTERS = 256
"""A longer value of a field that groups or is counted is replaced by its digest."""

ARCHIVE_RETENTION = timedelta(days=90)
"""How long raw telemetry is kept for hunts, from when it was received."""
MAX_ARCHIVE_BYTES_PER_TENANT = 200 * 1024**3
"""Parquet of one tenant; beyond it what came first goes before its time."""
ARCHIVE_MEMORY = "256MB"
"""What the writing or merging of one archive file may take, in DuckDB's words."""
KEEP_ARCHIVE_SECONDS = 600.0
MIN_FILES_TO_MERGE = 4
MAX_FILES_MERGED_AT_ONCE = 64
"""Files of one hour that become one; the next round takes further ones."""

MAX_HUNT_BYTES = 8 * 1024**3
"""Parquet that one hunt looks at; it lies in the scratch directory meanwhile."""
MAX_HUNT_ROWS = 10_000
MAX_HUNT_ANSWER_BYTES = 8 * 1024 * 1024
HUNT_MEMORY = "1GB"
HUNT_ADDRESS_SPACE = 3 * 1024**3
"""Of a hunt's process as a whole; HUNT_MEMORY is what DuckDB counts of it."""
HUNT_SECONDS = 120
MAX_HUNTS_AT_ONCE = 2
MAX_HUNTS_OF_TENANT_AT_ONCE = 1
MAX_QUESTION_CHARACTERS = 20_000
MATCH_HUNT_SECONDS = 1_800
"""How long a hunt by rule or by indicators may take."""
MAX_HUNT_HITS = 20_000
MAX_HUNT_HIT_BYTES = 32 * 1024 * 1024
"""Records that a hunt by rule or by indicators keeps; it ends, and says so, when there would be more."""
MAX_HUNT_CORRELATED_HITS = 500_000
"""Hits that a hunt by a correlation holds until it has looked through everything; with more it ends, and says so."""
MAX_HUNT_HITS_SHOWN = 1_000
"""Hits of which an answer says more than their number."""
MAX_DETECTIONS_PER_HUNT = 400
"""Detections that one hunt raises or adds to, since all of them go into one append; the same hunt again goes on."""
MAX_INDICATORS_PER_LIST = 100_000
MAX_INDICATOR_LIST_BYTES = 8 * 1024 * 1024
MAX_CORRELATED_BATCHES = 500
"""Batches with hits after which all hits that the windows hold are put by together, so that a restart reads few."""
MAX_TENANTS_CORRELATED = 500
"""Tenants whose windows one process holds; those of the others are built again when their next hit comes."""
MAX_EVIDENCE_PER_CORRELATION = 10

MAX_STANDING_SUPPRESSIONS = 1_000
"""Per tenant."""
MAX_SUPPRESSION_CONDITIONS = 10
MAX_SUPPRESSION_LIFE = timedelta(days=90)

MAX_STANDING_EXPECTATIONS = 5_000
"""Per tenant."""
MAX_EXPECTATION_LIFE = timedelta(days=180)
"""How long a verdict speaks for what comes after it."""

MAX_INLINE_TESTS_PER_RULE = 50
MAX_EVENTS_PER_INLINE_TEST = 200
MAX_RECORDS_TRIED_PER_PACK = 500_000
"""Events of all tests within the rules of one pack."""
MAX_FAILED_TESTS_NAMED = 5
"""Tests of one rule that failed and are named in the event; all of them are counted."""
MAX_LISTED_RULES_BYTES = 40_000
"""JSON of the rules that one event names; further rules are in further events of the same command."""
MAX_RULE_STAGES_SHOWN = 100
"""The latest stages of a rule's life; what came before is counted, and lies in the ledger."""
MAX_RULE_TEXTS_SHOWN = 20
"""Texts of a rule that can be read on its page."""

MAX_RULE_PUBLISHERS = 200
"""Verifier keys that are trusted, or distrusted without their names being released."""

MAX_STANDING_RULE_EXCEPTIONS = 500
"""Per tenant, with those that are disabled."""
MAX_RULE_EXCEPTION_LIFE = timedelta(days=90)

MAX_INTELLIGENCE_BYTES = 12 * 1024 * 1024
"""Content of one import as sent, which may be compressed by gzip."""
MAX_INTELLIGENCE_UNPACKED_BYTES = 192 * 1024 * 1024
MAX_INTELLIGENCE_SET_BYTES = 512 * 1024 * 1024
"""All that one source says, as JSON."""
MAX_INTELLIGENCE_OBJECTS = 500_000
MAX_INTELLIGENCE_NESTING = 32
MAX_INDICATORS_PER_SOURCE = 300_000
MAX_INDICATORS = 500_000
"""That are matched for all tenants together, and as many for each tenant of its own."""
MAX_INTELLIGENCE_SOURCES = 50
"""Per ledger, with those that are retired."""
MAX_TECHNIQUES_PER_SOURCE = 5_000
MAX_TECHNIQUE_USES_PER_SOURCE = 200_000
"""Pairs of an attacker, campaign or tool and a technique that it uses; ATT&CK for enterprises has some 20,000."""
MAX_REFUSED_OBJECTS_NAMED = 100
MAX_INDICATOR_NAME_CHARACTERS = 200
MAX_PATTERN_CHARACTERS = 4_000
MAX_CLAUSES_PER_INDICATOR = 64
MAX_COMPARISONS_PER_CLAUSE = 8
MAX_INDICATOR_EXPRESSIONS = 2_000
"""LIKE and MATCHES over all indicators of one matcher; further ones are named and not matched."""
MAX_INDICATOR_EXPRESSION_INPUT = 1_024
INDICATOR_MEMORY_VALUES = 100_000
"""Values of records that a matcher remembers, with what they found."""
MAX_TENANT_MATCHERS = 50
"""Tenants whose own indicators one process holds ready; those of the others are read again."""

DECAY_SPEED = 2.0
"""δ of the decay of confidence: above 1 it falls fast at first."""
INDICATOR_LIVES = {
    "address": timedelta(days=120),
    "domain": timedelta(days=240),
    "url": timedelta(days=240),
    "hash": timedelta(days=1_460),
    "other": timedelta(days=720),
}
"""τ of the decay by kind: addresses change hands soon, a file's hash stays what it is."""
UNKNOWN_CONFIDENCE = 50
"""What an indicator without a confidence is ranked as; it is shown as unknown."""
MIN_LIVE_CONFIDENCE = 10
INDICATOR_REMEMBERED = timedelta(days=400)
"""How long an indicator that is over stays in its source's set, so that a hunt may still ask for it."""

SIGHTING_WINDOW = timedelta(days=14)
"""How long a sighting counts as current."""
SIGHTING_CLASSES = (5, 10, 25, 50, 100)
"""Lower bounds of the classes of counts that others are told, above the threshold."""
MAX_SIGHTING_CONTRIBUTORS = 1_000
"""Customers whose contributions to one subject are counted; those that contributed longest ago make room."""
MAX_SIGHTING_STEPS = 8
"""Changes of one contributor that others are still to be told of, and the one that they were told of last."""
MAX_VERDICTS_LOOKED_AT = 200
"""Verdicts of a customer's tree, the latest ones, among which one is looked for that a sighting still rests on."""
MAX_SIGHTINGS_PER_TENANT = 5_000
"""Subjects that a tenant remembers what it was told of."""

TAXII_PAGE_OBJECTS = 1_000
MAX_FETCH_PAGES = 200
MAX_FETCHED_OBJECTS = 100_000
FETCHES_AT_ONCE = 4
"""Sources that one process looks at at once, of each ledger one; those that wait have their turn in order."""
MAX_MISP_EVENTS = 100_000
"""That a feed's manifest may name, or that a server may publish."""
MAX_MISP_SEEN_BYTES = 16 * 1024 * 1024
"""What is remembered of the events that were read, as JSON."""
MAX_MISP_LOOK_EVENTS = 5_000
MAX_MISP_LOOK_BYTES = 64 * 1024 * 1024
"""Events, and their bytes, that one look at a feed or server takes; the rest is left to the next, a minute later."""
MAX_MISP_ANSWER_BYTES = 12 * 1024 * 1024
"""A manifest, an event, or a page of a server's search."""
MAX_MISP_FAILURES = 3
"""Events of a feed that its server may fail at before the look ends."""
MISP_PAGE_EVENTS = 10

MAX_HOST_NAME_CHARACTERS = 255
MAX_HOSTS_PER_BATCH = 1_000
"""Hosts of one batch that are looked at for new ones."""
MAX_HOSTS_DISCOVERED_PER_DAY = 200
"""Per tenant; that there were more is recorded once a day."""
MAX_HOSTS_DISCOVERED = 10_000
"""Per tenant, in all. Their identifiers are held in memory."""
DISCOVERY_PERIOD = timedelta(days=1)
"""A batch that was received longer ago is not looked at: an archive that is filled anew discovers nothing."""
MAX_HOSTS_REMEMBERED = 100_000
HOST_REMEMBERED_SECONDS = 600.0
"""How long a process takes a host, once looked up, for known; so long a retired asset may speak without being new."""

MAX_REVIEWS_COMPARED = 10_000
"""Second verdicts, the latest ones, that an agreement is told of."""

RETROSPECTIVE_PERIOD = timedelta(days=30)
"""How far back the archive is looked through for what an import brought; less where that is too much for one hunt."""
RETROSPECTIVE_DELAY = timedelta(minutes=2)
"""How long after an import the archive is looked through: until then every process matches with it, and what came
before it lies in the archive."""
RETROSPECTIVE_IMPORTS = 20
"""The latest imports of a ledger that are looked for in archives."""
RETROSPECTIVE_BYTES = 64 * 1024 * 1024
"""Parquet that is looked through, in about a minute, before the next tenant has its turn; an hour that holds more is
looked through whole."""
MAX_RETROSPECTIVE_HUNTS = 2_000
"""Hunts for one import in one archive."""
RETROSPECTIVE_ATTEMPTS = 3
"""How often a part of an archive is looked through that is too much for its hunt, before it is passed over."""
MAX_RETROSPECTIVE_INDICATORS = 50_000
"""New indicators of one import that are looked for in archives: those that were modified last."""
