"""The gRPC edge of the assets service: translates, calls, translates."""

from services.assets.servicer.read import AssetsReadServicer
from services.assets.servicer.vulnerabilities import VulnerabilitiesAdminServicer, VulnerabilitiesReadServicer
from services.assets.servicer.write import AssetsWriteServicer

__all__ = [
    "AssetsReadServicer",
    "AssetsWriteServicer",
    "VulnerabilitiesAdminServicer",
    "VulnerabilitiesReadServicer",
]
