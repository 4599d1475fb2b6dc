-- Record keys that sensors have sent lately, and up to which version of the sensor's stream they are complete. Derived
-- from the ledger and the object store; losing it costs reading the last batches again.
CREATE TABLE seen_records (
    tenant_id text NOT NULL,
    sensor_id text NOT NULL,
    key bytea NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, sensor_id, key)
);
CREATE INDEX ON seen_records (tenant_id, sensor_id, version);

CREATE TABLE seen_batches (
    tenant_id text NOT NULL,
    sensor_id text NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (tenant_id, sensor_id)
);

SELECT guard_tenant_table('seen_records');
SELECT guard_tenant_table('seen_batches');
GRANT SELECT, INSERT, UPDATE, DELETE ON seen_records, seen_batches TO tenet_view_writer;
