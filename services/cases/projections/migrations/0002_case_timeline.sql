CREATE TABLE case_timeline (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    case_id text NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('case_timeline');
CREATE INDEX ON case_timeline (tenant_id, case_id, position);
