-- By detection, the classes of age in which it was raised, first looked at and first judged: what a source's clocks are
-- counted from. `source_clocks.raised_position` is not written any more.
CREATE TABLE triage_clocks (
    tenant_id     text    NOT NULL,
    build         integer NOT NULL,
    key           text    NOT NULL,
    from_position bigint  NOT NULL,
    to_position   bigint,
    doc           jsonb   NOT NULL,
    sensor_id     text    NOT NULL,
    retrospective boolean NOT NULL,
    raised        integer NOT NULL,
    triaged       integer,
    judged        integer,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('triage_clocks');
CREATE INDEX ON triage_clocks (tenant_id, sensor_id) INCLUDE (retrospective, raised, triaged, judged);
