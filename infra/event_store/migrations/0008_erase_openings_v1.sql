-- Deletes every opening of one data subject from the ledger of the tenant whose role the transaction has set, and
-- answers how many there were. The only function that deletes: entries and their commitments stay, and so every proof.
CREATE FUNCTION tenet_meta.erase_openings_v1(p_subject text) RETURNS bigint
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
    EXECUTE format('DELETE FROM %I.openings WHERE subject = $1', v_schema) USING p_subject;
    GET DIAGNOSTICS v_erased = ROW_COUNT;
    RETURN v_erased;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.erase_openings_v1(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenet_meta.erase_openings_v1(text) TO tenet_appender;
