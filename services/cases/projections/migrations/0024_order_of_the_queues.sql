-- The first page of a queue is read in the order of its index and stops there, however many cases are open.
DROP INDEX cases_open_priority_severity_opened_at_idx;
CREATE INDEX ON cases (priority, severity DESC NULLS LAST, opened_at, tenant_id, key)
    WHERE to_position IS NULL AND open;
CREATE INDEX ON cases (priority, severity DESC NULLS LAST, opened_at, tenant_id, key)
    WHERE to_position IS NULL AND merged_into IS NULL;
DROP INDEX pending_approvals_waiting_priority_idx;
CREATE INDEX ON pending_approvals (priority, tenant_id, key) WHERE to_position IS NULL AND waiting;
