"""Errors as HTTP answers."""

from aiohttp import web

from contracts.errors import FailedPrecondition, InvalidArgument, Kind, TenetError

STATUS = {
    Kind.INVALID_ARGUMENT: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PERMISSION_DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.ALREADY_EXISTS: 409,
    Kind.FAILED_PRECONDITION: 409,
    Kind.ABORTED: 503,
    Kind.RESOURCE_EXHAUSTED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.DEADLINE_EXCEEDED: 503,
}
RETRY_SECONDS = "1"


class BodyTooLarge(InvalidArgument):
    """The body, or what it unpacks to, is larger than the limit. Nothing was taken."""

    reason = "BODY_TOO_LARGE"


class BodyUnreadable(InvalidArgument):
    """The body is not what its headers say."""

    reason = "BODY_UNREADABLE"


class BodyTooSlow(FailedPrecondition):
    """The body did not come within the time that a request has."""

    reason = "BODY_TOO_SLOW"


class EncodingUnknown(InvalidArgument):
    """A `Content-Encoding` other than gzip and zstd, or a `Content-Type` that this path does not take."""

    reason = "ENCODING_UNKNOWN"


_OWN = {BodyTooLarge: 413, BodyTooSlow: 408, EncodingUnknown: 415}
_TOO_LARGE = frozenset({"BATCH_TOO_LARGE", "BATCH_RAISES_TOO_MUCH"})
"""Refusals that sending again does not mend, but sending less at a time does."""


def status_of(error: TenetError) -> int:
    if error.reason in _TOO_LARGE:
        return 413
    return _OWN.get(type(error), STATUS.get(error.kind, 500))


def refusal(error: TenetError) -> web.Response:
    status = status_of(error)
    body = {
        "reason": error.reason,
        "message": error.message,
        **({"metadata": error.metadata} if error.metadata else {}),
    }
    return web.json_response(body, status=status, headers=headers_of(status, error))


def headers_of(status: int, error: TenetError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'ApiKey realm="tenet"'
    if status in (429, 503):
        headers["Retry-After"] = error.metadata.get("retry_after_seconds", RETRY_SECONDS)
    return headers
