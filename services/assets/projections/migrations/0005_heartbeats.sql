-- When each sensor was last heard, by the service's clock: too frequent for the ledger, and worth nothing afterwards.
-- Only the beginning and the end of a silence are events.
CREATE TABLE heartbeats (
    tenant_id       text NOT NULL,
    sensor_id       text NOT NULL,
    last_heard_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sensor_id)
);
SELECT guard_tenant_table('heartbeats');
GRANT SELECT ON heartbeats TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON heartbeats TO tenet_view_writer;
