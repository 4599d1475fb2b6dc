-- The queue of exposures, insecure changes and newcomers, row-versioned.
CREATE TABLE findings (
    tenant_id       text NOT NULL,
    build           integer NOT NULL,
    key             text NOT NULL,
    from_position   bigint NOT NULL,
    to_position     bigint,
    doc             jsonb NOT NULL,
    kind            text NOT NULL,
    state           text NOT NULL,
    asset_ids       text[] NOT NULL,
    exploited       boolean NOT NULL,
    severity        integer NOT NULL,
    exposure_rank   integer,
    likelihood      integer,
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('findings');
CREATE INDEX ON findings (exploited DESC, severity DESC, exposure_rank DESC NULLS LAST, likelihood DESC NULLS LAST)
    WHERE to_position IS NULL;
