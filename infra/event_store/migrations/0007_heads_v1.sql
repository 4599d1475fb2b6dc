-- The next position of each of these tenants' ledgers, 0 when empty; tenants that do not live here are left out.
-- One answer for many tenants, so that one poll per process serves all of its projections.
CREATE FUNCTION tenet_meta.heads_v1(p_tenant_ids text[]) RETURNS TABLE (tenant_id text, next_position bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_schema text;
BEGIN
    FOR tenant_id, v_schema IN
        SELECT t.tenant_id, t.schema_name FROM tenet_meta.tenants t WHERE t.tenant_id = ANY (p_tenant_ids)
    LOOP
        EXECUTE format('SELECT e.position + 1 FROM %I.events e ORDER BY e.position DESC LIMIT 1', v_schema)
           INTO next_position;
        next_position := coalesce(next_position, 0);
        RETURN NEXT;
    END LOOP;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.heads_v1(text[]) FROM PUBLIC;
