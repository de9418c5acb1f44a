-- name: record
-- Events with a key of their own are stored once. For each active campaign that an event triggers, a run of one person is
-- created in the same transaction, and people whom it may move in a segment are marked to be checked. An event of an unknown
-- person is reported instead of stored: see `is_unknown`.
WITH given AS MATERIALIZED (
    SELECT g.place, g.ext_id, g.type, g.occurred_at, g.attributes, nextval('leo_id') AS event_id,
           coalesce(p.merged_into, p.profile_id) AS profile_id, g.profile IS NOT NULL AND p.profile_id IS NULL AS is_unknown
    FROM jsonb_to_recordset(%(events)s)
        AS g (place int, ext_id text, type text, profile text, occurred_at timestamptz, attributes jsonb)
    LEFT JOIN cdp_profiles p ON p.tenant_id = %(tenant_id)s AND p.ext_id = g.profile
), keyed AS (
    INSERT INTO event_key (tenant_id, ext_id, event_id)
    SELECT %(tenant_id)s, ext_id, event_id FROM given WHERE ext_id IS NOT NULL AND NOT is_unknown ORDER BY ext_id, place
    ON CONFLICT ON CONSTRAINT event_key_pkey DO NOTHING
    RETURNING event_id
), stored AS (
    INSERT INTO marketing_event (tenant_id, event_id, ext_id, type, profile_id, occurred_at, source, attributes)
    SELECT %(tenant_id)s, event_id, ext_id, type, profile_id, coalesce(occurred_at, now()), %(source)s, coalesce(attributes, '{}')
    FROM given WHERE NOT is_unknown AND (ext_id IS NULL OR event_id IN (SELECT event_id FROM keyed))
    RETURNING event_id, type, profile_id, occurred_at
), heard AS MATERIALIZED (
    SELECT DISTINCT unnest(event_types) AS type FROM segment WHERE tenant_id = %(tenant_id)s AND archived_at IS NULL
), rechecks AS (
    -- Who has changed altogether, {}, stays so. An event of a clock that is ahead counts from its own time on.
    INSERT INTO recheck (tenant_id, profile_id, event_types, due_at)
    SELECT %(tenant_id)s, profile_id, array_agg(DISTINCT type), min(greatest(occurred_at, now()))
    FROM stored
    WHERE profile_id IS NOT NULL AND (type IN (SELECT type FROM heard) OR '*' IN (SELECT type FROM heard))
    GROUP BY profile_id ORDER BY profile_id
    ON CONFLICT ON CONSTRAINT recheck_pkey DO UPDATE
    SET event_types = CASE WHEN recheck.event_types = '{}' THEN '{}'
                           ELSE ARRAY(SELECT DISTINCT unnest(recheck.event_types || excluded.event_types)) END,
        due_at = least(recheck.due_at, excluded.due_at)
    RETURNING profile_id
), runs AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, event_id)
    SELECT %(tenant_id)s, c.campaign_id, 'event', 'realtime', s.event_id
    FROM stored s JOIN campaign c ON c.tenant_id = %(tenant_id)s AND c.trigger_type = s.type AND c.status = 'active'
    WHERE s.profile_id IS NOT NULL
    ORDER BY s.event_id, c.priority DESC, c.campaign_id
    RETURNING run_id, campaign_id, event_id
), batches AS (
    INSERT INTO run_batch (tenant_id, run_id, lane, profile_ids)
    SELECT %(tenant_id)s, runs.run_id, 'realtime', ARRAY[stored.profile_id]
    FROM runs JOIN stored USING (event_id) ORDER BY runs.run_id
    RETURNING batch_id, run_id
)
SELECT given.place, given.event_id, given.ext_id, given.is_unknown, stored.event_id IS NULL AS is_duplicate,
       (SELECT count(*) FROM rechecks) AS rechecks,
       (SELECT jsonb_agg(jsonb_build_array(runs.run_id, runs.campaign_id, batches.batch_id) ORDER BY runs.run_id)
        FROM runs JOIN batches USING (run_id) WHERE runs.event_id = given.event_id) AS runs
FROM given LEFT JOIN stored USING (event_id)
ORDER BY given.place

-- name: ids_of
SELECT ext_id, event_id FROM event_key WHERE tenant_id = %(tenant_id)s AND ext_id = ANY (%(ext_ids)s)
