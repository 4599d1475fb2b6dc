"""TLS of a service's server and of its callers, from the files that the settings name; mutual where they name roots for
callers as well.
"""

from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contracts.errors import FailedPrecondition
from infra.runtime.settings import Settings

log = structlog.get_logger()


class TlsIncomplete(FailedPrecondition):
    """A certificate without its key, a key without its certificate, or files that need others beside them."""

    reason = "TLS_INCOMPLETE"


class TlsUnusable(FailedPrecondition):
    """A file that is named holds nothing of its kind, or the key is not that of the certificate."""

    reason = "TLS_UNUSABLE"


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server shows, and whom it hears; None: it is not encrypted and serves loopback only.

    Files that are renewed are taken from the next connection on. Raises TlsIncomplete, TlsUnusable, OSError.
    """
    if settings.tls_certificate is None and settings.tls_key is None:
        if settings.tls_client_roots is not None:
            raise TlsIncomplete("TENET_TLS_CLIENT_ROOTS needs TENET_TLS_CERTIFICATE and TENET_TLS_KEY.")
        return None
    files = _ServerFiles(*_pair(settings.tls_certificate, settings.tls_key, "TENET_TLS"), settings.tls_client_roots)
    return grpc.dynamic_ssl_server_credentials(
        files.configuration(),
        files.renewed,  # type: ignore[arg-type]  # None is documented as "no change"; the stubs leave it out.
        require_client_authentication=settings.tls_client_roots is not None,
    )


def channel_credentials(settings: Settings) -> grpc.ChannelCredentials | None:
    """What callers check servers by, and show where servers ask for it; None: they call without encryption.

    Raises TlsIncomplete, TlsUnusable, OSError.
    """
    certificate, key = settings.tls_client_certificate, settings.tls_client_key
    if settings.tls_roots is None:
        if certificate is not None or key is not None:
            raise TlsIncomplete("TENET_TLS_CLIENT_CERTIFICATE and TENET_TLS_CLIENT_KEY need TENET_TLS_ROOTS.")
        return None
    roots = _certificates(settings.tls_roots)
    if certificate is None and key is None:
        return grpc.ssl_channel_credentials(roots)
    shown, secret = _read_pair(*_pair(certificate, key, "TENET_TLS_CLIENT"))
    return grpc.ssl_channel_credentials(roots, secret, shown)


class _ServerFiles:
    """Reads the server's files, and again once they have changed."""

    def __init__(self, certificate: Path, key: Path, client_roots: Path | None) -> None:
        self._certificate, self._key, self._client_roots = certificate, key, client_roots
        self._read_at = self._marks()

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        shown, secret = _read_pair(self._certificate, self._key)
        roots = _certificates(self._client_roots) if self._client_roots else None
        return grpc.ssl_server_certificate_configuration([(secret, shown)], roots)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks for at each new connection; None: as before. A half-written renewal is tried again later."""
        try:
            marks = self._marks()
            if marks == self._read_at:
                return None
            configuration = self.configuration()
        except (OSError, TlsUnusable) as error:
            log.exception("tls_renewal_unusable", certificate=str(self._certificate), detail=str(error))
            return None
        self._read_at = marks
        log.info("tls_renewed", certificate=str(self._certificate))
        return configuration

    def _marks(self) -> list[tuple[int, int, int]]:
        """What tells one content of the files from another, without reading them."""
        files = [self._certificate, self._key, *([self._client_roots] if self._client_roots else [])]
        return [(found.st_ino, found.st_mtime_ns, found.st_size) for found in (each.stat() for each in files)]


def _pair(certificate: Path | None, key: Path | None, prefix: str) -> tuple[Path, Path]:
    if certificate is None or key is None:
        raise TlsIncomplete(f"{prefix}_CERTIFICATE and {prefix}_KEY come together.")
    return certificate, key


def _read_pair(certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """Both as read; gRPC itself would only say that a handshake failed."""
    shown, secret = _certificates(certificate), key.read_bytes()
    try:
        own = load_pem_private_key(secret, None).public_key()
    except (ValueError, TypeError) as error:
        raise TlsUnusable(f"{key} holds no key in PEM that can be read without a password.") from error
    if x509.load_pem_x509_certificate(shown).public_key() != own:
        raise TlsUnusable(f"{key} is not the key of the certificate in {certificate}.")
    return shown, secret


def _certificates(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise TlsUnusable(f"{path} holds no certificate in PEM.") from error
    return content
