"""Why a source was not fetched. The reasons stay: they are shown beside the source, and people act on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from contracts.errors import FailedPrecondition


class FetchRefused(FailedPrecondition):
    """A source that was not read; the reason is that of the subclass."""

    reason = "FETCH_FAILED"


class FetchUrlRefused(FetchRefused):
    """Only https is spoken with others."""

    reason = "FETCH_URL_REFUSED"


class FetchAddressRefused(FetchRefused):
    """The host is, or resolves to, an address that is not public and that the settings do not name."""

    reason = "FETCH_ADDRESS_REFUSED"


class FetchNotAuthorised(FetchRefused):
    reason = "FETCH_NOT_AUTHORISED"


class FetchUnreachable(FetchRefused):
    reason = "FETCH_UNREACHABLE"


class FetchServerFailed(FetchRefused):
    """The server answers that it is at fault (5xx)."""

    reason = "FETCH_SERVER_FAILED"


class FetchTooLarge(FetchRefused):
    reason = "FETCH_TOO_LARGE"


class FetchTooSlow(FetchRefused):
    reason = "FETCH_TOO_SLOW"


@contextmanager
def named(foreign: type[FetchRefused]) -> Iterator[None]:
    """Turns what an HTTP client raises into refusals; `foreign` is for answers that are not of the protocol."""
    try:
        yield
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        said = f"The server answers {status}."
        if status in (401, 403):
            raise FetchNotAuthorised(said) from error
        raise (FetchServerFailed if status >= 500 else foreign)(said) from error
    except requests.exceptions.TooManyRedirects as error:
        raise foreign("The server leads elsewhere, which is not followed.") from error
    except requests.exceptions.JSONDecodeError as error:
        raise foreign("The answer is no JSON.") from error
    except requests.exceptions.RequestException as error:
        raise FetchUnreachable(type(error).__name__) from error
