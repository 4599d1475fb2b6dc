-- The access log of this service, one hash chain a tenant: record_hash = SHA-256(previous_hash ‖ canonical JSON of the
-- record). The first record's previous_hash is 32 zero bytes. Nobody but the owner may change or delete a record.
CREATE TABLE access_records (
    tenant_id     text        NOT NULL,
    number        bigint      NOT NULL CHECK (number >= 0),
    person        text        NOT NULL,
    subject       text        NOT NULL,
    purpose       text        NOT NULL,
    outcome       text        NOT NULL,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL,
    times         bigint      NOT NULL CHECK (times > 0),
    previous_hash bytea       NOT NULL CHECK (length(previous_hash) = 32),
    record_hash   bytea       NOT NULL CHECK (length(record_hash) = 32),
    PRIMARY KEY (tenant_id, number)
);

SELECT guard_tenant_table('access_records');
CREATE POLICY runner ON access_records TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON access_records TO tenet_view_writer;
GRANT SELECT ON access_records TO tenet_view_reader;
