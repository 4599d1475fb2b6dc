CREATE TABLE notices (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    case_id text NOT NULL,
    status text NOT NULL,
    sent_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('notices');
CREATE INDEX ON notices (tenant_id, case_id);
CREATE INDEX ON notices (tenant_id, status) WHERE to_position IS NULL;
