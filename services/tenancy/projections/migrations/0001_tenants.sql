-- Tenants by identifier. `parent` is the entity above, null at the top of a customer tree.
CREATE TABLE tenants (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    parent        text,
    status        text    NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('tenants');
CREATE INDEX tenants_parent ON tenants (parent) WHERE to_position IS NULL;
