-- name: lock_tenant
-- Versions of a template or policy are numbered consecutively: the tenant's row is the queue.
SELECT FROM tenant WHERE tenant_id = %(tenant_id)s FOR NO KEY UPDATE

-- name: save_template
-- The next version, unless the newest already says the same: then that one is returned.
WITH newest AS (
    SELECT * FROM message_template
    WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND channel = %(channel)s
    ORDER BY version DESC LIMIT 1
), made AS (
    INSERT INTO message_template (tenant_id, key, channel, version, locale, subject, body_text, body_html, body_mjml, data,
                                  translations, saved_by)
    SELECT %(tenant_id)s, %(key)s, %(channel)s, coalesce((SELECT version FROM newest), 0) + 1, %(locale)s,
           %(subject)s, %(body_text)s, %(body_html)s, %(body_mjml)s, %(data)s, %(translations)s, %(by)s
    WHERE NOT EXISTS (
        SELECT FROM newest WHERE status <> 'retired'
          AND (locale, subject, body_text, body_html, body_mjml, data, translations)
              IS NOT DISTINCT FROM (%(locale)s::text, %(subject)s::text, %(body_text)s::text, %(body_html)s::text,
                                    %(body_mjml)s::text, %(data)s::jsonb, %(translations)s::jsonb))
    RETURNING *
)
SELECT template_id, key, version, channel, status, locale, subject, body_text, body_html, body_mjml, data, translations,
       saved_by, approved_by, approved_at, created_at, true AS is_new FROM made
UNION ALL
SELECT template_id, key, version, channel, status, locale, subject, body_text, body_html, body_mjml, data, translations,
       saved_by, approved_by, approved_at, created_at, false FROM newest
WHERE NOT EXISTS (SELECT FROM made)

-- name: newest_template
SELECT template_id FROM message_template
WHERE tenant_id = %(tenant_id)s AND key = %(key)s AND channel = %(channel)s ORDER BY version DESC LIMIT 1

-- name: lock_template
SELECT FROM message_template WHERE tenant_id = %(tenant_id)s AND template_id = %(template_id)s FOR NO KEY UPDATE

-- name: template
SELECT template_id, key, version, channel, status, locale, subject, body_text, body_html, body_mjml, data, translations,
       saved_by, approved_by, approved_at, created_at, false AS is_new
FROM message_template WHERE tenant_id = %(tenant_id)s AND template_id = %(template_id)s

-- name: templates
SELECT template_id, key, version, channel, status, locale, subject, body_text, body_html, body_mjml, data, translations,
       saved_by, approved_by, approved_at, created_at, false AS is_new
FROM message_template WHERE tenant_id = %(tenant_id)s AND template_id > %(after)s
ORDER BY template_id LIMIT %(limit)s

-- name: set_template_status
-- Who approved it, and when, stays with the version for good.
UPDATE message_template
SET status = %(status)s,
    approved_by = CASE %(status)s WHEN 'approved' THEN %(by)s ELSE approved_by END,
    approved_at = CASE %(status)s WHEN 'approved' THEN now() ELSE approved_at END
WHERE tenant_id = %(tenant_id)s AND template_id = %(template_id)s

-- name: preview_person
-- What a template may read about one person, the named campaign, and the person's newest event (of the type that the campaign
-- waits for); the legal basis of its purpose, and where the person is reached on the channel.
SELECT p.profile_id, p.ext_id, p.name, coalesce(p.locale, t.locale) AS locale, coalesce(p.zone, t.zone) AS zone, p.attributes,
       c.key AS campaign_key, c.name AS campaign_name, c.purpose,
       (SELECT one.document -> 'purposes' ->> c.purpose FROM policy one
        WHERE one.tenant_id = c.tenant_id AND NOT one.draft
          AND one.key = coalesce((SELECT own.key FROM policy own
                                  WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id), 'default')
        ORDER BY one.version DESC LIMIT 1) AS basis,
       (SELECT jsonb_build_object('type', e.type, 'ext_id', e.ext_id, 'occurred_at', e.occurred_at, 'attributes', e.attributes)
        FROM marketing_event e
        WHERE e.tenant_id = p.tenant_id AND e.profile_id = p.profile_id AND (c.trigger_type IS NULL OR e.type = c.trigger_type)
        ORDER BY e.occurred_at DESC LIMIT 1) AS event,
       (SELECT a.value FROM profile_address a
        WHERE a.tenant_id = p.tenant_id AND a.profile_id = p.profile_id AND a.channel = %(channel)s AND a.valid
        ORDER BY a.address_id LIMIT 1) AS address
FROM cdp_profiles p
JOIN tenant t ON t.tenant_id = p.tenant_id
LEFT JOIN campaign c ON c.tenant_id = p.tenant_id AND c.key = %(campaign)s
WHERE p.tenant_id = leo_tenant() AND p.ext_id = %(ext_id)s AND p.status = 'active'

-- name: names_of_people
-- What the people who came last have, one row a name, with how many of them have it and the kind that its value mostly is; of
-- an object its fields. The name stands there too, as null.
WITH looked AS (
    SELECT name, attributes FROM cdp_profiles
    WHERE tenant_id = leo_tenant() AND status = 'active' ORDER BY profile_id DESC LIMIT %(most)s
), had AS (
    SELECT ARRAY[f.key] AS path, jsonb_typeof(f.value) AS kind FROM looked, jsonb_each(looked.attributes) f
    WHERE jsonb_typeof(f.value) NOT IN ('object', 'null')
    UNION ALL
    SELECT ARRAY[f.key, g.key], jsonb_typeof(g.value) FROM looked, jsonb_each(looked.attributes) f,
           jsonb_each(CASE jsonb_typeof(f.value) WHEN 'object' THEN f.value ELSE '{}' END) g
    WHERE jsonb_typeof(g.value) NOT IN ('object', 'null')
    UNION ALL
    SELECT NULL, 'string' FROM looked WHERE name IS NOT NULL
)
SELECT path, mode() WITHIN GROUP (ORDER BY kind) AS kind, count(*) AS has, (SELECT count(*) FROM looked) AS looked_at
FROM had GROUP BY path ORDER BY count(*) DESC, path LIMIT %(few)s

-- name: names_of_events
-- The same of the events that came last, by their type.
WITH looked AS (
    SELECT type, attributes FROM marketing_event
    WHERE tenant_id = leo_tenant() ORDER BY event_id DESC LIMIT %(most)s
), had AS (
    SELECT type, ARRAY[f.key] AS path, jsonb_typeof(f.value) AS kind FROM looked, jsonb_each(looked.attributes) f
    WHERE jsonb_typeof(f.value) NOT IN ('object', 'null')
    UNION ALL
    SELECT type, ARRAY[f.key, g.key], jsonb_typeof(g.value) FROM looked, jsonb_each(looked.attributes) f,
           jsonb_each(CASE jsonb_typeof(f.value) WHEN 'object' THEN f.value ELSE '{}' END) g
    WHERE jsonb_typeof(g.value) NOT IN ('object', 'null')
)
SELECT type, path, mode() WITHIN GROUP (ORDER BY kind) AS kind, count(*) AS has,
       (SELECT count(*) FROM looked one WHERE one.type = had.type) AS looked_at
FROM had GROUP BY type, path ORDER BY type, count(*) DESC, path LIMIT %(few)s

-- name: known_templates
SELECT template_id FROM message_template
WHERE tenant_id = %(tenant_id)s AND template_id = ANY (%(template_ids)s) AND status <> 'retired'

-- name: save_campaign
-- A campaign that is active or has ended is not changed under its runs: then there is no row; nor if it exists and was to be
-- new.
INSERT INTO campaign (tenant_id, key, name, purpose, segment_id, policy_id, trigger_type, trigger_segment_id,
                      trigger_change, starts_at, ends_at, priority, control_share, resend, budget, good_for_minutes,
                      saved_by, saved_at)
VALUES (%(tenant_id)s, %(key)s, %(name)s, %(purpose)s, %(segment_id)s, %(policy_id)s, %(trigger_type)s,
        %(trigger_segment_id)s, %(trigger_change)s, %(starts_at)s, %(ends_at)s, %(priority)s, %(control_share)s, %(resend)s, %(budget)s,
        %(good_for_minutes)s, %(by)s, now())
ON CONFLICT ON CONSTRAINT campaign_key_unique DO UPDATE
SET name = excluded.name, purpose = excluded.purpose, segment_id = excluded.segment_id, policy_id = excluded.policy_id,
    trigger_type = excluded.trigger_type, trigger_segment_id = excluded.trigger_segment_id,
    trigger_change = excluded.trigger_change, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    priority = excluded.priority, control_share = excluded.control_share, resend = excluded.resend, budget = excluded.budget,
    good_for_minutes = excluded.good_for_minutes, saved_by = excluded.saved_by, saved_at = excluded.saved_at
WHERE campaign.status IN ('draft', 'paused') AND NOT %(is_new)s
RETURNING campaign_id

-- name: lock_planned
-- Comparing it with what the caller saw keeps others from saving it meanwhile.
SELECT campaign_id FROM campaign WHERE tenant_id = %(tenant_id)s AND key = %(key)s FOR NO KEY UPDATE

-- name: set_templates
-- The campaign's templates in the order given; others are removed from it.
WITH given AS (
    SELECT template_id, (position - 1)::int AS position FROM unnest(%(template_ids)s::bigint[]) WITH ORDINALITY AS given (template_id, position)
), gone AS (
    DELETE FROM campaign_template c
    WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s
      AND NOT EXISTS (SELECT FROM given WHERE given.template_id = c.template_id)
)
INSERT INTO campaign_template (tenant_id, campaign_id, template_id, position)
SELECT %(tenant_id)s, %(campaign_id)s, template_id, position FROM given
ON CONFLICT ON CONSTRAINT campaign_template_pkey DO UPDATE SET position = excluded.position
WHERE campaign_template.position <> excluded.position

-- name: campaign
SELECT c.campaign_id, c.key, c.name, c.purpose, c.status, c.segment_id, c.policy_id, c.trigger_type,
       s.key AS trigger_segment, c.trigger_change, c.starts_at, c.ends_at, c.priority, c.control_share, c.resend,
       c.budget, c.good_for_minutes, c.created_at, c.saved_by, coalesce(c.saved_at, c.updated_at) AS saved_at, t.ids AS template_ids
FROM campaign c
LEFT JOIN segment s ON s.tenant_id = c.tenant_id AND s.segment_id = c.trigger_segment_id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(template_id ORDER BY position, template_id), '{}') AS ids FROM campaign_template ct
    WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id) t
WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s

-- name: campaigns
SELECT c.campaign_id, c.key, c.name, c.purpose, c.status, c.segment_id, c.policy_id, c.trigger_type,
       s.key AS trigger_segment, c.trigger_change, c.starts_at, c.ends_at, c.priority, c.control_share, c.resend,
       c.budget, c.good_for_minutes, c.created_at, c.saved_by, coalesce(c.saved_at, c.updated_at) AS saved_at, t.ids AS template_ids
FROM campaign c
LEFT JOIN segment s ON s.tenant_id = c.tenant_id AND s.segment_id = c.trigger_segment_id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(template_id ORDER BY position, template_id), '{}') AS ids FROM campaign_template ct
    WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id) t
WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id > %(after)s
ORDER BY c.campaign_id LIMIT %(limit)s

-- name: lock_campaign
-- Its state, and what an activation needs to know; the row stays locked until commit.
SELECT c.campaign_id, c.name, c.status, c.segment_id,
       num_nonnulls(c.segment_id, c.trigger_type, c.trigger_segment_id) > 0 AS has_somebody,
       coalesce(c.ends_at <= now(), false) AS is_over,
       ARRAY(SELECT m.template_id FROM campaign_template ct JOIN message_template m USING (tenant_id, template_id)
             WHERE ct.tenant_id = c.tenant_id AND ct.campaign_id = c.campaign_id AND m.status = 'approved'
             ORDER BY ct.position, m.template_id) AS approved_ids,
       (SELECT r.run_id FROM campaign_run r
        WHERE r.tenant_id = c.tenant_id AND r.campaign_id = c.campaign_id AND r.kind = 'snapshot'
          AND r.status IN ('pending', 'running', 'paused') ORDER BY r.run_id LIMIT 1) AS unfinished_run_id
FROM campaign c WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s
FOR NO KEY UPDATE

-- name: id_of_key
SELECT campaign_id FROM campaign WHERE tenant_id = %(tenant_id)s AND key = %(key)s

-- name: set_campaign_status
UPDATE campaign SET status = %(status)s WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s

-- name: pause_runs
UPDATE campaign_run SET status = 'paused'
WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s AND status IN ('pending', 'running')

-- name: resume_runs
-- A run whose last batch was being decided when it was paused has nothing left to do.
UPDATE campaign_run r SET status = CASE WHEN waiting THEN 'running' ELSE 'finished' END,
       finished_at = CASE WHEN NOT waiting THEN now() END
FROM (SELECT run_id, EXISTS (
          SELECT FROM run_batch b WHERE b.tenant_id = c.tenant_id AND b.run_id = c.run_id AND b.status = 'pending') AS waiting
      FROM campaign_run c WHERE c.tenant_id = %(tenant_id)s AND c.campaign_id = %(campaign_id)s AND c.status = 'paused') left_over
WHERE r.tenant_id = %(tenant_id)s AND r.run_id = left_over.run_id

-- name: end_paused_runs
-- People who wait in a campaign's paused runs are not decided for any more; earlier decisions stay.
WITH runs AS (
    UPDATE campaign_run SET status = 'finished', finished_at = now()
    WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s AND status = 'paused'
    RETURNING run_id
)
UPDATE run_batch b SET status = 'cancelled', done_at = now()
FROM runs WHERE b.tenant_id = %(tenant_id)s AND b.run_id = runs.run_id AND b.status = 'pending'

-- name: cancel_runs
-- Everything not yet decided or sent; what a provider has or may have is left alone.
WITH runs AS (
    UPDATE campaign_run SET status = 'cancelled', finished_at = now()
    WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s AND status IN ('pending', 'running', 'paused')
), batches AS (
    UPDATE run_batch b SET status = 'cancelled', done_at = now()
    FROM campaign_run r
    WHERE b.tenant_id = %(tenant_id)s AND b.status = 'pending'
      AND r.tenant_id = b.tenant_id AND r.run_id = b.run_id AND r.campaign_id = %(campaign_id)s
)
UPDATE delivery_log SET status = 'cancelled'
WHERE tenant_id = %(tenant_id)s AND campaign_id = %(campaign_id)s AND status = 'queued'

-- name: pending_batches
SELECT b.batch_id, b.lane
FROM run_batch b JOIN campaign_run r USING (tenant_id, run_id)
WHERE b.tenant_id = %(tenant_id)s AND r.campaign_id = %(campaign_id)s AND b.status = 'pending' AND b.due_at <= now()
ORDER BY b.batch_id

-- name: start_run
-- A run and its batches of at most 500 people, in the order of their ids, from a snapshot or a list. Without people it is
-- finished at once.
WITH people AS MATERIALIZED (
    SELECT profile_id, (row_number() OVER (ORDER BY profile_id) - 1) / 500 AS part
    FROM (
        SELECT profile_id FROM segment_snapshot_member
        WHERE tenant_id = %(tenant_id)s AND snapshot_id = %(snapshot_id)s
        UNION
        SELECT unnest(%(profile_ids)s::bigint[])) everybody
), run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, status, lane, snapshot_id, event_id, parent_id, finished_at)
    SELECT %(tenant_id)s, %(campaign_id)s, %(kind)s, CASE WHEN has_people THEN 'pending' ELSE 'finished' END, %(lane)s,
           %(snapshot_id)s, %(event_id)s, %(parent_id)s, CASE WHEN NOT has_people THEN now() END
    FROM (SELECT EXISTS (SELECT FROM people) AS has_people) any_people
    RETURNING run_id
), batches AS (
    INSERT INTO run_batch (tenant_id, run_id, lane, due_at, profile_ids)
    SELECT %(tenant_id)s, (SELECT run_id FROM run), %(lane)s, coalesce(%(due_at)s::timestamptz, now()),
           array_agg(profile_id ORDER BY profile_id)
    FROM people GROUP BY part ORDER BY part
    RETURNING batch_id
)
SELECT run.run_id, (SELECT count(*) FROM people) AS people,
       (SELECT coalesce(array_agg(batch_id ORDER BY batch_id), '{}') FROM batches) AS batch_ids
FROM run

-- name: known_profiles
SELECT profile_id FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND profile_id = ANY (%(profile_ids)s)

-- name: connect_channel
INSERT INTO channel (tenant_id, kind, name, settings, failover, webhook_key)
VALUES (%(tenant_id)s, %(kind)s, %(name)s, %(settings)s, %(failover)s, coalesce(%(webhook_key)s, translate(gen_random_uuid()::text, '-', '')))
ON CONFLICT ON CONSTRAINT channel_name_unique DO UPDATE
SET settings = excluded.settings, failover = excluded.failover, status = 'connected', webhook_key = coalesce(%(webhook_key)s, channel.webhook_key)
WHERE channel.kind = excluded.kind
RETURNING channel_id

-- name: channels
-- The tenant's channels, or the named one, each with the reason why its provider is left alone and until when.
SELECT c.channel_id, c.kind, c.name, c.status, c.failover, c.webhook_key, g.reason,
       c.settings ->> 'provider' IS NOT DISTINCT FROM 'sandbox' AS sandbox,
       CASE WHEN g.held_until > now() THEN g.held_until END AS held_until, t.ends_at AS token_ends_at, t.warning AS token_warning,
       t.fault AS token_fault
FROM channel c
LEFT JOIN channel_gate g ON g.tenant_id = c.tenant_id AND g.channel_id = c.channel_id
LEFT JOIN channel_token t ON t.tenant_id = c.tenant_id AND t.channel_id = c.channel_id
WHERE c.tenant_id = %(tenant_id)s AND (%(channel_id)s::bigint IS NULL OR c.channel_id = %(channel_id)s)
ORDER BY c.channel_id

-- name: policy_in_force
-- The newest version, that is not a draft, of the key that the campaign follows.
SELECT one.version, one.document
FROM campaign c
JOIN policy one ON one.tenant_id = c.tenant_id AND NOT one.draft
 AND one.key = coalesce((SELECT own.key FROM policy own
                         WHERE own.tenant_id = c.tenant_id AND own.policy_id = c.policy_id), 'default')
WHERE c.tenant_id = leo_tenant() AND c.campaign_id = %(campaign_id)s
ORDER BY one.version DESC LIMIT 1

-- name: set_forecast
UPDATE campaign_run SET forecast = %(forecast)s WHERE tenant_id = leo_tenant() AND run_id = %(run_id)s

-- name: runs
-- A campaign's runs, newest first, each with the forecast of its models and the arbiters that decided; "nobody" is for
-- decisions in which nothing could be sent, so that there was nothing to choose.
SELECT r.run_id, r.kind, r.status, r.lane, r.snapshot_id, r.forecast, r.created_at, r.finished_at, made.decisions, made.arbiters
FROM campaign_run r
CROSS JOIN LATERAL (
    SELECT coalesce(sum(one.n), 0)::bigint AS decisions, coalesce(jsonb_object_agg(one.arbiter, one.n), '{}') AS arbiters
    FROM (SELECT CASE WHEN d.arbitration IS NULL THEN 'nobody' ELSE d.arbiter END AS arbiter, count(*) AS n
          FROM all_decision d WHERE d.tenant_id = r.tenant_id AND d.run_id = r.run_id GROUP BY 1) one) made
WHERE r.tenant_id = %(tenant_id)s AND r.campaign_id = %(campaign_id)s
ORDER BY r.created_at DESC, r.run_id DESC LIMIT %(limit)s
