"""Which Sigma log sources a record belongs to (Sigma specification, appendix "taxonomy": categories and services)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.detections.domain.formats.records import LogSource, Source
from services.detections.domain.formats.routing import Names, names_of
from services.detections.domain.formats.windows import SECURITY, SYSMON


@dataclass(frozen=True, slots=True)
class Route:
    """The product, categories and services of a record, in Sigma's words. A record can have several of each."""

    product: str
    categories: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def admits(self, product: str | None, category: str | None, service: str | None) -> bool:
        """Whether a rule for that log source runs on such a record. What the rule leaves open, admits everything."""
        return (
            (product is None or product == self.product)
            and (category is None or category in self.categories)
            and (service is None or service in self.services)
            and not (product is None and category is None and service is None)
        )


_SYSMON_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "1": ("process_creation",),
    "2": ("file_change",),
    "3": ("network_connection",),
    "4": ("sysmon_status",),
    "5": ("process_termination",),
    "6": ("driver_load",),
    "7": ("image_load",),
    "8": ("create_remote_thread",),
    "9": ("raw_access_thread",),
    "10": ("process_access",),
    "11": ("file_event",),
    "12": ("registry_event", "registry_add", "registry_delete"),
    "13": ("registry_event", "registry_set"),
    "14": ("registry_event", "registry_rename"),
    "15": ("create_stream_hash",),
    "16": ("sysmon_status",),
    "17": ("pipe_created",),
    "18": ("pipe_created",),
    "19": ("wmi_event",),
    "20": ("wmi_event",),
    "21": ("wmi_event",),
    "22": ("dns_query",),
    "23": ("file_delete",),
    "24": ("clipboard_capture",),
    "25": ("process_tampering",),
    "26": ("file_delete",),
    "27": ("file_block_executable",),
    "28": ("file_block_shredding",),
    "29": ("file_executable_detected",),
    "255": ("sysmon_error",),
}
_POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
_POWERSHELL_CATEGORIES = {"4103": "ps_module", "4104": "ps_script"}
_CLASSIC_POWERSHELL_CATEGORIES = {
    "400": "ps_classic_start",
    "600": "ps_classic_provider_start",
    "800": "ps_classic_script",
}
_CERTIFICATES = "Microsoft-Windows-CertificateServicesClient-Lifecycle-System"
_SERVICES: Mapping[str, str] = {
    "Security": "security",
    "System": "system",
    "Application": "application",
    SYSMON: "sysmon",
    "Windows PowerShell": "powershell-classic",
    **dict.fromkeys(_POWERSHELL, "powershell"),
    "Microsoft-Windows-TaskScheduler/Operational": "taskscheduler",
    "Microsoft-Windows-WMI-Activity/Operational": "wmi",
    "Microsoft-Windows-Windows Defender/Operational": "windefend",
    "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall": "firewall-as",
    "Microsoft-Windows-Bits-Client/Operational": "bits-client",
    "Microsoft-Windows-NTLM/Operational": "ntlm",
    "Microsoft-Windows-DriverFrameworks-UserMode/Operational": "driver-framework",
    "Microsoft-Windows-CodeIntegrity/Operational": "codeintegrity-operational",
    "Microsoft-Windows-AppLocker/EXE and DLL": "applocker",
    "Microsoft-Windows-AppLocker/MSI and Script": "applocker",
    "Microsoft-Windows-AppLocker/Packaged app-Deployment": "applocker",
    "Microsoft-Windows-AppLocker/Packaged app-Execution": "applocker",
    "Microsoft-Windows-AppXDeploymentServer/Operational": "appxdeployment-server",
    "Microsoft-Windows-AppxPackaging/Operational": "appxpackaging-om",
    "Microsoft-Windows-AppModel-Runtime/Admin": "appmodel-runtime",
    "Microsoft-Windows-DNS-Client/Operational": "dns-client",
    "DNS Server": "dns-server",
    "Microsoft-Windows-DNS-Server/Analytical": "dns-server-analytic",
    "Microsoft-Windows-DNS-Server/Audit": "dns-server-audit",
    "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational": "terminalservices-localsessionmanager",
    "Microsoft-Windows-SmbClient/Security": "smbclient-security",
    "Microsoft-Windows-SmbClient/Connectivity": "smbclient-connectivity",
    "Microsoft-Windows-SMBServer/Connectivity": "smbserver-connectivity",
    "Microsoft-Windows-Shell-Core/Operational": "shell-core",
    "Microsoft-Windows-Security-Mitigations/Kernel Mode": "security-mitigations",
    "Microsoft-Windows-Security-Mitigations/User Mode": "security-mitigations",
    "Microsoft-Windows-LSA/Operational": "lsa-server",
    "Microsoft-Windows-CAPI2/Operational": "capi2",
    _CERTIFICATES + "/Operational": "certificateservicesclient-lifecycle-system",
    "Microsoft-Windows-Diagnosis-Scripted/Operational": "diagnosis-scripted",
    "Microsoft-Windows-VHDMP/Operational": "vhdmp",
    "Microsoft-Windows-Ldap-Client/Debug": "ldap",
    "Microsoft-ServiceBus-Client": "microsoft-servicebus-client",
    "OpenSSH/Operational": "openssh",
    "MSExchange Management": "msexchange-management",
    "Microsoft-IIS-Configuration/Operational": "iis-configuration",
}
_OTHER_ROUTES: dict[Names, Route] = {}
_WINDOWS_ROUTES: dict[tuple[str, str, str], Route] = {}
_MAX_REMEMBERED_ROUTES = 10_000


def route_of(source: Source, fields: Mapping[str, Any], declared: LogSource | None = None) -> Route | None:
    """The route of a record; None when no Sigma log source fits its format."""
    if source is not Source.WINDOWS:
        names = names_of(source, fields, declared)
        return _route_by(names) if names else None
    channel, event_id = str(fields.get("Channel", "")), str(fields.get("EventID", ""))
    event_type = str(fields.get("EventType", "")) if event_id == "12" and channel == SYSMON else ""
    key = (channel, event_id, event_type)
    route = _WINDOWS_ROUTES.get(key)
    if route is None:
        route = Route("windows", frozenset(_categories(*key)), frozenset(_services(channel)))
        if len(_WINDOWS_ROUTES) < _MAX_REMEMBERED_ROUTES:
            _WINDOWS_ROUTES[key] = route
    return route


def _route_by(names: Names) -> Route:
    route = _OTHER_ROUTES.get(names)
    if route is None:
        route = Route(names.product, frozenset(names.categories), frozenset(names.services))
        if len(_OTHER_ROUTES) < _MAX_REMEMBERED_ROUTES:
            _OTHER_ROUTES[names] = route
    return route


def _services(channel: str) -> tuple[str, ...]:
    service = _SERVICES.get(channel)
    return (service,) if service else ()


def _categories(channel: str, event_id: str, event_type: str) -> tuple[str, ...]:
    if channel == SYSMON:
        categories = _SYSMON_CATEGORIES.get(event_id, ())
        if event_type:
            other = "registry_add" if event_type.startswith("Delete") else "registry_delete"
            categories = tuple(category for category in categories if category != other)
        return categories
    if channel == SECURITY and event_id == "4688":
        return ("process_creation",)
    if channel in _POWERSHELL and event_id in _POWERSHELL_CATEGORIES:
        return (_POWERSHELL_CATEGORIES[event_id],)
    if channel == "Windows PowerShell" and event_id in _CLASSIC_POWERSHELL_CATEGORIES:
        return (_CLASSIC_POWERSHELL_CATEGORIES[event_id],)
    return ()
