-- name: people
-- People numbered from a first one, each with an e-mail address and consent to marketing by e-mail.
WITH made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, zone, attributes)
    SELECT leo_tenant(), %(prefix)s || n, 'Person ' || n, %(zone)s, jsonb_build_object('city', 'Hà Nội', 'orders', n)
    FROM generate_series(%(first)s::int, %(last)s::int) n
    RETURNING profile_id, ext_id
), addresses AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value)
    SELECT leo_tenant(), profile_id, channel, CASE channel WHEN 'telegram' THEN profile_id::text WHEN 'facebook' THEN profile_id::text
           WHEN 'zalo_oa' THEN (7000000000000000 + profile_id)::text ELSE ext_id || '@people.example' END
    FROM made, unnest(%(channels)s::text[]) channel
), consents AS (
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT leo_tenant(), profile_id, NULL, true, now() - interval '30 days' FROM made
)
SELECT profile_id FROM made ORDER BY profile_id

-- name: channel
INSERT INTO channel (tenant_id, kind, name, settings) VALUES (leo_tenant(), %(kind)s, %(name)s, %(settings)s) RETURNING channel_id

-- name: template
INSERT INTO message_template (tenant_id, key, channel, status, subject, body_text)
VALUES (leo_tenant(), %(key)s, %(channel)s, %(status)s, %(subject)s, %(body)s) RETURNING template_id

-- name: policy
INSERT INTO policy (tenant_id, key, version, document) VALUES (leo_tenant(), %(key)s, %(version)s, %(document)s) RETURNING policy_id

-- name: campaign
INSERT INTO campaign (tenant_id, key, name, status, policy_id, control_share, resend, starts_at, ends_at)
VALUES (leo_tenant(), %(key)s, %(key)s, 'active', %(policy_id)s, %(control_share)s, %(resend)s, %(starts_at)s, %(ends_at)s)
RETURNING campaign_id

-- name: campaign_template
INSERT INTO campaign_template (tenant_id, campaign_id, template_id, position)
VALUES (leo_tenant(), %(campaign_id)s, %(template_id)s, %(position)s)

-- name: event
INSERT INTO marketing_event (tenant_id, type, profile_id, attributes)
VALUES (leo_tenant(), 'cart_abandoned', %(profile_id)s, %(attributes)s) RETURNING event_id

-- name: run
-- A run with its batches of at most so many people.
WITH run AS (
    INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, event_id)
    VALUES (leo_tenant(), %(campaign_id)s, %(kind)s, %(lane)s, %(event_id)s) RETURNING run_id
)
INSERT INTO run_batch (tenant_id, run_id, lane, profile_ids)
SELECT leo_tenant(), run.run_id, %(lane)s, array_agg(person.id ORDER BY person.place)
FROM run, unnest(%(profile_ids)s::bigint[]) WITH ORDINALITY AS person (id, place)
GROUP BY run.run_id, (person.place - 1) / %(size)s
RETURNING run_id, batch_id

-- name: differences
SELECT coalesce(sum(missing + extra + different), 0) AS differences FROM leo_graph_differences()
