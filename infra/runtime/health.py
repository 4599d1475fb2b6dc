"""Asks the service of this machine, or container, whether it can work: `python -m infra.runtime.health`.

For orchestrators that cannot ask a gRPC server behind TLS themselves. Exit status 0: it serves; 1: it does not.
"""

import sys

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from infra.runtime.settings import LOOPBACK, Settings

TIMEOUT_SECONDS = 5.0


def main() -> int:
    settings = Settings.from_env()
    with _channel(settings) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            print(f"It does not answer: {error}", file=sys.stderr)  # This is for whoever reads the container's events.
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(settings: Settings) -> grpc.Channel:
    address = f"{LOOPBACK}:{settings.grpc_port}"
    if settings.tls_certificate is None:
        return grpc.insecure_channel(address)
    shown = settings.tls_certificate.read_bytes()
    # The caller is the same machine: it checks that the server shows this very certificate, under the name in it.
    names = x509.load_pem_x509_certificate(shown).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    name = names.value.get_values_for_type(x509.DNSName)[0]
    roots = (settings.tls_roots or settings.tls_certificate).read_bytes()
    credentials = grpc.ssl_channel_credentials(roots, *_own(settings)) if settings.tls_client_roots else None
    return grpc.secure_channel(
        address,
        credentials or grpc.ssl_channel_credentials(roots),
        options=[("grpc.ssl_target_name_override", name)],
    )


def _own(settings: Settings) -> tuple[bytes | None, bytes | None]:
    """Key and certificate to show: a caller's where there is one, else the service's own, which has to be for both."""
    pairs = (
        (settings.tls_client_key, settings.tls_client_certificate),
        (settings.tls_key, settings.tls_certificate),
    )
    return next(((key.read_bytes(), shown.read_bytes()) for key, shown in pairs if key and shown), (None, None))


if __name__ == "__main__":
    sys.exit(main())
