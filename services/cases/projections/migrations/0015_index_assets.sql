CREATE TABLE index_assets (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    index text NOT NULL,
    asset_id text NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('index_assets');
CREATE INDEX ON index_assets (tenant_id, index);
