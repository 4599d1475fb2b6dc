-- Grants by the tenant that they are for, and by their holder.
CREATE TABLE grants (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    granted_tenant text   NOT NULL,
    principal     text    NOT NULL,
    revoked       boolean NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('grants');
CREATE INDEX grants_tenant ON grants (granted_tenant) WHERE to_position IS NULL;
CREATE INDEX grants_principal ON grants (principal) WHERE to_position IS NULL;
