"""What can keep a command of the assets service from being carried out."""

from contracts.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class AssetUnknown(NotFound):
    reason = "ASSET_UNKNOWN"

    def __init__(self, asset_id: str) -> None:
        super().__init__("This tenant has no such asset.", metadata={"asset_id": asset_id})


class AssetAlreadyRegistered(AlreadyExists):
    """A live asset of this kind bears this name already."""

    reason = "ASSET_ALREADY_REGISTERED"

    def __init__(self, asset_id: str) -> None:
        super().__init__("A live asset of this kind bears this name already.", metadata={"asset_id": asset_id})


class AssetRetiredAlready(FailedPrecondition):
    reason = "ASSET_RETIRED"

    def __init__(self, asset_id: str) -> None:
        super().__init__("The asset is retired.", metadata={"asset_id": asset_id})


class SensorUnknown(NotFound):
    reason = "SENSOR_UNKNOWN"

    def __init__(self, sensor_id: str) -> None:
        super().__init__("This tenant has no such sensor.", metadata={"sensor_id": sensor_id})


class SensorNotYours(PermissionDenied):
    """Another principal speaks for this sensor."""

    reason = "SENSOR_NOT_YOURS"

    def __init__(self, sensor_id: str) -> None:
        super().__init__("Another principal speaks for this sensor.", metadata={"sensor_id": sensor_id})


class FindingUnknown(NotFound):
    reason = "FINDING_UNKNOWN"

    def __init__(self, finding_id: str) -> None:
        super().__init__("This tenant has no such finding.", metadata={"finding_id": finding_id})


class FindingWithoutAsset(InvalidArgument):
    """Only a newcomer may stand alone, because it is not a registered asset yet."""

    reason = "FINDING_WITHOUT_ASSET"

    def __init__(self) -> None:
        super().__init__("An exposure or insecure change names at least one asset.")


class ValidatorNotHuman(PermissionDenied):
    """A validation is a person's: no API key and no process can give one."""

    reason = "VALIDATOR_NOT_HUMAN"

    def __init__(self) -> None:
        super().__init__("Only a person who signed in can validate or withdraw a validation.")


class VerdictNotForFindings(InvalidArgument):
    reason = "VERDICT_NOT_FOR_FINDINGS"

    def __init__(self, verdict: str) -> None:
        super().__init__("This verdict says nothing about a finding.", metadata={"verdict": verdict})


class AlreadyValidated(FailedPrecondition):
    """A verdict stands. Withdraw it first, so that what rests on it is cancelled."""

    reason = "ALREADY_VALIDATED"

    def __init__(self, validation_position: int) -> None:
        super().__init__(
            "A verdict stands already; withdraw it first.", metadata={"validation_position": str(validation_position)}
        )


class ValidationNotStanding(FailedPrecondition):
    """The named validation is not the one that stands."""

    reason = "VALIDATION_NOT_STANDING"

    def __init__(self, standing: int | None) -> None:
        metadata = {} if standing is None else {"validation_position": str(standing)}
        super().__init__("The validation at that position does not stand.", metadata=metadata)


class RationaleMissing(InvalidArgument):
    reason = "RATIONALE_MISSING"

    def __init__(self) -> None:
        super().__init__("A verdict needs a rationale that another person can follow.")


class AssetNotInFinding(InvalidArgument):
    reason = "ASSET_NOT_IN_FINDING"

    def __init__(self, asset_id: str) -> None:
        super().__init__("The finding does not name this asset.", metadata={"asset_id": asset_id})


class FixNotReported(FailedPrecondition):
    """There is nothing to verify: nobody reported a fix on this asset."""

    reason = "FIX_NOT_REPORTED"

    def __init__(self, asset_id: str) -> None:
        super().__init__("No fix was reported on this asset.", metadata={"asset_id": asset_id})


class FixAlreadyVerified(FailedPrecondition):
    reason = "FIX_ALREADY_VERIFIED"

    def __init__(self) -> None:
        super().__init__("The fix is verified on all of these assets already.")


class ObservationWithoutSource(InvalidArgument):
    """A verification rests on something that can be looked up: an object by hash, or an entry by position."""

    reason = "OBSERVATION_WITHOUT_SOURCE"

    def __init__(self) -> None:
        super().__init__("The observation names neither an object by its hash nor an entry by its position.")


class FeedUnreadable(InvalidArgument):
    """What was given is not that feed as its publisher writes it."""

    reason = "FEED_UNREADABLE"


class FeedUndated(InvalidArgument):
    """A version must be dated, or it could not be told which of two is newer."""

    reason = "FEED_UNDATED"


class FeedTooLarge(InvalidArgument):
    reason = "FEED_TOO_LARGE"


class FeedOutdated(FailedPrecondition):
    """A newer version is at hand, or another one of the same date."""

    reason = "FEED_OUTDATED"

    def __init__(self, version: str, present: str) -> None:
        super().__init__(
            "This version was not released after the one at hand.", metadata={"version": version, "present": present}
        )


class FeedFromTheFuture(InvalidArgument):
    """It would keep every version out that is released until then."""

    reason = "FEED_FROM_THE_FUTURE"

    def __init__(self, version: str) -> None:
        super().__init__("This version is dated in the future.", metadata={"version": version})


class FeedNotScheduled(FailedPrecondition):
    """There is no address that the feed is fetched from."""

    reason = "FEED_NOT_SCHEDULED"

    def __init__(self, feed: str) -> None:
        super().__init__("The feed has no schedule.", metadata={"feed": feed})


class VulnerabilityUnknown(NotFound):
    """No feed at hand speaks of it."""

    reason = "VULNERABILITY_UNKNOWN"

    def __init__(self, vulnerability_id: str) -> None:
        super().__init__("No feed speaks of this vulnerability.", metadata={"vulnerability_id": vulnerability_id})
