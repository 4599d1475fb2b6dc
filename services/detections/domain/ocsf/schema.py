"""What Tenet uses of the pinned release: classes, their categories, and the attributes that each requires."""

from collections.abc import Mapping
from enum import IntEnum

OCSF_VERSION = "1.4.0"


class ClassUid(IntEnum):
    BASE = 0
    FILE_ACTIVITY = 1001
    KERNEL_EXTENSION_ACTIVITY = 1002
    MODULE_ACTIVITY = 1005
    PROCESS_ACTIVITY = 1007
    DETECTION_FINDING = 2004
    AUTHENTICATION = 3002
    NETWORK_ACTIVITY = 4001
    HTTP_ACTIVITY = 4002
    DNS_ACTIVITY = 4003
    API_ACTIVITY = 6003


_ALWAYS = frozenset({"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"})
_SYSTEM = _ALWAYS | {"actor", "device"}
REQUIRED: Mapping[ClassUid, frozenset[str]] = {
    ClassUid.BASE: _ALWAYS,
    ClassUid.FILE_ACTIVITY: _SYSTEM | {"file"},
    ClassUid.KERNEL_EXTENSION_ACTIVITY: _SYSTEM | {"driver"},
    ClassUid.MODULE_ACTIVITY: _SYSTEM | {"module"},
    ClassUid.PROCESS_ACTIVITY: _SYSTEM | {"process"},
    ClassUid.DETECTION_FINDING: _ALWAYS | {"finding_info"},
    ClassUid.AUTHENTICATION: _ALWAYS | {"user"},
    ClassUid.NETWORK_ACTIVITY: _ALWAYS,
    ClassUid.HTTP_ACTIVITY: _ALWAYS | {"http_request"},
    ClassUid.DNS_ACTIVITY: _ALWAYS | {"query"},
    ClassUid.API_ACTIVITY: _ALWAYS | {"actor", "api", "src_endpoint"},
}


def category_of(class_uid: ClassUid) -> int:
    """Classes are numbered by category: 1 system, 2 findings, 3 identity, 4 network, 6 application; 0 is none."""
    return int(class_uid) // 1_000
