-- Appends a group of commands to the ledger of the tenant whose role the transaction has set.
--
-- Events come flattened in parallel arrays; `p_command` numbers each event's command from 0, ascending. `p_key` and
-- `p_digest` stand on a command's first event. A command is all or nothing. Preconditions name streams that must still
-- be at a version when their command is judged.
--
-- Answers the position of the first event that was inserted, the time of recording, and one verdict for each command;
-- `verdicts` is NULL when all were accepted, which is the common case. Verdicts: 'accepted' (`places`: its first
-- position), 'duplicate' (`places`: first position of the command that used the key before), 'key_reused' (same key,
-- another digest), 'conflict' and 'precondition' (`streams` at `actual` version instead).
--
-- Raises TN001 isolation, TN002 durability, TN003 no tenant's role, TN004 foreign category, TN005 clock, TN006 shape.
CREATE FUNCTION tenet_meta.append_v1(
    p_now bigint,
    p_command integer[], p_stream text[], p_version bigint[], p_topic text[], p_event_id text[], p_entry bytea[],
    p_key bytea[], p_digest bytea[],
    p_pre_command integer[], p_pre_stream text[], p_pre_version bigint[],
    p_open_command integer[], p_open_event_id text[], p_open_path text[], p_open_subject text[], p_open_key_id text[],
    p_open_nonce bytea[], p_open_ciphertext bytea[],
    OUT first_position bigint, OUT recorded_at bigint,
    OUT verdicts text[], OUT places bigint[], OUT actual bigint[], OUT streams text[]
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_events     integer := coalesce(cardinality(p_stream), 0);
    v_schema     text;
    v_lock       bigint;
    v_categories text[];
    v_ahead      bigint;
    v_apart      bigint;
    v_clock      bigint;
    v_last_time  bigint;
    v_streams    text[];
    v_stored     bigint[];
    v_used       boolean;
    v_clean      boolean;
    v_accept     boolean[];
    v_rows       bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'appends need READ COMMITTED' USING ERRCODE = 'TN001';
    END IF;
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        RAISE EXCEPTION 'appends need synchronous_commit = on or above' USING ERRCODE = 'TN002';
    END IF;
    SELECT t.schema_name, t.lock_key INTO v_schema, v_lock
      FROM tenet_meta.tenants t WHERE t.role_name = current_setting('role');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the transaction has set no tenant''s role' USING ERRCODE = 'TN003';
    END IF;
    IF v_events = 0 OR (v_events = ALL (ARRAY[cardinality(p_command), cardinality(p_version), cardinality(p_topic),
            cardinality(p_event_id), cardinality(p_entry), cardinality(p_key), cardinality(p_digest)])) IS NOT TRUE
            OR p_command[1] IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the arrays of events do not have one length' USING ERRCODE = 'TN006';
    END IF;
    SELECT l.categories INTO v_categories FROM tenet_meta.logins l WHERE l.login = session_user;
    IF NOT FOUND OR EXISTS (SELECT FROM unnest(p_stream) AS s(stream)
            WHERE (split_part(s.stream, '-', 1) = ANY (v_categories)) IS NOT TRUE) THEN
        RAISE EXCEPTION 'a stream''s category does not belong to the login %', session_user USING ERRCODE = 'TN004';
    END IF;

    -- In a statement of its own, so that the statements after it see what the last holder committed.
    PERFORM pg_advisory_xact_lock(v_lock);

    -- Statements that name a schema are planned at each call, so they are kept small; those for one event are smaller yet.
    EXECUTE format('SELECT e.position, e.recorded_at FROM %I.events e ORDER BY e.position DESC LIMIT 1', v_schema)
       INTO first_position, v_last_time;
    IF v_events = 1 AND cardinality(p_pre_stream) = 0 THEN
        v_streams := p_stream;
        EXECUTE format('SELECT ARRAY[coalesce(max(e.version), 0)] FROM %I.events e WHERE e.stream = $1', v_schema)
           INTO v_stored USING p_stream[1];
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.events e WHERE e.request_key = $1)', v_schema)
           INTO v_used USING p_key[1];
    ELSE
        SELECT array_agg(DISTINCT s.stream) INTO v_streams FROM unnest(p_stream || p_pre_stream) AS s(stream);
        EXECUTE format($query$
            SELECT (SELECT array_agg(coalesce((SELECT e.version FROM %1$I.events e WHERE e.stream = s.stream
                                               ORDER BY e.version DESC LIMIT 1), 0) ORDER BY s.place)
                      FROM unnest($1) WITH ORDINALITY AS s(stream, place)),
                   EXISTS (SELECT FROM %1$I.events e WHERE e.request_key = ANY ($2))$query$, v_schema)
           INTO v_stored, v_used USING v_streams, p_key;
    END IF;
    first_position := coalesce(first_position + 1, 0);

    SELECT l.ledger_ahead_us, l.process_apart_us INTO v_ahead, v_apart FROM tenet_meta.limits l;
    v_clock := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    IF v_last_time > v_clock + v_ahead THEN
        RAISE EXCEPTION 'the last entry lies % microseconds ahead of the server''s clock', v_last_time - v_clock
            USING ERRCODE = 'TN005';
    END IF;
    IF (abs(v_clock - p_now) <= v_apart) IS NOT TRUE THEN
        RAISE EXCEPTION 'the clocks of server and process lie % microseconds apart', abs(v_clock - p_now)
            USING ERRCODE = 'TN005';
    END IF;
    recorded_at := greatest(v_last_time, v_clock);

    IF v_used IS TRUE OR cardinality(p_pre_stream) > 0 THEN
        v_clean := false;
    ELSIF v_events = 1 THEN
        v_clean := p_version[1] = v_stored[1] + 1;
    ELSE
        SELECT bool_and(e.version = b.stored + e.place) INTO v_clean
          FROM (SELECT u.stream, u.version, row_number() OVER (PARTITION BY u.stream ORDER BY u.place) AS place
                  FROM unnest(p_stream, p_version) WITH ORDINALITY AS u(stream, version, place)) e
          JOIN unnest(v_streams, v_stored) AS b(stream, stored) ON b.stream = e.stream;
        IF v_clean THEN
            SELECT count(k.key) = count(DISTINCT k.key) INTO v_clean FROM unnest(p_key) AS k(key);
        END IF;
    END IF;

    IF v_clean IS NOT TRUE THEN
        SELECT j.verdicts, j.places, j.actual, j.streams, j.accept
          INTO verdicts, places, actual, streams, v_accept
          FROM tenet_meta.judge_v1(v_schema, first_position, p_command, p_stream, p_version, p_key, p_digest,
                                   p_pre_command, p_pre_stream, p_pre_version, v_streams, v_stored) j;
    END IF;

    IF v_accept IS NULL AND v_events = 1 THEN
        EXECUTE format($insert$
            INSERT INTO %1$I.events (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                     request_digest, entry)
            VALUES ($1, $2, $3, $4, $5, $6, sha256('\x00'::bytea || int8send($2) || $9), $7, $8, $9)$insert$, v_schema)
          USING first_position, recorded_at, p_version[1], p_stream[1], p_topic[1], p_event_id[1], p_key[1], p_digest[1],
                p_entry[1];
    ELSIF v_accept IS NULL THEN
        EXECUTE format($insert$
            INSERT INTO %1$I.events (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                     request_digest, entry)
            SELECT $1 + u.place - 1, $2, u.version, u.stream, u.topic, u.event_id,
                   sha256('\x00'::bytea || int8send($2) || u.entry), u.key, u.digest, u.entry
              FROM unnest($3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY
                   AS u(version, stream, topic, event_id, key, digest, entry, place)$insert$, v_schema)
          USING first_position, recorded_at, p_version, p_stream, p_topic, p_event_id, p_key, p_digest, p_entry;
    ELSE
        EXECUTE format($insert$
            INSERT INTO %1$I.events (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                     request_digest, entry)
            SELECT $1 + row_number() OVER (ORDER BY u.place) - 1, $2, u.version, u.stream, u.topic, u.event_id,
                   sha256('\x00'::bytea || int8send($2) || u.entry), u.key, u.digest, u.entry
              FROM unnest($3, $4, $5, $6, $7, $8, $9, $10) WITH ORDINALITY
                   AS u(version, stream, topic, event_id, key, digest, entry, command, place)
             WHERE $11[u.command + 1]$insert$, v_schema)
          USING first_position, recorded_at, p_version, p_stream, p_topic, p_event_id, p_key, p_digest, p_entry,
                p_command, v_accept;
    END IF;
    GET DIAGNOSTICS v_rows = ROW_COUNT;

    IF cardinality(p_open_path) > 0 THEN
        EXECUTE format($insert$
            INSERT INTO %1$I.openings (event_id, path, subject, key_id, nonce, ciphertext)
            SELECT u.event_id, u.path, u.subject, u.key_id, u.nonce, u.ciphertext
              FROM unnest($1, $2, $3, $4, $5, $6, $7)
                   AS u(command, event_id, path, subject, key_id, nonce, ciphertext)
             WHERE $8 IS NULL OR $8[u.command + 1]$insert$, v_schema)
          USING p_open_command, p_open_event_id, p_open_path, p_open_subject, p_open_key_id, p_open_nonce,
                p_open_ciphertext, v_accept;
    END IF;
    IF v_rows = 0 THEN
        first_position := NULL;
    END IF;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.append_v1(bigint, integer[], text[], bigint[], text[], text[], bytea[], bytea[],
    bytea[], integer[], text[], bigint[], integer[], text[], text[], text[], text[], bytea[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenet_meta.append_v1(bigint, integer[], text[], bigint[], text[], text[], bytea[], bytea[],
    bytea[], integer[], text[], bigint[], integer[], text[], text[], text[], text[], bytea[], bytea[]) TO tenet_appender;
