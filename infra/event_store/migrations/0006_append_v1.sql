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
--
-- Which schema is meant is decided here and nowhere else. Its tables are then reached through the search path, for the
-- rest of this call only, so that the statements keep their plans: naming the schema in their text would have each of
-- them parsed and planned at every call, which costs more than the insertion. Nobody but the owner can create anything
-- in the schemas of that path, and temporary tables come last in it.
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
#variable_conflict use_column
DECLARE
    v_events     integer := coalesce(cardinality(p_stream), 0);
    v_schema     text;
    v_path       text;
    v_lock       bigint;
    v_version    bigint;
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
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'appends need READ COMMITTED' USING ERRCODE = 'TN001';
    END IF;
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        RAISE EXCEPTION 'appends need synchronous_commit = on or above' USING ERRCODE = 'TN002';
    END IF;
    SELECT t.schema_name, t.lock_key, l.categories, c.ledger_ahead_us, c.process_apart_us
      INTO v_schema, v_lock, v_categories, v_ahead, v_apart
      FROM tenet_meta.limits c
      LEFT JOIN tenet_meta.tenants t ON t.role_name = current_setting('role')
      LEFT JOIN tenet_meta.logins l ON l.login = session_user;
    IF v_schema IS NULL THEN
        RAISE EXCEPTION 'the transaction has set no tenant''s role' USING ERRCODE = 'TN003';
    END IF;
    IF v_events = 0 OR (v_events = ALL (ARRAY[cardinality(p_command), cardinality(p_version), cardinality(p_topic),
            cardinality(p_event_id), cardinality(p_entry), cardinality(p_key), cardinality(p_digest)])) IS NOT TRUE
            OR p_command[1] IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'the arrays of events do not have one length' USING ERRCODE = 'TN006';
    END IF;
    IF v_events = 1 THEN
        v_clean := split_part(p_stream[1], '-', 1) = ANY (v_categories);
    ELSE
        v_clean := NOT EXISTS (SELECT FROM unnest(p_stream) AS s(stream)
            WHERE (split_part(s.stream, '-', 1) = ANY (v_categories)) IS NOT TRUE) AND v_categories IS NOT NULL;
    END IF;
    IF v_clean IS NOT TRUE THEN
        RAISE EXCEPTION 'a stream''s category does not belong to the login %', session_user USING ERRCODE = 'TN004';
    END IF;

    -- In a statement of its own, so that the statements after it see what the last holder committed.
    PERFORM pg_advisory_xact_lock(v_lock);
    v_clock := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    IF (abs(v_clock - p_now) <= v_apart) IS NOT TRUE THEN
        RAISE EXCEPTION 'the clocks of server and process lie % microseconds apart', abs(v_clock - p_now)
            USING ERRCODE = 'TN005';
    END IF;
    v_path := format('pg_catalog, %I, pg_temp', v_schema);

    -- One event that nothing speaks against, which is the common case, takes few and small statements. What they leave
    -- out, for whatever reason, goes the long way and learns the reason there. Under the tenant's path every statement and
    -- expression is planned anew when the tenant changes: one large statement in place of these costs more than all four.
    IF v_events = 1 AND cardinality(p_pre_stream) = 0 THEN
        PERFORM set_config('search_path', v_path, true);
        SELECT e.position + 1, e.recorded_at INTO first_position, v_last_time
          FROM events e ORDER BY e.position DESC LIMIT 1;
        SELECT max(e.version) INTO v_version FROM events e WHERE e.stream = p_stream[1];
        PERFORM FROM events e WHERE e.request_key = p_key[1];
        IF NOT FOUND AND p_version[1] = coalesce(v_version, 0) + 1
                AND (v_last_time > v_clock + v_ahead) IS NOT TRUE THEN
            INSERT INTO events AS e (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                     request_digest, entry)
            VALUES (coalesce(first_position, 0), greatest(v_last_time, v_clock), p_version[1], p_stream[1], p_topic[1],
                    p_event_id[1], sha256('\x00'::bytea || int8send(greatest(v_last_time, v_clock)) || p_entry[1]),
                    p_key[1], p_digest[1], p_entry[1])
            RETURNING e.position, e.recorded_at INTO first_position, recorded_at;
            IF cardinality(p_open_path) = 0 THEN
                RETURN;
            END IF;
        END IF;
    ELSE
        PERFORM set_config('search_path', v_path, true);
    END IF;

    IF recorded_at IS NULL THEN
        SELECT (SELECT e.position FROM events e ORDER BY e.position DESC LIMIT 1),
               (SELECT e.recorded_at FROM events e ORDER BY e.position DESC LIMIT 1),
               EXISTS (SELECT FROM events e WHERE e.request_key = ANY (p_key)),
               array_agg(s.stream),
               array_agg(coalesce((SELECT e.version FROM events e WHERE e.stream = s.stream
                                    ORDER BY e.version DESC LIMIT 1), 0))
          INTO first_position, v_last_time, v_used, v_streams, v_stored
          FROM (SELECT DISTINCT u.stream FROM unnest(p_stream || p_pre_stream) AS u(stream)) AS s;
        first_position := coalesce(first_position + 1, 0);
        IF v_last_time > v_clock + v_ahead THEN
            RAISE EXCEPTION 'the last entry lies % microseconds ahead of the server''s clock', v_last_time - v_clock
                USING ERRCODE = 'TN005';
        END IF;
        recorded_at := greatest(v_last_time, v_clock);

        v_clean := false;
        IF NOT v_used AND cardinality(p_pre_stream) = 0 THEN
            SELECT bool_and(e.version = b.stored + e.place) AND count(e.key) = count(DISTINCT e.key) INTO v_clean
              FROM (SELECT u.stream, u.version, u.key, row_number() OVER (PARTITION BY u.stream ORDER BY u.place) AS place
                      FROM unnest(p_stream, p_version, p_key) WITH ORDINALITY AS u(stream, version, key, place)) e
              JOIN unnest(v_streams, v_stored) AS b(stream, stored) ON b.stream = e.stream;
        END IF;
        IF v_clean IS NOT TRUE THEN
            SELECT j.verdicts, j.places, j.actual, j.streams, j.accept
              INTO verdicts, places, actual, streams, v_accept
              FROM tenet_meta.judge_v1(v_schema, first_position, p_command, p_stream, p_version, p_key, p_digest,
                                       p_pre_command, p_pre_stream, p_pre_version, v_streams, v_stored) j;
        END IF;

        -- A group of which everything is accepted keeps its order; otherwise the positions are counted over the rest.
        IF v_accept IS NULL THEN
            INSERT INTO events (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                request_digest, entry)
            SELECT first_position + u.place - 1, recorded_at, u.version, u.stream, u.topic, u.event_id,
                   sha256('\x00'::bytea || int8send(recorded_at) || u.entry), u.key, u.digest, u.entry
              FROM unnest(p_version, p_stream, p_topic, p_event_id, p_key, p_digest, p_entry) WITH ORDINALITY
                   AS u(version, stream, topic, event_id, key, digest, entry, place);
        ELSE
            INSERT INTO events (position, recorded_at, version, stream, topic, event_id, leaf_hash, request_key,
                                request_digest, entry)
            SELECT first_position + row_number() OVER (ORDER BY u.place) - 1, recorded_at, u.version, u.stream, u.topic,
                   u.event_id, sha256('\x00'::bytea || int8send(recorded_at) || u.entry), u.key, u.digest, u.entry
              FROM unnest(p_version, p_stream, p_topic, p_event_id, p_key, p_digest, p_entry, p_command) WITH ORDINALITY
                   AS u(version, stream, topic, event_id, key, digest, entry, command, place)
             WHERE v_accept[u.command + 1];
            IF NOT FOUND THEN
                first_position := NULL;
            END IF;
        END IF;
    END IF;

    IF cardinality(p_open_path) > 0 THEN
        INSERT INTO openings (event_id, path, subject, key_id, nonce, ciphertext)
        SELECT u.event_id, u.path, u.subject, u.key_id, u.nonce, u.ciphertext
          FROM unnest(p_open_command, p_open_event_id, p_open_path, p_open_subject, p_open_key_id, p_open_nonce,
                      p_open_ciphertext) AS u(command, event_id, path, subject, key_id, nonce, ciphertext)
         WHERE v_accept IS NULL OR v_accept[u.command + 1];
    END IF;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.append_v1(bigint, integer[], text[], bigint[], text[], text[], bytea[], bytea[],
    bytea[], integer[], text[], bigint[], integer[], text[], text[], text[], text[], bytea[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenet_meta.append_v1(bigint, integer[], text[], bigint[], text[], text[], bytea[], bytea[],
    bytea[], integer[], text[], bigint[], integer[], text[], text[], text[], text[], bytea[], bytea[]) TO tenet_appender;
