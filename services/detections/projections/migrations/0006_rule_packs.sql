-- Rule packs in the provider's ledger.
CREATE TABLE rule_packs (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    name          text NOT NULL,
    deployed      boolean NOT NULL,
    imported_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('rule_packs');
