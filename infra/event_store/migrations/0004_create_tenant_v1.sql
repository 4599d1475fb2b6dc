-- Creates a tenant's ledger on this server: a schema with two relations and a role that may read them and call the
-- ledger's functions. Repeating it is harmless. Returns whether the ledger is new.
CREATE FUNCTION tenet_meta.create_tenant_v1(p_tenant_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_schema text := 't_' || replace(p_tenant_id, '-', '_');
    v_role   text := 'tenet_t_' || replace(p_tenant_id, '-', '_');
BEGIN
    IF NOT EXISTS (SELECT FROM tenet_meta.logins l WHERE l.login = session_user AND l.may_create_tenants) THEN
        RAISE EXCEPTION 'the login % may not create tenants', session_user USING ERRCODE = 'TN008';
    END IF;
    IF p_tenant_id IS NULL OR p_tenant_id !~ '^[a-z][a-z0-9-]{1,30}$' THEN
        RAISE EXCEPTION 'this is not a tenant identifier' USING ERRCODE = 'TN006';
    END IF;
    -- The lock also keeps `tenet migrate` from missing a tenant that is being created.
    PERFORM pg_advisory_xact_lock(7236270183449625);
    IF EXISTS (SELECT FROM tenet_meta.tenants t WHERE t.tenant_id = p_tenant_id) THEN
        RETURN false;
    END IF;
    BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- Roles belong to the whole server: another database of it may know the same tenant.
    END;
    EXECUTE format('GRANT tenet_appender TO %I', v_role);
    EXECUTE format('GRANT %I TO tenet_services', v_role);
    EXECUTE format('CREATE SCHEMA %I', v_schema);
    EXECUTE format($ddl$
        CREATE TABLE %1$I.events (
            position       bigint NOT NULL CHECK (position >= 0),
            recorded_at    bigint NOT NULL CHECK (recorded_at > 0),
            version        bigint NOT NULL CHECK (version >= 1),
            stream         text COLLATE "C" NOT NULL,
            topic          text COLLATE "C" NOT NULL,
            event_id       text COLLATE "C" NOT NULL,
            leaf_hash      bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
            request_key    bytea CHECK (octet_length(request_key) = 32),
            request_digest bytea CHECK (octet_length(request_digest) = 32),
            entry          bytea NOT NULL CHECK (octet_length(entry) BETWEEN 2 AND 65527),
            PRIMARY KEY (position),
            UNIQUE (stream, version),
            CHECK ((request_key IS NULL) = (request_digest IS NULL))
        )$ddl$, v_schema);
    EXECUTE format('CREATE UNIQUE INDEX events_request_key ON %I.events (request_key) WHERE request_key IS NOT NULL',
                   v_schema);
    EXECUTE format($ddl$
        CREATE TABLE %1$I.openings (
            event_id   text COLLATE "C" NOT NULL,
            path       text COLLATE "C" NOT NULL,
            subject    text COLLATE "C" NOT NULL,
            key_id     text COLLATE "C" NOT NULL,
            nonce      bytea NOT NULL CHECK (octet_length(nonce) = 12),
            ciphertext bytea NOT NULL,
            PRIMARY KEY (event_id, path)
        )$ddl$, v_schema);
    EXECUTE format('CREATE INDEX openings_subject ON %I.openings (subject)', v_schema);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, tenet_projector', v_schema, v_role);
    EXECUTE format('GRANT SELECT ON %I.events TO %I, tenet_projector', v_schema, v_role);
    EXECUTE format('GRANT SELECT ON %I.openings TO %I', v_schema, v_role);
    INSERT INTO tenet_meta.tenants (tenant_id, schema_name, role_name, lock_key, layout)
    VALUES (p_tenant_id, v_schema, v_role, hashtextextended('tenet ledger ' || v_schema, 0), 1);
    RETURN true;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.create_tenant_v1(text) FROM PUBLIC;
