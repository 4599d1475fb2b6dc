-- The position of the last entry of a tenant's ledger that was recorded at or before a time (microseconds since 1970 in
-- UTC); -1 when there is none. Under the tenant's lock, so that no append that is under way can still be recorded at or
-- before that time: the answer is final. Times of recording never decrease with the position, so the search halves.
CREATE FUNCTION tenet_meta.position_at_v1(p_tenant_id text, p_at bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $function$
DECLARE
    v_schema   text;
    v_lock     bigint;
    v_low      bigint := -1;
    v_high     bigint;
    v_middle   bigint;
    v_recorded bigint;
BEGIN
    SELECT t.schema_name, t.lock_key INTO v_schema, v_lock FROM tenet_meta.tenants t WHERE t.tenant_id = p_tenant_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant has its ledger here' USING ERRCODE = 'TN003';
    END IF;
    -- In a statement of its own, so that the statements after it see what the last holder committed.
    PERFORM pg_advisory_xact_lock_shared(v_lock);
    IF p_at > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint THEN
        RAISE EXCEPTION 'what will be recorded until then is not known' USING ERRCODE = 'TN009';
    END IF;
    EXECUTE format('SELECT e.position FROM %I.events e ORDER BY e.position DESC LIMIT 1', v_schema) INTO v_high;
    v_high := coalesce(v_high, -1);
    -- Everything at v_low or before it is recorded in time, nothing after v_high is.
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        EXECUTE format('SELECT e.recorded_at FROM %I.events e WHERE e.position = $1', v_schema)
           INTO v_recorded USING v_middle;
        IF v_recorded <= p_at THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle - 1;
        END IF;
    END LOOP;
    RETURN v_low;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.position_at_v1(text, bigint) FROM PUBLIC;
