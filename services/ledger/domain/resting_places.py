"""The register of places where a sealed value, or something made of it, may rest outside its opening.

`tests/erasure` seals a canary, erases it and looks into each of these places; a place without a look there fails. The
list is also what an auditor is shown, so it says as plainly where an erasure does not reach.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestingPlace:
    """`reached`: after an erasure, nothing of the value is left there that anybody can read."""

    name: str
    holds: str
    erased_by: str
    reached: bool


RESTING_PLACES = (
    RestingPlace("entries", "a commitment, salted, and the subject's opaque identifier", "nothing to erase", True),
    RestingPlace("openings", "the value under the subject's key", "key destroyed, row deleted", True),
    RestingPlace("keys", "the subject's key", "file overwritten and removed, with a mark that it was", True),
    RestingPlace(
        "ledger_backups",
        "openings, still encrypted",
        "the key is in no backup of a ledger; for one field, the key store's mark keeps the program from opening it",
        True,
    ),
    RestingPlace(
        "key_backups",
        "the subject's key",
        "expires with the backup of the key store, whose retention must be short; made by the operator, not by Tenet",
        False,
    ),
    RestingPlace("read_models", "references; no value", "nothing to erase", True),
    RestingPlace("snapshots", "references; no value", "nothing to erase", True),
    RestingPlace(
        "blind_indexes",
        "keyed hashes of an asset's name and addresses, and of observables sealed for the subject, in read models",
        "removed from every version of every view of all services; a view that is made anew leaves them out",
        True,
    ),
    RestingPlace(
        "blind_indexes_in_entries",
        "the same hashes in entries, and those of where detections were; of a single erased field also in read models",
        "an entry is never altered; they stay until the tenant's keys are destroyed, and whoever holds the search key "
        "can test a guess",
        False,
    ),
    RestingPlace(
        "blind_indexes_beside_others",
        "what another asset, that was not erased, was seen with; what is expected of a detection's place",
        "goes with that asset, or when the expectation ends",
        False,
    ),
    RestingPlace(
        "report_objects",
        "canonical models of reports, with references",
        "nothing to erase; a rendering opens what is left",
        True,
    ),
    RestingPlace(
        "telemetry_objects",
        "batches as they came, and hits that windows of correlations hold, under the tenant's object key",
        "not by subject: a batch cannot lose one record and keep its hash; gone when the tenant is closed",
        False,
    ),
    RestingPlace(
        "evidence_objects",
        "evidence files of cases as they were handed in, under the tenant's object key",
        "not by subject: evidence has to stay whole; gone when the tenant is closed",
        False,
    ),
    RestingPlace(
        "telemetry_archive",
        "records as they came, by hour, under the tenant's object key",
        "records that name the subject, or are the erased evidence, are taken out; not those that name it within "
        "longer text only, when no archived record has the name as a value by itself: these are gone after the "
        "archive's retention, and when the tenant is closed",
        False,
    ),
    RestingPlace(
        "hunt_objects",
        "rules and lists of indicators as they were handed over for a hunt, and keyless digests of the records that it "
        "counted, under the tenant's object key",
        "not by subject; gone when the tenant is closed",
        False,
    ),
    RestingPlace(
        "hunt_scratch", "plain copies of archived hours while a hunt looks at them", "gone with the hunt", True
    ),
    RestingPlace(
        "charter_objects",
        "charters as the customer wrote them; they are to name roles and principals, not people",
        "gone when the tenant is closed",
        False,
    ),
    RestingPlace("server_exports", "exports and bundles that still lie on the server", "directory removed", True),
    RestingPlace(
        "handed_over_exports",
        "exports and bundles that somebody has fetched",
        "out of reach; listed with the erasure by their identifiers",
        False,
    ),
    RestingPlace("access_log", "opaque identifiers, and purposes as callers stated them", "holds no value", True),
    RestingPlace("logs", "identifiers, reasons, counts", "holds no value", True),
    RestingPlace("traces", "identifiers and names of RPCs", "holds no value", True),
    RestingPlace(
        "receivers",
        "targets of orders that connectors sent, notices on their channels",
        "out of reach: what was sent is the receiver's",
        False,
    ),
    RestingPlace(
        "memory",
        "keys in the caches of processes",
        "forgotten within five seconds; in the ledger service at once",
        True,
    ),
)
