-- One row in every table of a tenant, parents before children: whoever adds a table adds a row here, or the escape suites fail.
-- What holds the word "hidden" is nowhere a name by which a record can be asked for: an answer with it shows what it must not.
-- They run one after another in one transaction inside the tenant; the archive and tenant_removal as their owner, who alone writes them.

-- name: cdp_profiles
INSERT INTO cdp_profiles (tenant_id, ext_id, name, attributes)
SELECT leo_tenant(), ext_id, 'hidden ' || ext_id, '{"city": "hidden"}' FROM unnest('{theirs-1,theirs-2,theirs-3}'::text[]) ext_id

-- name: profile_merge
INSERT INTO profile_merge (tenant_id, loser_id, winner_id, reason, merged_by)
SELECT leo_tenant(), max(profile_id), min(profile_id), 'twins', 'test' FROM cdp_profiles

-- name: duplicate
INSERT INTO duplicate (tenant_id, profile_id, other_id, channel)
SELECT leo_tenant(), min(profile_id), max(profile_id), 'email' FROM cdp_profiles

-- name: profile_embedding
INSERT INTO profile_embedding (tenant_id, profile_id, model, embedding)
SELECT leo_tenant(), min(profile_id), 'm', array_fill(0.1::real, '{384}')::vector FROM cdp_profiles

-- name: profile_address
INSERT INTO profile_address (tenant_id, profile_id, channel, value)
SELECT leo_tenant(), profile_id, channel, ext_id || '@hidden.example' FROM cdp_profiles, unnest('{email,chat}'::text[]) channel

-- name: relation_target
INSERT INTO relation_target (tenant_id, kind, key, name) VALUES (leo_tenant(), 'Product', 'theirs', 'hidden')

-- name: profile_relation
INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id)
SELECT leo_tenant(), min(profile_id), 'BOUGHT', min(target_id) FROM cdp_profiles, relation_target

-- name: consent
INSERT INTO consent (tenant_id, profile_id, granted, at) SELECT leo_tenant(), profile_id, true, '2026-01-01Z' FROM cdp_profiles

-- name: suppression
INSERT INTO suppression (tenant_id, address, reason) VALUES (leo_tenant(), 'never@hidden.example', 'asked')

-- name: marketing_event
INSERT INTO marketing_event (tenant_id, type, profile_id, ext_id)
SELECT leo_tenant(), 'cart_abandoned', min(profile_id), n::text FROM cdp_profiles, generate_series(1, 200) n GROUP BY n

-- name: event_key
INSERT INTO event_key (tenant_id, ext_id, event_id) SELECT leo_tenant(), 'theirs', min(event_id) FROM marketing_event

-- name: segment
INSERT INTO segment (tenant_id, key, name, rule)
VALUES (leo_tenant(), 'theirs', 'hidden', '{"all": [{"attribute": "city", "is": "hidden"}]}')

-- name: segment_version
-- Made with its segment.
SELECT count(*) FROM segment_version

-- name: segment_member
INSERT INTO segment_member (tenant_id, segment_id, profile_id) SELECT leo_tenant(), segment_id, profile_id FROM segment, cdp_profiles

-- name: segment_refresh
INSERT INTO segment_refresh (tenant_id, segment_id, version, cause, joined) SELECT leo_tenant(), segment_id, 1, 'request', 3 FROM segment

-- name: segment_change
INSERT INTO segment_change (tenant_id, refresh_id, profile_id, joined)
SELECT leo_tenant(), refresh_id, min(profile_id), true FROM segment_refresh, cdp_profiles GROUP BY refresh_id

-- name: recheck
INSERT INTO recheck (tenant_id, profile_id, due_at) SELECT leo_tenant(), min(profile_id), 'infinity' FROM cdp_profiles

-- name: segment_snapshot
INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
SELECT leo_tenant(), segment_id, 1, rule, 1, leo_members_hash(ARRAY(SELECT min(profile_id) FROM cdp_profiles)) FROM segment

-- name: segment_snapshot_member
INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
SELECT leo_tenant(), max(snapshot_id), min(profile_id) FROM segment_snapshot, cdp_profiles

-- name: channel
INSERT INTO channel (tenant_id, kind, name) SELECT leo_tenant(), kind, 'hidden ' || kind FROM unnest('{email,chat}'::text[]) kind

-- name: channel_gate
INSERT INTO channel_gate (tenant_id, channel_id) SELECT leo_tenant(), min(channel_id) FROM channel

-- name: channel_consent
INSERT INTO channel_consent (tenant_id, kind, name, begun_by, ciphertext, expires_at)
VALUES (leo_tenant(), 'zalo_oa', 'hidden', 'API key 1', 'hidden', 'infinity')

-- name: channel_credential
INSERT INTO channel_credential (tenant_id, channel_id, name, ciphertext, key_name)
SELECT leo_tenant(), channel_id, 'webhook_secret', '\x00', 'none' FROM channel WHERE kind = 'chat'

-- name: channel_token
INSERT INTO channel_token (tenant_id, channel_id) SELECT leo_tenant(), min(channel_id) FROM channel

-- name: reader_credential
INSERT INTO reader_credential (tenant_id, ciphertext, key_name) VALUES (leo_tenant(), '\x00', 'none')

-- name: query_history
INSERT INTO query_history (tenant_id, kind, text, asked_by) VALUES (leo_tenant(), 'query', 'MATCH (hidden:Profile) RETURN hidden.name', 'them')

-- name: saved_query
INSERT INTO saved_query (tenant_id, name, text, saved_by) VALUES (leo_tenant(), 'theirs', 'MATCH (hidden:Profile) RETURN hidden.name', 'them')

-- name: message_template
INSERT INTO message_template (tenant_id, key, channel, subject, body_text)
VALUES (leo_tenant(), 'theirs', 'email', 'hidden', 'hidden {{ profile.name }} {{ unsubscribe_url }}')

-- name: policy
INSERT INTO policy (tenant_id, key, document, note) VALUES (leo_tenant(), 'theirs', '{}', 'hidden')

-- name: campaign
INSERT INTO campaign (tenant_id, key, name, status, segment_id, policy_id)
SELECT leo_tenant(), 'theirs', 'hidden', 'active', segment_id, policy_id FROM segment, policy

-- name: campaign_spend
INSERT INTO campaign_spend (tenant_id, campaign_id, day) SELECT leo_tenant(), campaign_id, '2026-01-01' FROM campaign

-- name: campaign_template
INSERT INTO campaign_template (tenant_id, campaign_id, template_id)
SELECT leo_tenant(), campaign_id, template_id FROM campaign, message_template

-- name: campaign_run
INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, snapshot_id)
SELECT leo_tenant(), campaign_id, 'snapshot', 'bulk', max(snapshot_id) FROM campaign, segment_snapshot GROUP BY campaign_id

-- name: run_batch
INSERT INTO run_batch (tenant_id, run_id, lane, profile_ids, due_at)
SELECT leo_tenant(), run_id, 'bulk', ARRAY(SELECT min(profile_id) FROM cdp_profiles), 'infinity' FROM campaign_run

-- name: agent_task
INSERT INTO agent_task (tenant_id, kind, status, due_at, summary, request, approval)
VALUES (leo_tenant(), 'text', 'awaiting_approval', '2999-01-01Z', 'hidden', '{"text": "hidden"}', '{"people": 3, "limit": 1}')

-- name: task_step
INSERT INTO task_step (tenant_id, task_id, place, kind) SELECT leo_tenant(), task_id, 0, 'asked' FROM agent_task

-- name: model_answer
INSERT INTO model_answer (tenant_id, context_hash, arbiter, model, answer, latency_us)
VALUES (leo_tenant(), sha256('x'), 'gemini', 'm', '{}', 1)

-- name: decision
INSERT INTO decision (tenant_id, run_id, campaign_id, profile_id, trigger_key, template_id, action, channel, reason, candidates,
    inputs, inputs_hash, policy_id, policy_version, arbiter, latency_us, decided_at)
SELECT leo_tenant(), run_id, campaign_id, min(profile_id), 'snapshot', min(template_id), 'send', 'email', 'chosen', '[]', '{}',
    sha256('x'), min(policy_id), 1, 'score', 1, '2026-01-01Z'
FROM campaign_run, cdp_profiles, message_template, policy GROUP BY run_id, campaign_id

-- name: delivery_log
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, template_id,
    address, lane, status, provider_id)
SELECT leo_tenant(), d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256('theirs'), 'email', c.channel_id, d.template_id,
    'theirs-1@hidden.example', 'bulk', 'dead', 'theirs'
FROM decision d, channel c WHERE c.kind = 'email'

-- name: delivery_attempt
INSERT INTO delivery_attempt (tenant_id, delivery_id, number, phase, worker, status)
SELECT leo_tenant(), delivery_id, 1, 'started', 'w', 'sending' FROM delivery_log

-- name: archive_decision
INSERT INTO archive_decision SELECT (jsonb_populate_record(NULL::archive_decision,
    to_jsonb(d) || jsonb_build_object('decision_id', -d.decision_id, 'archived_at', now()))).* FROM decision d

-- name: archive_delivery
INSERT INTO archive_delivery SELECT (jsonb_populate_record(NULL::archive_delivery, to_jsonb(l) || jsonb_build_object(
    'delivery_id', -l.delivery_id, 'decision_id', -l.decision_id, 'tries', '[]'::jsonb, 'archived_at', now()))).* FROM delivery_log l

-- name: outcome
INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at)
SELECT leo_tenant(), delivery_id, profile_id, 'delivered', '1', '2026-01-02Z' FROM delivery_log

-- name: callback
INSERT INTO callback (tenant_id, channel_id, body_hash, body) SELECT leo_tenant(), min(channel_id), sha256('hidden'), 'hidden' FROM channel

-- name: chat_message
INSERT INTO chat_message (tenant_id, channel_id, profile_id, address, event_id, body)
SELECT leo_tenant(), channel_id, min(profile_id), 'theirs-1@hidden.example', sha256('chat'), 'hidden' FROM channel, cdp_profiles
WHERE kind = 'chat' GROUP BY channel_id

-- name: source
INSERT INTO source (tenant_id, key, kind, status) VALUES (leo_tenant(), 'theirs', 'arango', 'paused')

-- name: source_credential
INSERT INTO source_credential (tenant_id, source_id, name, ciphertext, key_name)
SELECT leo_tenant(), source_id, 'password', '\x00', 'none' FROM source

-- name: sync_position
INSERT INTO sync_position (tenant_id, source_id, stream) SELECT leo_tenant(), source_id, 'profiles' FROM source

-- name: sync_run
INSERT INTO sync_run (tenant_id, source_id, mode) SELECT leo_tenant(), source_id, 'changes' FROM source

-- name: outbox
INSERT INTO outbox (tenant_id, topic, payload, due_at) VALUES (leo_tenant(), 'outcome', '{}', 'infinity')

-- name: tally
INSERT INTO tally (tenant_id, metric, labels, n) VALUES (leo_tenant(), 'hidden', '{}', 1)

-- name: graph_check
INSERT INTO graph_check (tenant_id, differences, checked_at) VALUES (leo_tenant(), 0, '2026-01-01Z')

-- name: take_up
INSERT INTO take_up (tenant_id, what, record_id, reason, asked_by, stood, moved) VALUES (leo_tenant(), 'run', 1, 'hidden', 'them', '{}', 0)

-- name: ledger_horizon
INSERT INTO ledger_horizon (tenant_id, noted_id, noted_at) VALUES (leo_tenant(), 1, '2026-01-01Z')

-- name: ledger_batch
INSERT INTO ledger_batch (tenant_id, batch_no, after_id, last_id, record_ids, leaves, root, head)
VALUES (leo_tenant(), 1, 0, 1, '{1}', sha256('x'), sha256('x'), sha256('x'))

-- name: erasure
INSERT INTO erasure (tenant_id, profile_id, reason, erased_by, erased)
SELECT leo_tenant(), max(profile_id), 'asked', 'test', '{}' FROM cdp_profiles

-- name: erased_record
INSERT INTO erased_record (tenant_id, record_id, leaf, leaf_since) VALUES (leo_tenant(), 1, sha256('x'), sha256('y'))

-- name: api_key
INSERT INTO api_key (tenant_id, name, prefix, key_hash, scopes)
VALUES (leo_tenant(), 'hidden', 'theirs00', sha256(uuid_send(leo_tenant())), '{read}')

-- name: idempotency_key
INSERT INTO idempotency_key (tenant_id, key, operation, request_hash) VALUES (leo_tenant(), 'theirs', 'saveSegment', sha256('x'))

-- name: tenant
-- Made by the fixture, with its graph.
SELECT count(*) FROM tenant

-- name: tenant_removal
INSERT INTO tenant_removal (tenant_id, slug, reason, removed_by, removed) VALUES (leo_tenant(), 'theirs', 'test', 'test', '{}')
