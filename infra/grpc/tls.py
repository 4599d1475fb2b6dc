"""TLS of a service's server and of its callers, from the files that the settings name."""

import grpc

from contracts.errors import FailedPrecondition
from infra.runtime.settings import Settings


class TlsIncomplete(FailedPrecondition):
    """A certificate without its key, or a key without its certificate."""

    reason = "TLS_INCOMPLETE"


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server shows; None: it is not encrypted and serves loopback only. Raises TlsIncomplete, OSError."""
    if settings.tls_certificate is None and settings.tls_key is None:
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise TlsIncomplete("TENET_TLS_CERTIFICATE and TENET_TLS_KEY come together.")
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    return grpc.ssl_server_credentials([pair])


def channel_credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    """What callers check servers by; None: they call without encryption. Raises OSError."""
    return grpc.ssl_channel_credentials(settings.tls_roots.read_bytes()) if settings.tls_roots else None
