CREATE TABLE link_suggestions (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    status text NOT NULL,
    score integer NOT NULL,
    case_ids text[] NOT NULL,
    suggested_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('link_suggestions');
CREATE INDEX ON link_suggestions (tenant_id, status, score DESC) WHERE to_position IS NULL;
CREATE INDEX ON link_suggestions USING gin (case_ids);
