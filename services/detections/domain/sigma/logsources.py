"""Which Sigma log sources a record belongs to (Sigma specification, appendix "taxonomy": categories and services)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.detections.domain.formats.records import LogSource, Source
from services.detections.domain.formats.routing import Names, names_of
from services.detections.domain.formats.windows import DEFENDER, LINUX_SYSMON, SECURITY, SYSMON


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
    "26": ("file_delete", "file_delete_detected"),
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
_CLASSIC_POWERSHELL = "Windows PowerShell"
_SERVICE_BUS = (
    "Microsoft-ServiceBus-Client",
    "Microsoft-ServiceBus-Client/Operational",
    "Microsoft-ServiceBus-Client/Admin",
)
_FOUND_BY_DEFENDER = frozenset(
    {"1006", "1007", "1008", "1009", "1010", "1011", "1012", "1017", "1018", "1019", "1115", "1116", "1117"}
)
"""Events of Microsoft Defender that name a threat, which are what the category antivirus means."""
_SERVICES: Mapping[str, tuple[str, ...]] = {
    "application": ("Application",),
    "application-experience": (
        "Microsoft-Windows-Application-Experience/Program-Telemetry",
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
    ),
    "applocker": (
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    ),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker", "Microsoft-Windows-Hyper-V-Worker-Admin"),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing", "Microsoft-Windows-Kernel-EventTracing/Admin"),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "ldap_debug": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": _SERVICE_BUS,
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": _POWERSHELL,
    "powershell-classic": (_CLASSIC_POWERSHELL,),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security": (SECURITY,),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": _SERVICE_BUS,
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": (SYSMON, LINUX_SYSMON),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational",),
    "windefend": (DEFENDER,),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}
"""The channels of each service, after the specification's taxonomy and the rules that name services beyond it."""
_SERVICES_OF_CHANNEL: Mapping[str, frozenset[str]] = {
    each.lower(): frozenset(service for service, channels in _SERVICES.items() if each in channels)
    for channels in _SERVICES.values()
    for each in channels
}
"""By channels in lower case, since exports do not agree on how they write them."""
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
        product = "linux" if channel == LINUX_SYSMON else "windows"
        route = Route(product, frozenset(_categories(*key)), _SERVICES_OF_CHANNEL.get(channel.lower(), frozenset()))
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


def _categories(channel: str, event_id: str, event_type: str) -> tuple[str, ...]:
    if channel in (SYSMON, LINUX_SYSMON):
        categories = _SYSMON_CATEGORIES.get(event_id, ())
        if event_type:
            other = "registry_add" if event_type.startswith("Delete") else "registry_delete"
            categories = tuple(category for category in categories if category != other)
        return categories
    if channel == SECURITY and event_id == "4688":
        return ("process_creation",)
    if channel in _POWERSHELL and event_id in _POWERSHELL_CATEGORIES:
        return (_POWERSHELL_CATEGORIES[event_id],)
    if channel == DEFENDER and event_id in _FOUND_BY_DEFENDER:
        return ("antivirus",)
    if channel == _CLASSIC_POWERSHELL and event_id in _CLASSIC_POWERSHELL_CATEGORIES:
        return (_CLASSIC_POWERSHELL_CATEGORIES[event_id],)
    return ()
