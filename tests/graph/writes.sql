-- Writes of every shape that a mirrored table can see. %(t)s is the tenant, %(a)s and %(b)s are numbers from 0 to 5, and
-- %(name)s, %(status)s, %(weight)s and %(at)s are chosen by them.

-- name: insert_profiles
INSERT INTO cdp_profiles (tenant_id, ext_id, name, status)
SELECT %(t)s, 'p' || n, %(name)s, %(status)s FROM generate_series(%(a)s::int, %(a)s::int + %(b)s::int) n;

-- name: insert_profiles_where_new
INSERT INTO cdp_profiles (tenant_id, ext_id)
SELECT %(t)s, 'p' || n FROM generate_series(0, %(a)s::int + %(b)s::int) n
ON CONFLICT DO NOTHING;

-- name: insert_profile_with_odd_id
INSERT INTO cdp_profiles (tenant_id, profile_id, ext_id)
VALUES (%(t)s, (ARRAY[0, -1, 281474976710655 - %(b)s, 281474976710656, 4611686018427387904, 5])[%(a)s + 1], 'odd' || %(a)s::int);

-- name: upsert_profiles
INSERT INTO cdp_profiles (tenant_id, ext_id, status)
SELECT %(t)s, 'p' || n, %(status)s FROM generate_series(%(b)s::int, %(a)s::int + %(b)s::int) n
ON CONFLICT (tenant_id, ext_id) DO UPDATE SET status = excluded.status, name = excluded.name;

-- name: merge_profiles
MERGE INTO cdp_profiles p
USING (SELECT 'p' || n AS ext_id, n FROM generate_series(%(a)s::int, %(a)s::int + 4) n) s
ON p.tenant_id = %(t)s AND p.ext_id = s.ext_id
WHEN MATCHED AND mod(s.n, 3) = mod(%(b)s, 3) THEN DELETE
WHEN MATCHED THEN UPDATE SET status = 'deleted', merged_into = NULL
WHEN NOT MATCHED THEN INSERT (tenant_id, ext_id) VALUES (%(t)s, s.ext_id);

-- name: rename_profiles
UPDATE cdp_profiles SET ext_id = ext_id || 'x' || %(a)s::int WHERE tenant_id = %(t)s AND mod(profile_id, 3) = mod(%(b)s, 3);

-- name: change_what_the_graph_does_not_show
UPDATE cdp_profiles SET attributes = jsonb_build_object('n', %(a)s::int), name = %(name)s WHERE tenant_id = %(t)s;

-- name: merge_people
UPDATE cdp_profiles SET status = 'merged', merged_into = (SELECT min(profile_id) FROM cdp_profiles WHERE tenant_id = %(t)s)
WHERE tenant_id = %(t)s AND ext_id IN ('p' || %(a)s::int, 'p' || %(b)s::int);

-- name: delete_profiles
DELETE FROM cdp_profiles WHERE tenant_id = %(t)s AND ext_id IN ('p' || %(a)s::int, 'p' || %(b)s::int);

-- name: move_profile_ids
UPDATE cdp_profiles SET profile_id = profile_id + 100000 + %(a)s
WHERE tenant_id = %(t)s AND profile_id IN
    (SELECT profile_id FROM cdp_profiles WHERE tenant_id = %(t)s ORDER BY profile_id LIMIT 1 + %(b)s);

-- name: touch_every_tenants_profiles
-- A writer with a tenant reaches its own rows alone; a superuser without one reaches all.
INSERT INTO cdp_profiles (tenant_id, ext_id, status) SELECT tenant_id, 'p' || %(a)s::int, %(status)s FROM tenant
ON CONFLICT (tenant_id, ext_id) DO UPDATE SET status = excluded.status, merged_into = NULL;

-- name: touch_every_tenants_segments
UPDATE segment SET name = %(name)s;

-- name: insert_events
INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at)
SELECT p.tenant_id, 'type ' || %(name)s, CASE WHEN mod(p.profile_id, 3) > 0 THEN p.profile_id END, %(at)s
FROM cdp_profiles p WHERE p.tenant_id = %(t)s ORDER BY p.profile_id LIMIT %(a)s;

-- name: update_events
UPDATE marketing_event SET occurred_at = %(at)s, profile_id =
    (SELECT max(profile_id) FROM cdp_profiles WHERE tenant_id = %(t)s AND mod(profile_id, 2) = mod(%(b)s, 2))
WHERE tenant_id = %(t)s;

-- name: move_event_ids
UPDATE marketing_event SET event_id = event_id + 1000000 + %(a)s
WHERE tenant_id = %(t)s AND event_id IN
    (SELECT event_id FROM marketing_event WHERE tenant_id = %(t)s ORDER BY event_id LIMIT 1 + %(b)s);

-- name: delete_events
DELETE FROM marketing_event WHERE tenant_id = %(t)s AND mod(event_id, %(a)s + %(b)s + 1) = 0;

-- name: save_segments
INSERT INTO segment (tenant_id, key, name) VALUES (%(t)s, 's' || mod(%(a)s, 3), %(name)s)
ON CONFLICT (tenant_id, key) DO UPDATE SET name = excluded.name, version = segment.version + mod(%(b)s, 2);

-- name: delete_segments
DELETE FROM segment WHERE tenant_id = %(t)s AND key IN ('s' || %(a)s::int, 's' || %(b)s::int);

-- name: join_segments
INSERT INTO segment_member (tenant_id, segment_id, profile_id, joined_at)
SELECT s.tenant_id, s.segment_id, p.profile_id, %(at)s FROM segment s JOIN cdp_profiles p USING (tenant_id)
WHERE s.tenant_id = %(t)s AND mod(p.profile_id + s.segment_id, 2) = mod(%(b)s, 2)
ON CONFLICT (tenant_id, segment_id, profile_id) DO UPDATE SET joined_at = excluded.joined_at;

-- name: leave_segments
DELETE FROM segment_member WHERE tenant_id = %(t)s AND mod(profile_id, %(a)s + %(b)s + 1) = 0;

-- name: move_members_to_another_segment
UPDATE segment_member SET segment_id = segment_id + 1 + %(a)s WHERE tenant_id = %(t)s;

-- name: move_members_to_another_person
UPDATE segment_member SET profile_id = profile_id + 1 + %(a)s WHERE tenant_id = %(t)s;

-- name: move_member_ids
UPDATE segment_member SET member_id = member_id + 1000000 + %(a)s WHERE tenant_id = %(t)s;

-- name: save_targets
INSERT INTO relation_target (tenant_id, kind, key, name)
VALUES (%(t)s, (ARRAY['Topic', 'Touchpoint', 'Product'])[mod(%(a)s, 3) + 1], 'k' || mod(%(b)s, 2), %(name)s)
ON CONFLICT (tenant_id, kind, key) DO UPDATE SET name = excluded.name;

-- name: change_target_kinds
UPDATE relation_target SET kind = (ARRAY['Topic', 'Touchpoint', 'Product'])[mod(%(a)s, 3) + 1]
WHERE tenant_id = %(t)s AND key = 'k' || mod(%(b)s, 2);

-- name: delete_targets
DELETE FROM relation_target WHERE tenant_id = %(t)s AND kind = (ARRAY['Topic', 'Touchpoint', 'Product'])[mod(%(a)s, 3) + 1];

-- name: relate
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, target_profile_id, weight, occurred_at)
SELECT p.tenant_id, p.profile_id, k.kind, r.target_id, q.profile_id, %(weight)s, %(at)s
FROM cdp_profiles p
CROSS JOIN (VALUES ('INTERESTED_IN', 'Topic'), ('ENGAGED', 'Touchpoint'), ('BOUGHT', 'Product'), ('KNOWS', NULL)) AS k (kind, target)
LEFT JOIN relation_target r ON r.tenant_id = p.tenant_id AND r.kind = k.target
LEFT JOIN cdp_profiles q ON q.tenant_id = p.tenant_id AND k.kind = 'KNOWS' AND q.profile_id >= p.profile_id
WHERE p.tenant_id = %(t)s AND (r.target_id IS NOT NULL OR q.profile_id IS NOT NULL) AND mod(p.profile_id, 3) = mod(%(b)s, 3)
ON CONFLICT (tenant_id, profile_id, kind, target_id, target_profile_id)
DO UPDATE SET weight = excluded.weight, occurred_at = excluded.occurred_at;

-- name: weigh_relations
UPDATE profile_relation SET weight = %(weight)s WHERE tenant_id = %(t)s;

-- name: give_relations_to_another_person
-- To somebody who has none where b is even, else to whoever comes first, which the unique key may refuse.
UPDATE profile_relation
SET weight = %(weight)s, profile_id = (
    SELECT min(p.profile_id) FROM cdp_profiles p
    WHERE p.tenant_id = %(t)s AND (mod(%(b)s, 2) = 1 OR NOT EXISTS (
        SELECT FROM profile_relation r WHERE r.tenant_id = p.tenant_id AND r.profile_id = p.profile_id)))
WHERE tenant_id = %(t)s AND profile_id = (SELECT min(profile_id) FROM profile_relation WHERE tenant_id = %(t)s);

-- name: change_relation_kinds
-- The edge then changes its label.
UPDATE profile_relation SET kind = k.kind,
    target_id = (SELECT min(target_id) FROM relation_target WHERE tenant_id = %(t)s AND kind = k.target),
    target_profile_id = CASE WHEN k.kind = 'KNOWS' THEN profile_id END
FROM (VALUES (0, 'INTERESTED_IN', 'Topic'), (1, 'ENGAGED', 'Touchpoint'), (2, 'BOUGHT', 'Product'), (3, 'KNOWS', NULL)) AS k (n, kind, target)
WHERE k.n = mod(%(a)s, 4) AND tenant_id = %(t)s
  AND relation_id = (SELECT min(relation_id) + %(b)s FROM profile_relation WHERE tenant_id = %(t)s);

-- name: unrelate
DELETE FROM profile_relation WHERE tenant_id = %(t)s AND mod(relation_id, %(a)s + %(b)s + 1) = 0;

-- name: save_campaigns
INSERT INTO campaign (tenant_id, key, name, segment_id)
SELECT %(t)s, 'c' || mod(%(a)s, 2), %(name)s, (SELECT segment_id FROM segment WHERE tenant_id = %(t)s AND key = 's' || %(b)s::int)
ON CONFLICT (tenant_id, key) DO UPDATE SET name = excluded.name, segment_id = excluded.segment_id, priority = 3;

-- name: delete_campaigns
DELETE FROM campaign WHERE tenant_id = %(t)s AND key = 'c' || mod(%(a)s, 2);

-- name: freeze_segments
-- A snapshot of a segment; where b is 5 its header lies about its members.
WITH s AS (
    SELECT s.tenant_id, s.segment_id, s.version, s.rule, nextval('leo_id') AS snapshot_id,
        ARRAY(SELECT profile_id FROM segment_member m WHERE m.tenant_id = s.tenant_id AND m.segment_id = s.segment_id) AS ids
    FROM segment s WHERE s.tenant_id = %(t)s AND s.key = 's' || mod(%(a)s, 3)
), header AS (
    INSERT INTO segment_snapshot (tenant_id, snapshot_id, segment_id, segment_version, rule, member_count, members_hash)
    SELECT tenant_id, snapshot_id, segment_id, version, rule, cardinality(ids) + (%(b)s = 5)::int, leo_members_hash(ids) FROM s
)
INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id) SELECT tenant_id, snapshot_id, unnest(ids) FROM s;

-- name: change_snapshots
UPDATE segment_snapshot SET member_count = %(a)s WHERE tenant_id = %(t)s;

-- name: delete_snapshots
DELETE FROM segment_snapshot WHERE tenant_id = %(t)s AND member_count >= %(a)s;

-- name: connect_channels
INSERT INTO channel (tenant_id, kind, name) VALUES (%(t)s, 'email', 'mail ' || mod(%(b)s, 2)) ON CONFLICT DO NOTHING;

-- name: rename_channels
UPDATE channel SET name = name || %(a)s::int, status = 'paused' WHERE tenant_id = %(t)s;

-- name: save_templates
INSERT INTO message_template (tenant_id, key, channel, body_text) VALUES (%(t)s, 'm' || mod(%(a)s, 2), 'email', 'x')
ON CONFLICT DO NOTHING;

-- name: change_templates
UPDATE message_template SET version = version + 1, status = 'approved' WHERE tenant_id = %(t)s AND key = 'm' || mod(%(b)s, 2);

-- name: think
INSERT INTO agent_task (tenant_id, kind) VALUES (%(t)s, 'think');

-- name: run_campaigns
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane)
SELECT tenant_id, campaign_id, 'request', 'bulk' FROM campaign WHERE tenant_id = %(t)s;

-- name: decide
INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, event_id, task_id, snapshot_id, template_id, action,
    channel, reason, candidates, inputs, inputs_hash, policy_version, arbiter, latency_us, decided_at)
SELECT r.tenant_id, r.run_id, r.campaign_id, p.profile_id, 'request:' || %(a)s::int,
    (SELECT min(event_id) FROM marketing_event WHERE tenant_id = %(t)s AND mod(event_id, 2) = mod(%(b)s, 2)),
    (SELECT max(task_id) FROM agent_task WHERE tenant_id = %(t)s AND mod(%(b)s, 2) = 1),
    (SELECT max(snapshot_id) FROM segment_snapshot WHERE tenant_id = %(t)s),
    m.template_id, CASE WHEN m.template_id IS NULL THEN 'do_nothing' ELSE 'send' END, m.channel, 'chosen', '[]', '{}',
    sha256('x'), 1, 'score', 1, '2026-01-01Z'
FROM campaign_run r JOIN cdp_profiles p USING (tenant_id) LEFT JOIN message_template m USING (tenant_id)
WHERE r.tenant_id = %(t)s AND mod(p.profile_id, 2) = mod(%(b)s, 2)
ON CONFLICT DO NOTHING;

-- name: change_decisions
UPDATE decision SET reason = 'r' || %(a)s::int WHERE tenant_id = %(t)s;

-- name: deliver
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id,
    address, lane, queued_at)
SELECT d.tenant_id, d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(d.decision_id)), d.channel,
    (SELECT min(channel_id) FROM channel WHERE tenant_id = %(t)s), d.template_id, 'a@example.com', 'bulk', %(at)s
FROM decision d WHERE d.tenant_id = %(t)s AND d.action = 'send' AND mod(d.decision_id, 2) = mod(%(b)s, 2)
ON CONFLICT (tenant_id, event_id) DO UPDATE SET queued_at = excluded.queued_at, attempts = delivery_log.attempts + 1;

-- name: dispatch
UPDATE delivery_log SET status = 'sent', sent_at = now(), attempts = %(a)s,
    channel_id = (SELECT max(channel_id) FROM channel WHERE tenant_id = %(t)s)
WHERE tenant_id = %(t)s AND mod(delivery_id, 2) = mod(%(b)s, 2);

-- name: record_outcomes
INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at, value)
SELECT l.tenant_id, CASE WHEN mod(l.delivery_id, 3) > 0 THEN l.delivery_id END, l.profile_id,
    (ARRAY['delivered', 'clicked'])[mod(%(b)s, 2) + 1], '1', %(at)s, 1
FROM delivery_log l WHERE l.tenant_id = %(t)s
ON CONFLICT DO NOTHING;

-- name: correct_outcomes
UPDATE outcome SET type = 'bought', delivery_id = CASE WHEN %(a)s > 2 THEN delivery_id END
WHERE tenant_id = %(t)s AND mod(outcome_id, 2) = mod(%(b)s, 2);

-- name: write_in_one_statement
-- Person, segment, membership and acquaintance at once: edges before their ends are visible to anyone.
WITH p AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%(t)s, 'one' || %(a)s::int) RETURNING profile_id
), s AS (
    INSERT INTO segment (tenant_id, key, name) VALUES (%(t)s, 'one' || %(b)s::int, %(name)s) RETURNING segment_id
), m AS (
    INSERT INTO segment_member (tenant_id, segment_id, profile_id) SELECT %(t)s, s.segment_id, p.profile_id FROM s, p
)
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id) SELECT %(t)s, profile_id, 'KNOWS', profile_id FROM p;
