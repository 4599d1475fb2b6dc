"""Detections: what is happening, and is it real?

Streams that it owns: `telemetry-<sensor>`, `detection-<id>`, `customer_report-<id>`, `rule_exception-<id>`,
`hunt-<id>`, `blind_review-<id>`, `blind_review_sampling-<id>`, `sighting_sharing-<id>`,
`discovery-<id>` in each tenant's ledger, `rule_pack-<id>`, `rule_publisher-<id>`, `rule-<id>`, `sighting-<id>` in the
provider's, and `intelligence-<id>` in either. RPCs: TelemetryIngestService, DetectionsReadService,
DetectionsWriteService, DetectionsAdminService; RulesReadService, RulesWriteService, RulesAdminService for single rules;
IntelligenceReadService, IntelligenceWriteService, SightingsReadService, SightingsWriteService; DetectionsHuntService;
BlindReviewsReadService, BlindReviewsWriteService.
Read models: triage_queue, detections, customer_reports, rule_packs, rules, rule_verdicts, rule_exceptions, asset_index,
intelligence_sources, sighting_subjects, blind_reviews. A group of equal activity needs no read model: its detection's
id follows from the group's identity (`application/raising.py`).
"""
