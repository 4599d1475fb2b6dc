-- Closes a ledger for appends: it is not an extension of the head that was signed and kept outside of this server, so
-- whatever is appended to it would be lost or would hide what was. Readers are not affected. Only the login that seals
-- ledgers may call it; repeating it keeps the first reason.
ALTER TABLE tenet_meta.tenants ADD COLUMN read_only_since timestamptz, ADD COLUMN read_only_reason text;
ALTER TABLE tenet_meta.logins ADD COLUMN may_make_read_only boolean NOT NULL DEFAULT false;

CREATE FUNCTION tenet_meta.make_read_only_v1(p_tenant_id text, p_reason text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_role text;
BEGIN
    IF NOT EXISTS (SELECT FROM tenet_meta.logins l WHERE l.login = session_user AND l.may_make_read_only) THEN
        RAISE EXCEPTION 'the login % may not make ledgers read-only', session_user USING ERRCODE = 'TN008';
    END IF;
    SELECT t.role_name INTO v_role FROM tenet_meta.tenants t WHERE t.tenant_id = p_tenant_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such tenant has its ledger here' USING ERRCODE = 'TN003';
    END IF;
    -- Without this membership the tenant's role cannot reach the ledger's functions: every process is refused at once.
    EXECUTE format('REVOKE tenet_appender FROM %I', v_role);
    UPDATE tenet_meta.tenants t
       SET read_only_since = coalesce(t.read_only_since, clock_timestamp()),
           read_only_reason = coalesce(t.read_only_reason, left(p_reason, 500))
     WHERE t.tenant_id = p_tenant_id;
    RETURN true;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.make_read_only_v1(text, text) FROM PUBLIC;
