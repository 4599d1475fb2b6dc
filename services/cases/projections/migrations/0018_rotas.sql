CREATE TABLE rotas (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    name text NOT NULL,
    gaps integer NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('rotas');
CREATE INDEX ON rotas (tenant_id, name) WHERE to_position IS NULL;
