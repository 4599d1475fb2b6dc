-- A policy is activated once in a service; tenants that exist then start at their head (or at 0 where the policy says so),
-- tenants that come later start at 0, because nothing in their ledgers predates the policy.
CREATE TABLE policy_activations (
    policy_id    text        PRIMARY KEY,
    activated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON policy_activations TO tenet_view_writer;

CREATE TABLE policy_positions (
    tenant_id       text        NOT NULL,
    policy_id       text        NOT NULL,
    activated_after bigint      NOT NULL,
    position        bigint      NOT NULL,
    state           text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'parked')),
    attempts        integer     NOT NULL DEFAULT 0,
    first_failed_at timestamptz,
    next_attempt_at timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, policy_id)
);
SELECT guard_tenant_table('policy_positions');
CREATE POLICY runner ON policy_positions TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT ON policy_positions TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE ON policy_positions TO tenet_view_writer;

-- What came of each reaction that did not simply succeed: the domain refused it, it was parked, or an operator skipped it.
CREATE TABLE policy_outcomes (
    tenant_id   text        NOT NULL,
    policy_id   text        NOT NULL,
    position    bigint      NOT NULL,
    topic       text        NOT NULL,
    outcome     text        NOT NULL CHECK (outcome IN ('refused', 'parked', 'retried', 'skipped')),
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, policy_id, position)
);
SELECT guard_tenant_table('policy_outcomes');
CREATE POLICY runner ON policy_outcomes TO tenet_view_writer USING (true) WITH CHECK (true);
GRANT SELECT ON policy_outcomes TO tenet_view_reader;
GRANT SELECT, INSERT, UPDATE ON policy_outcomes TO tenet_view_writer;
