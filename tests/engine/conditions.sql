-- name: scene
-- What people's outcomes and segments hang on: two campaigns, a channel and a template of each kind, three segments.
WITH channels AS (
    INSERT INTO channel (tenant_id, kind, name) SELECT leo_tenant(), kind, kind FROM unnest(%(channels)s::text[]) kind
), templates AS (
    INSERT INTO message_template (tenant_id, key, channel, body_text)
    SELECT leo_tenant(), kind, kind, 'x' FROM unnest(%(channels)s::text[]) kind
), segments AS (
    INSERT INTO segment (tenant_id, key, name) SELECT leo_tenant(), key, key FROM unnest(%(segments)s::text[]) key
), campaigns AS (
    INSERT INTO campaign (tenant_id, key, name) SELECT leo_tenant(), key, key FROM unnest(%(campaigns)s::text[]) key
    RETURNING campaign_id
)
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane) SELECT leo_tenant(), campaign_id, 'request', 'bulk' FROM campaigns

-- name: people
WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(people)s) AS given (
        ext_id text, name text, locale text, zone text, source text, created_at timestamptz, attributes jsonb, consents jsonb,
        addresses jsonb, events jsonb, segments jsonb)
), made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, locale, zone, source, created_at, attributes)
    SELECT leo_tenant(), ext_id, name, locale, zone, source, created_at, attributes FROM given
    RETURNING profile_id, ext_id
), consents AS (
    INSERT INTO consent (tenant_id, profile_id, channel, purpose, granted, at)
    SELECT leo_tenant(), profile_id, one.channel, one.purpose, one.granted, one.at
    FROM made JOIN given USING (ext_id), jsonb_to_recordset(given.consents) AS one (channel text, purpose text, granted boolean, at timestamptz)
), addresses AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value, valid, reason)
    SELECT leo_tenant(), profile_id, one.channel, one.value, one.valid, CASE WHEN NOT one.valid THEN 'no' END
    FROM made JOIN given USING (ext_id), jsonb_to_recordset(given.addresses) AS one (channel text, value text, valid boolean)
), events AS (
    INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at, attributes)
    SELECT leo_tenant(), one.type, profile_id, one.at, one.attributes
    FROM made JOIN given USING (ext_id), jsonb_to_recordset(given.events) AS one (type text, at timestamptz, attributes jsonb)
), members AS (
    INSERT INTO segment_member (tenant_id, segment_id, profile_id)
    SELECT leo_tenant(), s.segment_id, profile_id
    FROM made JOIN given USING (ext_id), jsonb_array_elements_text(given.segments) AS wanted (name) JOIN segment s ON s.key = wanted.name
)
SELECT profile_id, ext_id FROM made

-- name: outcomes
-- Each with a delivery of its own: that is where its channel stands.
WITH given AS MATERIALIZED (
    SELECT one.*, nextval('leo_id') AS decision_id, nextval('leo_id') AS delivery_id, p.profile_id, c.campaign_id, r.run_id,
           h.channel_id, t.template_id, row_number() OVER () AS place
    FROM jsonb_to_recordset(%(outcomes)s) AS one (ext_id text, type text, at timestamptz, campaign text, channel text)
    JOIN cdp_profiles p ON p.ext_id = one.ext_id
    JOIN campaign c ON c.key = one.campaign JOIN campaign_run r ON r.campaign_id = c.campaign_id
    JOIN channel h ON h.kind = one.channel JOIN message_template t ON t.key = one.channel
), decisions AS (
    INSERT INTO decision (tenant_id, decision_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel,
                          reason, candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, decided_at)
    SELECT leo_tenant(), decision_id, run_id, campaign_id, profile_id, 'test:' || place, template_id, 'send', channel,
           'chosen', '[]', '{}', sha256(''), 0, 'score', 1, now()
    FROM given
), deliveries AS (
    INSERT INTO delivery_log (tenant_id, delivery_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id,
                              template_id, address, lane)
    SELECT leo_tenant(), delivery_id, decision_id, campaign_id, run_id, profile_id, sha256(int8send(delivery_id)), channel,
           channel_id, template_id, 'x', 'bulk'
    FROM given
)
INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at)
SELECT leo_tenant(), delivery_id, profile_id, campaign_id, type, place::text, at FROM given

-- name: crowd
INSERT INTO cdp_profiles (tenant_id, ext_id, attributes)
SELECT leo_tenant(), 'kh-' || n,
       jsonb_build_object('city', 'Huế ' || n % 2000, 'labels', jsonb_build_array('VIP ' || n % 2000), 'orders', n % 40,
                          'home', jsonb_build_object('ward', (n % 2000)::text))
FROM generate_series(1, 40000) n
