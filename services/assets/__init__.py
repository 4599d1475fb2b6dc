"""The assets service: what is there, whether it is watched, and which weaknesses precede an attack.

Streams: `asset-…`, `sensor-…`, `finding-…`; in the provider's ledger `vulnerability_feed-…`.
RPCs: AssetsReadService (GetAsset, ListAssets, ListSensors, GetFinding, ListFindings, LookUpAsset) and
AssetsWriteService (RegisterAsset, ReclassifyAsset, RetireAsset, RegisterSensor, RecordHeartbeat, ReportFinding,
ValidateFinding, WithdrawFindingValidation, ReportFindingFix, VerifyFindingFix); VulnerabilitiesReadService
(ListVulnerabilityFeeds, GetVulnerability) and VulnerabilitiesAdminService (ImportVulnerabilityFeed,
ScheduleVulnerabilityFeed, UnscheduleVulnerabilityFeed, FetchVulnerabilityFeed). Read models:
assets, asset_index and discovered_hosts (blind indexes), sensors, findings, vulnerability_feeds. A table of its own:
heartbeats.
"""
