-- Deletes the opening of one sealed field from the ledger of the tenant whose role the transaction has set, and answers
-- how many there were, 0 or 1. Beside erase_openings_v1 the only function that deletes.
CREATE FUNCTION tenet_meta.erase_opening_v1(p_event_id text, p_path text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_schema text;
    v_erased bigint;
BEGIN
    SELECT t.schema_name INTO v_schema FROM tenet_meta.tenants t WHERE t.role_name = current_setting('role');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the transaction has set no tenant''s role' USING ERRCODE = 'TN003';
    END IF;
    IF NOT EXISTS (SELECT FROM tenet_meta.logins l WHERE l.login = session_user AND l.may_erase) THEN
        RAISE EXCEPTION 'the login % may not erase openings', session_user USING ERRCODE = 'TN008';
    END IF;
    EXECUTE format('DELETE FROM %I.openings WHERE event_id = $1 AND path = $2', v_schema) USING p_event_id, p_path;
    GET DIAGNOSTICS v_erased = ROW_COUNT;
    RETURN v_erased;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.erase_opening_v1(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenet_meta.erase_opening_v1(text, text) TO tenet_appender;
