-- What every view's table needs beyond its columns: row level security, grants, and at most one current row a document.
CREATE FUNCTION guard_view(guarded regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    needed constant text[] := ARRAY['tenant_id:text', 'build:integer', 'key:text', 'from_position:bigint',
                                    'to_position:bigint', 'doc:jsonb'];
    found text[];
BEGIN
    SELECT array_agg(attname || ':' || format_type(atttypid, atttypmod)) INTO found
      FROM pg_attribute WHERE attrelid = guarded AND attnum > 0 AND NOT attisdropped;
    IF NOT found @> needed THEN
        RAISE EXCEPTION 'the view table % lacks one of the columns %', guarded, needed;
    END IF;
    PERFORM public.guard_tenant_table(guarded);
    EXECUTE format('CREATE UNIQUE INDEX ON %s (tenant_id, build, key) WHERE to_position IS NULL', guarded);
    EXECUTE format('GRANT SELECT ON %s TO tenet_view_reader', guarded);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tenet_view_writer', guarded);
END
$$;

REVOKE ALL ON FUNCTION guard_view(regclass) FROM PUBLIC;
