"""Pure decisions of the detections service: telemetry formats, Sigma, grouping, triage. Imports no I/O library."""
