"""The tenancy service on the wire: translates requests, calls, translates answers."""

from services.tenancy.servicer.admin import TenancyAdminServicer
from services.tenancy.servicer.read import TenancyReadServicer

__all__ = ["TenancyAdminServicer", "TenancyReadServicer"]
