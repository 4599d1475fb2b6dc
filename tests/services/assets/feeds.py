"""Vulnerability feeds in the publishers' formats, small and made up."""

import orjson

VALVE, DOOR, CABLE = "CVE-2026-10001", "CVE-2026-10002", "CVE-2026-10003"


def kev(version: str, released: str, *listed: str, **more: object) -> bytes:
    entries = [
        {
            "cveID": cve,
            "vendorProject": "Maker",
            "product": "Thing",
            "vulnerabilityName": f"Thing flaw {cve[-1]}",
            "dateAdded": "2026-03-01",
            "shortDescription": "It breaks.",
            "requiredAction": "Mend it.",
            "dueDate": "2026-03-22",
            "knownRansomwareCampaignUse": "Known" if cve == DOOR else "Unknown",
        }
        for cve in listed
    ]
    catalogue = {"title": "A catalogue", "catalogVersion": version, "dateReleased": released, "count": len(entries)}
    return orjson.dumps(catalogue | {"vulnerabilities": entries} | more)


def epss(date: str, scores: dict[str, str]) -> bytes:
    lines = [f"#model_version:v2026.03.01,score_date:{date}T00:00:00+0000", "cve,epss,percentile"]
    return "\n".join([*lines, *(f"{cve},{score},0.5" for cve, score in scores.items()), ""]).encode()
