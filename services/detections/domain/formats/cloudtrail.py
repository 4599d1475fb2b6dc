"""AWS CloudTrail records, one a line (CloudTrail record contents, AWS documentation): flat names joined by dots."""

from services.detections.domain.formats.clocks import read_clock
from services.detections.domain.formats.json_values import Json, flatten, object_at, text_of
from services.detections.domain.formats.records import Parsed, Source


def recognises(value: Json) -> bool:
    return "eventSource" in value and "eventName" in value and "awsRegion" in value


def parse(value: Json) -> Parsed:
    identity = object_at(value, "userIdentity")
    account = text_of(value.get("recipientAccountId")) or text_of(identity.get("accountId"))
    return Parsed(
        Source.CLOUDTRAIL,
        read_clock(value.get("eventTime")) or read_clock(value.get("@timestamp")),
        account,
        text_of(value.get("sourceIPAddress")),
        text_of(value.get("eventID")),
        flatten(value),
    )
