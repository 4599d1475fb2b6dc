"""The telemetry intake over HTTP, by API key of a sensor: plain lines, OpenTelemetry's logs, Splunk's HTTP events.

    POST /v1/telemetry                  lines, JSON array, CSV, .evtx; gzip or zstd
    POST /v1/logs                       OTLP/HTTP logs, protobuf or JSON
    POST /services/collector/event      Splunk HEC; /raw for lines
    GET  /services/collector/health

All go through `Ingest.ingest_batch`: an answer of 200 means that the batch and all detections that it causes are
durable. A request says who it is by `Authorization: ApiKey <id>.<secret>` (or `Bearer`, or HEC's `Splunk <key>`), and
may say more by headers:

    Tenet-Tenant         the tenant; default: the one that the key's machine belongs to
    Tenet-Sensor         the sensor, as registered with its assets; default: the key's machine itself
    Tenet-Format         how it is written (`syslog`, `zeek`, …); default: each record is recognised
    Tenet-Mapping        SHA-256 of a declared mapping, in place of a format
    Tenet-First-Record   how many records of the same source came before
    Idempotency-Key      the batch's identifier; default: it follows from the content

A sensor that was never registered is taken all the same: the key is what authorises, and telemetry that is refused is
lost; what it sends counts like any other's, and no silence is noticed of it.

Refusals are JSON, `{"reason": …, "message": …}`: 401 and 403 for the key, 413 for size, 429 over the tenant's quota and
503 while the store is away, these two with `Retry-After`.
"""

from services.detections.servicer.http.intake import HttpIntake

__all__ = ["HttpIntake"]
