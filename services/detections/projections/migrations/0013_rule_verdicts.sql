-- By detection, which rule raised it and which verdict stands: what a rule's track record is counted from.
CREATE TABLE rule_verdicts (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    rule_id       text    NOT NULL,
    sha256        text    NOT NULL,
    verdict       text,
    validated_at  timestamptz,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('rule_verdicts');
CREATE INDEX ON rule_verdicts (tenant_id, rule_id, verdict, validated_at) WHERE to_position IS NULL;
