CREATE TABLE certifications (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    principal text NOT NULL,
    name text NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('certifications');
CREATE INDEX ON certifications (expires_at) WHERE to_position IS NULL;
CREATE INDEX ON certifications (principal) WHERE to_position IS NULL;
