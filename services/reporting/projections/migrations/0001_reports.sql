-- Published reports with the customer's replies, row-versioned.
CREATE TABLE reports (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    published_at    timestamptz NOT NULL,
    standing        text NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('reports');
CREATE INDEX ON reports (published_at DESC, tenant_id, key) WHERE to_position IS NULL;
