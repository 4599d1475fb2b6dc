-- Every rule in the provider's ledger: where it stands and what happened to it.
CREATE TABLE rules (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    state         text    NOT NULL,
    title         text    NOT NULL,
    failing       boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('rules');
CREATE INDEX ON rules (title, tenant_id, key) WHERE to_position IS NULL;
