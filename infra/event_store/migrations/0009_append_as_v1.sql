-- Takes on a tenant's role for the rest of the transaction and appends: one statement, and so one round trip, in place of
-- four. It runs with the caller's own rights (SECURITY INVOKER): whoever may not become the role is refused, and whether
-- the role may append is append_v1's own affair.
CREATE FUNCTION tenet_meta.append_as_v1(
    p_role text, p_now bigint,
    p_command integer[], p_stream text[], p_version bigint[], p_topic text[], p_event_id text[], p_entry bytea[],
    p_key bytea[], p_digest bytea[],
    p_pre_command integer[], p_pre_stream text[], p_pre_version bigint[],
    p_open_command integer[], p_open_event_id text[], p_open_path text[], p_open_subject text[], p_open_key_id text[],
    p_open_nonce bytea[], p_open_ciphertext bytea[],
    OUT first_position bigint, OUT recorded_at bigint,
    OUT verdicts text[], OUT places bigint[], OUT actual bigint[], OUT streams text[]
)
LANGUAGE plpgsql VOLATILE AS $function$
BEGIN
    PERFORM pg_catalog.set_config('role', p_role, true);
    SELECT a.first_position, a.recorded_at, a.verdicts, a.places, a.actual, a.streams
      INTO first_position, recorded_at, verdicts, places, actual, streams
      FROM tenet_meta.append_v1(p_now, p_command, p_stream, p_version, p_topic, p_event_id, p_entry, p_key, p_digest,
                                p_pre_command, p_pre_stream, p_pre_version, p_open_command, p_open_event_id, p_open_path,
                                p_open_subject, p_open_key_id, p_open_nonce, p_open_ciphertext) a;
END
$function$;
REVOKE ALL ON FUNCTION tenet_meta.append_as_v1(text, bigint, integer[], text[], bigint[], text[], text[], bytea[], bytea[],
    bytea[], integer[], text[], bigint[], integer[], text[], text[], text[], text[], bytea[], bytea[]) FROM PUBLIC;
