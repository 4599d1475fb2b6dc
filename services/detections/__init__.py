"""Detections: what is happening, and is it real?

Streams that it owns: `telemetry-<sensor>`, `detection-<id>`, `customer_report-<id>` in each tenant's ledger, and
`rule_pack-<id>` in the provider's. RPCs: TelemetryIngestService, DetectionsReadService, DetectionsWriteService,
DetectionsAdminService. Read models: triage_queue, detections, customer_reports, rule_packs, asset_index. A group of
equal activity needs no read model: its detection's id follows from the group's identity (`application/raising.py`).
"""
