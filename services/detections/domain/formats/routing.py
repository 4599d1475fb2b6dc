"""Which product, categories and services of Sigma's taxonomy the sources other than Windows belong to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.detections.domain.formats import microsoft, ocsf_events
from services.detections.domain.formats.records import LogSource, Source


class Names(NamedTuple):
    """Sigma's words for where a record is from. `product` is empty where the source is of no product that it names."""

    product: str
    categories: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


_AUTHENTICATION = frozenset(
    {"sshd", "sudo", "su", "login", "passwd", "polkitd", "systemd-logind", "useradd", "usermod"}
)
_SYSLOG_PROGRAMS = {
    "sshd": "sshd",
    "sudo": "sudo",
    "cron": "cron",
    "crond": "cron",
    "clamd": "clamav",
    "freshclam": "clamav",
    "vsftpd": "vsftpd",
    "guacd": "guacamole",
}
_AUTHENTICATION_FACILITIES = frozenset({"4", "10"})
_ZEEK_CATEGORIES = {"dns": ("dns",), "http": ("proxy",), "conn": ("firewall",)}
_OCSF_PROCESS_CATEGORIES = {
    0: ("process_creation",),
    1: ("process_creation",),
    2: ("process_termination",),
    3: ("process_access",),
    4: ("create_remote_thread",),
}
"""By `activity_id`: unknown, launch, terminate, open, inject."""
_OCSF_SYSTEMS = {100: "windows", 101: "windows", 200: "linux", 201: "linux", 300: "macos"}
"""By `device.os.type_id`, for a system whose name says less."""
_OCSF_CATEGORIES = {
    ocsf_events.NETWORK: ("network_connection",),
    ocsf_events.HTTP: ("proxy",),
    ocsf_events.DNS: ("dns", "dns_query"),
    ocsf_events.FILE: ("file_event",),
}
_CEF_CATEGORIES = (
    ("firewall", ("firewall",)),
    ("antivirus", ("antivirus",)),
    ("anti-virus", ("antivirus",)),
    ("proxy", ("proxy",)),
)
_FIXED = {
    Source.CLOUDTRAIL: Names("aws", (), ("cloudtrail",)),
    Source.OKTA: Names("okta", (), ("okta",)),
    Source.KUBERNETES: Names("kubernetes", ("application",), ("audit",)),
}


def names_of(source: Source, fields: Mapping[str, Any], declared: LogSource | None) -> Names | None:
    """None for a source that no Sigma rule is written for."""
    if declared is not None:
        parts = (declared.product, declared.category, declared.service)
        if not any(parts):
            return None
        product, category, service = parts
        return Names(product, (category,) if category else (), (service,) if service else ())
    match source:
        case Source.AUDITD:
            return Names("linux", ("process_creation",) if "CommandLine" in fields else (), ("auditd",))
        case Source.SYSLOG:
            return _of_syslog(fields)
        case Source.ZEEK:
            path = str(fields.get("_path", ""))
            return Names("zeek", _ZEEK_CATEGORIES.get(path, ()), (path,) if path else ())
        case Source.MICROSOFT_365:
            service = str(fields.get(microsoft.SERVICE, "audit"))
            return Names("m365", (), tuple(dict.fromkeys(("audit", service))))
        case Source.ENTRA:
            service = str(fields.get(microsoft.SERVICE, ""))
            # Privileged identity management reports what it finds as risks too.
            return Names("azure", (), (service, "pim") if service == "riskdetection" else (service,))
        case Source.OCSF:
            return _of_ocsf(fields)
        case Source.CEF:
            return _of_cef(fields)
        case _:
            return _FIXED.get(source)


def _of_syslog(fields: Mapping[str, Any]) -> Names:
    program = str(fields.get("program", "")).lower()
    services = ["syslog"]
    if program in _SYSLOG_PROGRAMS:
        services.append(_SYSLOG_PROGRAMS[program])
    if program in _AUTHENTICATION or fields.get("facility") in _AUTHENTICATION_FACILITIES:
        services.append("auth")
    return Names("linux", (), tuple(services))


def _of_ocsf(fields: Mapping[str, Any]) -> Names:
    class_uid = ocsf_events.number(fields.get("class_uid"))
    system = str(fields.get("device.os.type") or fields.get("device.os.name") or "").lower()
    told = _OCSF_SYSTEMS.get(ocsf_events.number(fields.get("device.os.type_id")), "")
    product = next((name for name in ("windows", "linux", "macos") if system.startswith(name)), told)
    if class_uid == ocsf_events.PROCESS:
        activity = ocsf_events.number(fields.get("activity_id"))
        return Names(product, _OCSF_PROCESS_CATEGORIES.get(activity, ()))
    return Names(product, _OCSF_CATEGORIES.get(class_uid, ()))


def _of_cef(fields: Mapping[str, Any]) -> Names:
    """Vendor and product as words, and the generic category that the product's name tells."""
    vendor, product = (_word(fields.get(name)) for name in ("DeviceVendor", "DeviceProduct"))
    told = f"{product} {_word(fields.get('cat'))}"
    categories = next((categories for sign, categories in _CEF_CATEGORIES if sign in told), ())
    return Names(vendor, categories, (product,) if product else ())


def _word(value: object) -> str:
    return str(value or "").lower().replace(" ", "")[:64]
