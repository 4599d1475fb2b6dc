-- The latest detection of a source, so that one which a hunt has raised can be taken out of the source's clocks.
ALTER TABLE source_clocks ADD COLUMN raised_position bigint;
CREATE INDEX ON source_clocks (tenant_id, raised_position) WHERE to_position IS NULL;
