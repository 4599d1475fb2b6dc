-- What customers told of, with the verdict on it.
CREATE TABLE customer_reports (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    state         text NOT NULL,
    severity_id   integer NOT NULL,
    filed_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('customer_reports');
CREATE INDEX ON customer_reports (filed_at DESC NULLS LAST, tenant_id, key) WHERE to_position IS NULL;
