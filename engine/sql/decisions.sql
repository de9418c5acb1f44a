-- name: page
-- Newest first. Ids are handed out in blocks, so they do not grow with time: the next page continues from the instant of the
-- last decision.
SELECT d.decision_id, d.run_id, d.campaign_id, d.profile_id, p.ext_id AS profile, d.trigger_key, d.snapshot_id, d.event_id,
       d.task_id, d.template_id, d.action, d.channel, d.reason, d.policy_version, d.arbiter, d.wait_until, d.decided_at, d.archived_at
FROM all_decision d JOIN cdp_profiles p USING (tenant_id, profile_id)
WHERE d.tenant_id = %(tenant_id)s
  AND (%(profile_id)s::bigint IS NULL OR d.profile_id = %(profile_id)s)
  AND (%(campaign_id)s::bigint IS NULL OR d.campaign_id = %(campaign_id)s)
  AND (%(before)s::bigint IS NULL OR (d.decided_at, d.decision_id) < (
      SELECT last.decided_at, last.decision_id FROM all_decision last
      WHERE last.tenant_id = %(tenant_id)s AND last.decision_id = %(before)s))
ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT %(limit)s

-- name: get
SELECT d.decision_id, d.run_id, d.campaign_id, d.profile_id, p.ext_id AS profile, d.trigger_key, d.snapshot_id, d.event_id,
       d.task_id, d.template_id, d.action, d.channel, d.reason, d.policy_version, d.arbiter, d.wait_until, d.decided_at, d.archived_at,
       d.candidates, d.inputs_hash, d.latency_us,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'delivery_id', l.delivery_id, 'channel', l.channel, 'status', l.status, 'attempts', l.attempts,
                   'code', l.code, 'queued_at', l.queued_at, 'sent_at', l.sent_at) ORDER BY l.delivery_id), '[]')
        FROM all_delivery l WHERE l.tenant_id = d.tenant_id AND l.decision_id = d.decision_id) AS deliveries
FROM all_decision d JOIN cdp_profiles p USING (tenant_id, profile_id)
WHERE d.tenant_id = %(tenant_id)s AND d.decision_id = %(decision_id)s
