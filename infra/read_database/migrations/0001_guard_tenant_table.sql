-- Row level security for any table with a tenant_id: a role sees the tenants that the transaction's setting lists, and no
-- setting means no rows. The sub-select makes the list an initialisation plan, computed once a query and not once a row.
CREATE FUNCTION guard_tenant_table(guarded regclass) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    in_scope constant text :=
        'tenant_id = ANY ((SELECT string_to_array(current_setting(''tenet.tenants'', true), '',''))::text[])';
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    EXECUTE format('CREATE POLICY in_scope ON %s USING (%s) WITH CHECK (%s)', guarded, in_scope, in_scope);
END
$$;

REVOKE ALL ON FUNCTION guard_tenant_table(regclass) FROM PUBLIC;
