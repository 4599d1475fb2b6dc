"""Raw telemetry that was received, by tenant and hour: Parquet files, sealed under the tenant's key, kept for a while.

The archive is derived: it is filled from the ledger's `TelemetryReceived` and the batches in the object store, and can
be filled again. The evidence that detections rest on is in the ledger and does not depend on it.
"""
