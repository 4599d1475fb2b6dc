-- Appends one event to the ledger of the tenant with that role, which is what most calls are when few wait. Answers
-- position and time of recording, eight bytes each, or NULL when anything speaks against it: then nothing was done, and
-- append_as_v1 takes the same event the long way and says why. A version or a request key that is taken already is left to
-- the unique indexes, whose error undoes the call.
--
-- The caller does not become the tenant's role as for append_as_v1, because a function with the owner's rights cannot; the
-- two conditions that this would put are asked for instead: that the login may, and that the role may append.
--
-- `p_again` tells that the connection's last call was for the same tenant. Then the tables are reached through the search
-- path and the statements keep their plans; after another tenant these would have to be made anew, with every expression
-- that follows the change of path, which costs more than two statements that name the schema.
CREATE FUNCTION tenet_meta.append_one_v1(
    p_role text, p_again boolean, p_now bigint,
    p_stream text, p_version bigint, p_topic text, p_event_id text, p_entry bytea, p_key bytea, p_digest bytea
) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
#variable_conflict use_column
DECLARE
    v_schema text;
    v_lock   bigint;
    v_ahead  bigint;
    v_apart  bigint;
    v_clock  bigint;
    v_next   bigint;
    v_last   bigint;
    v_fits   boolean;
    v_answer bytea;
BEGIN
    SELECT quote_ident(t.schema_name), t.lock_key, c.ledger_ahead_us, c.process_apart_us
      INTO v_schema, v_lock, v_ahead, v_apart
      FROM tenet_meta.tenants t, tenet_meta.logins l, tenet_meta.limits c
     WHERE t.role_name = p_role AND l.login = session_user
       AND split_part(p_stream, '-', 1) = ANY (l.categories)
       AND pg_has_role(session_user, t.role_name::name, 'MEMBER')
       AND pg_has_role(t.role_name::name, 'tenet_appender', 'USAGE')
       AND current_setting('transaction_isolation') = 'read committed'
       AND current_setting('synchronous_commit') IN ('on', 'remote_apply');
    IF v_lock IS NULL THEN
        RETURN NULL;
    END IF;

    -- In a statement of its own, so that the statements after it see what the last holder committed.
    PERFORM pg_advisory_xact_lock(v_lock);
    v_clock := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    IF p_again THEN
        -- No expression stands alone after this line: it would be planned anew whenever the tenant changes.
        PERFORM set_config('search_path', 'pg_catalog, ' || v_schema || ', pg_temp', true);
        SELECT e.position + 1, e.recorded_at,
               p_version = 1 OR EXISTS (SELECT FROM events b WHERE b.stream = p_stream AND b.version = p_version - 1)
          INTO v_next, v_last, v_fits
          FROM events e ORDER BY e.position DESC LIMIT 1;
        INSERT INTO events AS e (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                 request_digest, entry)
        SELECT coalesce(v_next, 0), greatest(v_last, v_clock), p_version, p_stream, p_topic, p_event_id,
               sha256('\x00'::bytea || int8send(greatest(v_last, v_clock)) || p_entry), p_key, p_digest, p_entry
         WHERE coalesce(v_fits, p_version = 1) AND abs(v_clock - p_now) <= v_apart
           AND (v_last > v_clock + v_ahead) IS NOT TRUE
        RETURNING int8send(e.position) || int8send(e.recorded_at) INTO v_answer;
        RETURN v_answer;
    END IF;

    EXECUTE 'SELECT e.position + 1, e.recorded_at, $2 = 1 OR EXISTS (SELECT FROM ' || v_schema || '.events b'
            ' WHERE b.stream = $1 AND b.version = $2 - 1)'
            ' FROM ' || v_schema || '.events e ORDER BY e.position DESC LIMIT 1'
       INTO v_next, v_last, v_fits USING p_stream, p_version;
    IF (coalesce(v_fits, p_version = 1) AND abs(v_clock - p_now) <= v_apart) IS NOT TRUE
            OR v_last > v_clock + v_ahead THEN
        RETURN NULL;
    END IF;
    v_next := coalesce(v_next, 0);
    v_last := greatest(v_last, v_clock);
    EXECUTE 'INSERT INTO ' || v_schema || '.events (position, recorded_at, version, stream, topic, event_id, leaf_hash,'
            ' request_key, request_digest, entry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)'
      USING v_next, v_last, p_version, p_stream, p_topic, p_event_id,
            sha256('\x00'::bytea || int8send(v_last) || p_entry), p_key, p_digest, p_entry;
    RETURN int8send(v_next) || int8send(v_last);
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.append_one_v1(text, boolean, bigint, text, bigint, text, text, bytea, bytea, bytea)
    FROM PUBLIC;
