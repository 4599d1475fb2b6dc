"""Telemetry as sensors write it, read into records. A broken record is put aside with its reason, none is dropped."""
