"""The metric dictionary: what each figure means. A report names the version that it was made with.

A changed meaning is a new version; figures of different versions are never compared without saying so. "Recorded" is
the store's clock, "occurred" the event's own. Durations run between recorded times unless the definition says
otherwise.
"""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.errors import DataLoss

DEFINITIONS_VERSION = "2"

_VERSION_1: dict[str, str] = {
    "telemetry": (
        "Sums over the telemetry batches recorded in the period. Records are accepted, repeated (an earlier "
        "batch had brought them) or put aside (they could not be read, by reason); skewed ones have a clock "
        "that cannot be right."
    ),
    "funnel": (
        "The detections recorded in the period, and what had become of them as of the report's last entry: "
        "triaged (a person claimed or judged it), in a case, confirmed (a standing verdict calls for a "
        "response), escalated (a notice or an enquiry about it went out). Every detection is in exactly one "
        "of: in a case, closed by a person, open."
    ),
    "detect_lag": (
        "Detection recorded minus the first activity that it speaks of, by the activity's own clock, for the "
        "detections recorded in the period. An activity later than its detection is doubtful data."
    ),
    "acknowledge": (
        "First human look (a claim, or a verdict where nobody claimed) minus detection recorded, for the "
        "detections recorded in the period. Those that nobody looked at yet are open."
    ),
    "decide": ("First verdict minus first human look, for the detections first looked at in the period."),
    "notify": (
        "First acknowledged notice of the case minus the confirmation, for the cases opened in the period on "
        "a confirmed subject. The acknowledgement counts, because sending is no proof of delivery."
    ),
    "contain": (
        "All affected assets verified contained or eliminated, minus the confirmation, for the cases opened "
        "in the period in which such an action was dispatched. `First` is when all assets known at that "
        "moment were; `final` when all assets known as of the report's last entry were. Rehearsals do not "
        "count."
    ),
    "resolve": (
        "Sum of the times between each opening and the next closing, for the cases opened in the period. A "
        "reopened case is open again until its last closing."
    ),
    "actions": (
        "Response actions dispatched in the period and what became of them as of the report's last entry, by "
        "the five response types. Acknowledged is the receiver's word; verified needs an observation by "
        "another path. Success is verified over acknowledged."
    ),
    "rehearsals": ("Rehearsed actions recorded in the period. Nothing took effect, so they are in no other figure."),
    "sensor_uptime": (
        "1 minus silence over expected time, within the period from the sensor's registration on. Silence "
        "counts from the end of the second missed interval; blind time from the last sign of life."
    ),
    "coverage": (
        "Assets in service at the end of the period, and those of them that a sensor registered to them watches."
    ),
    "findings": (
        "Exposures, insecure changes and newcomers by when they were recorded; open until an observation "
        "verified the fix on all of their assets or a standing verdict dismissed them."
    ),
    "exposure_time": (
        "Fix verified minus finding recorded, per asset and finding, for the findings recorded in the period; "
        "unverified ones are open. Known exploited (KEV) ones apart, unknown ones among the others."
    ),
    "verdicts": ("Standing verdicts, as of the report's last entry, of the subjects recorded in the period."),
    "precision": (
        "Malicious over malicious and false positive, by the standing verdicts on the detections of one rule "
        "version recorded in the period, with the 95 % Wilson interval. Benign and authorised activity stand "
        "apart, as do undecided detections."
    ),
    "cases": ("Cases opened in the period, and cases open or closed as of the report's last entry."),
    "mandates": (
        "Versions of the charter that were approved, and pre-authorisations that are neither revoked nor expired "
        "as of the report's last entry."
    ),
    "approvals": ("Approvals and rejections of response plans given in the period."),
    "awaiting_customer": (
        "What waits for the customer as of the report's last entry, and how long: plans without the approvals "
        "that they need, notices and enquiries without an answer, confirmed findings without a verified fix."
    ),
    "disputes": ("Replies of the customer to earlier reports, as of the report's last entry."),
}
DEFINITIONS: dict[str, str] = _VERSION_1 | {
    "promises": (
        "The clocks of cases that the charter's times started in the period, and what had become of them as of the "
        "report's last entry. Kept: met before the deadline. Missed: the deadline passed first, even if it was met "
        "after that. A clock runs by the calendar that it was started on and stands still only while it is paused "
        "for a reason. The share is of kept and missed ones."
    ),
    "questions": (
        "Questions, changes and second opinions asked in the period, and what had become of them as of the report's "
        "last entry; answer times run by every hour, whatever calendar the promised time was counted on."
    ),
    "certified": (
        "Entries of the period that only a certified person could make. Each cites the certification by its digest "
        "and its position in the provider's ledger."
    ),
}
"""By identifier. All of them travel within each report."""

BY_VERSION: Mapping[str, Mapping[str, str]] = MappingProxyType({"1": _VERSION_1, DEFINITIONS_VERSION: DEFINITIONS})


class DefinitionsUnknown(DataLoss):
    """A report was made by definitions that this program does not have: readers are deployed before writers."""

    reason = "DEFINITIONS_UNKNOWN"


def definitions_of(version: str) -> Mapping[str, str]:
    """The dictionary that a report of this version carries. Raises DefinitionsUnknown."""
    if version not in BY_VERSION:
        raise DefinitionsUnknown(f"No definitions of version {version}.", metadata={"version": version})
    return BY_VERSION[version]


def promises_told(version: str) -> bool:
    """Whether reports of this version speak of promised times and certificates, as they do since version 2."""
    return version != "1"
