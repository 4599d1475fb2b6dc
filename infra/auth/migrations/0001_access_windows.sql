-- What was accessed within the last minutes, counted by who, what, why and how it ended. Closed windows move into the
-- chain of access_records and leave this table.
CREATE TABLE access_windows (
    tenant_id    text        NOT NULL,
    window_start timestamptz NOT NULL,
    person       text        NOT NULL,
    subject      text        NOT NULL,
    purpose      text        NOT NULL,
    outcome      text        NOT NULL,
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    times        bigint      NOT NULL CHECK (times > 0),
    PRIMARY KEY (tenant_id, window_start, person, subject, purpose, outcome)
);
CREATE INDEX access_windows_by_start ON access_windows (window_start);

SELECT guard_tenant_table('access_windows');
-- Counting and closing run over all tenants; these rows are never shown to a caller.
CREATE POLICY runner ON access_windows TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON access_windows TO tenet_view_writer;
