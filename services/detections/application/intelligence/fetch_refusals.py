"""Why a source was not read that is told by what is spoken there. The reasons stay: people act on them."""

from infra.outbound.refusals import FetchRefused


class FetchKindUnknown(FetchRefused):
    """The URL does not tell what is spoken there; whoever schedules it has to say."""

    reason = "FETCH_KIND_UNKNOWN"


class FetchNotTaxii(FetchRefused):
    """What answers does not speak TAXII 2.1."""

    reason = "FETCH_NOT_TAXII"


class FetchNotMisp(FetchRefused):
    """What answers is no MISP feed or server, or one of its events is none."""

    reason = "FETCH_NOT_MISP"
