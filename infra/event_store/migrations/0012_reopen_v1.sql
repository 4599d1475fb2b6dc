-- Opens a ledger for appends again that make_read_only_v1 has closed. Two persons have decided it, in the provider's
-- ledger, and its log has a new origin: what was signed under the earlier one stays as it is and is never extended. Only
-- the login that may close ledgers may call it; repeating it is harmless.
CREATE FUNCTION tenet_meta.reopen_v1(p_tenant_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_role text;
BEGIN
    IF NOT EXISTS (SELECT FROM tenet_meta.logins l WHERE l.login = session_user AND l.may_make_read_only) THEN
        RAISE EXCEPTION 'the login % may not reopen ledgers', session_user USING ERRCODE = 'TN008';
    END IF;
    SELECT t.role_name INTO v_role FROM tenet_meta.tenants t WHERE t.tenant_id = p_tenant_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant has its ledger here' USING ERRCODE = 'TN003';
    END IF;
    EXECUTE format('GRANT tenet_appender TO %I', v_role);
    UPDATE tenet_meta.tenants t SET read_only_since = NULL, read_only_reason = NULL WHERE t.tenant_id = p_tenant_id;
    RETURN true;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.reopen_v1(text) FROM PUBLIC;
