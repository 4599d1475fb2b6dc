-- Assets, row-versioned.
CREATE TABLE assets (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    kind            text NOT NULL,
    asset_class     text NOT NULL,
    value           integer NOT NULL,
    asset_group     text NOT NULL,
    retired         boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('assets');
CREATE INDEX ON assets (value DESC, tenant_id, key) WHERE to_position IS NULL AND NOT retired;
