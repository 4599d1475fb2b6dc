CREATE TABLE enquiries (
    tenant_id text NOT NULL,
    build integer NOT NULL,
    key text NOT NULL,
    from_position bigint NOT NULL,
    to_position bigint,
    doc jsonb NOT NULL,
    detection_id text NOT NULL,
    case_id text,
    status text NOT NULL,
    sent_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('enquiries');
CREATE INDEX ON enquiries (tenant_id, detection_id);
CREATE INDEX ON enquiries (tenant_id, case_id);
