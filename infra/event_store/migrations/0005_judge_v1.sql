-- Judges the commands of a group one after another against the stream versions left by those accepted before them:
-- the exact way, which append_v1 takes when a key was used before, versions do not fit or preconditions are named.
-- Only append_v1 calls it, under the tenant's lock. `p_streams` and `p_stored` are the streams' versions before the group.
CREATE FUNCTION tenet_meta.judge_v1(
    p_schema text, p_next bigint,
    p_command integer[], p_stream text[], p_version bigint[], p_key bytea[], p_digest bytea[],
    p_pre_command integer[], p_pre_stream text[], p_pre_version bigint[],
    p_streams text[], p_stored bigint[],
    OUT verdicts text[], OUT places bigint[], OUT actual bigint[], OUT streams text[], OUT accept boolean[]
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    v_versions jsonb;             -- stream -> version, as left by the commands accepted so far
    v_trial    jsonb;             -- the same, as the command at hand would leave it
    v_known    jsonb;             -- request key in hexadecimal -> [first position, digest in hexadecimal]
    v_seen     jsonb;
    v_low      integer := 1;
    v_high     integer;
    v_number   integer := 0;      -- of the command at hand, from 1
    v_pre      integer := 1;
    v_key      text;
    v_verdict  text;
    v_place    bigint;
    v_stream   text;
    v_actual   bigint;
BEGIN
    SELECT jsonb_object_agg(s.stream, s.version) INTO v_versions FROM unnest(p_streams, p_stored) AS s(stream, version);
    EXECUTE format($query$
        SELECT coalesce(jsonb_object_agg(encode(e.request_key, 'hex'),
                                         jsonb_build_array(e.position, encode(e.request_digest, 'hex'))), '{}')
          FROM %1$I.events e WHERE e.request_key = ANY ($1)$query$, p_schema)
       INTO v_known USING p_key;

    WHILE v_low <= cardinality(p_command) LOOP
        v_number := v_number + 1;
        IF p_command[v_low] IS DISTINCT FROM v_number - 1 THEN
            RAISE EXCEPTION 'the commands are not numbered upwards from 0' USING ERRCODE = 'TN006';
        END IF;
        v_high := v_low;
        WHILE p_command[v_high + 1] = p_command[v_low] LOOP
            v_high := v_high + 1;
        END LOOP;

        v_verdict := 'accepted'; v_place := NULL; v_stream := NULL; v_actual := NULL;
        v_key := encode(p_key[v_low], 'hex');
        v_seen := v_known -> v_key;
        IF v_seen IS NOT NULL THEN
            v_place := (v_seen ->> 0)::bigint;
            v_verdict := CASE WHEN v_seen ->> 1 = encode(p_digest[v_low], 'hex') THEN 'duplicate' ELSE 'key_reused' END;
        END IF;

        WHILE p_pre_command[v_pre] = v_number - 1 LOOP
            IF v_verdict = 'accepted' AND (v_versions ->> p_pre_stream[v_pre])::bigint
                    IS DISTINCT FROM p_pre_version[v_pre] THEN
                v_verdict := 'precondition';
                v_stream := p_pre_stream[v_pre];
                v_actual := (v_versions ->> v_stream)::bigint;
            END IF;
            v_pre := v_pre + 1;
        END LOOP;

        IF v_verdict = 'accepted' THEN
            v_trial := v_versions;
            FOR i IN v_low .. v_high LOOP
                IF p_version[i] IS DISTINCT FROM (v_trial ->> p_stream[i])::bigint + 1 THEN
                    v_verdict := 'conflict';
                    v_stream := p_stream[i];
                    v_actual := (v_versions ->> v_stream)::bigint;
                    EXIT;
                END IF;
                v_trial := jsonb_set(v_trial, ARRAY[p_stream[i]], to_jsonb(p_version[i]));
            END LOOP;
        END IF;

        IF v_verdict = 'accepted' THEN
            v_versions := v_trial;
            v_place := p_next;
            p_next := p_next + v_high - v_low + 1;
            IF v_key IS NOT NULL THEN
                v_known := jsonb_set(v_known, ARRAY[v_key],
                                     jsonb_build_array(v_place, encode(p_digest[v_low], 'hex')));
            END IF;
        END IF;
        verdicts[v_number] := v_verdict;
        places[v_number] := v_place;
        actual[v_number] := v_actual;
        streams[v_number] := v_stream;
        accept[v_number] := v_verdict = 'accepted';
        v_low := v_high + 1;
    END LOOP;

    IF v_pre <= coalesce(cardinality(p_pre_command), 0) THEN
        RAISE EXCEPTION 'the preconditions do not follow the order of their commands' USING ERRCODE = 'TN006';
    END IF;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.judge_v1(text, bigint, integer[], text[], bigint[], bytea[], bytea[], integer[],
    text[], bigint[], text[], bigint[]) FROM PUBLIC;
