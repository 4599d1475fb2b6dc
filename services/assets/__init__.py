"""The assets service: what is there, whether it is watched, and which weaknesses precede an attack.

Streams: `asset-…`, `sensor-…`, `finding-…`.
RPCs: AssetsReadService (GetAsset, ListAssets, ListSensors, GetFinding, ListFindings, LookUpAsset) and
AssetsWriteService (RegisterAsset, ReclassifyAsset, RetireAsset, RegisterSensor, RecordHeartbeat, ReportFinding,
ValidateFinding, WithdrawFindingValidation, ReportFindingFix, VerifyFindingFix). Read models: assets, asset_index (blind
indexes), sensors, findings. A table of its own: heartbeats.
"""
