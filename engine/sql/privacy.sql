-- A person's rights under Law 91/2025/QH15: what is stored about them, and its erasure.

-- name: erase
SELECT leo_erase_profile(p.profile_id, %(reason)s, %(by)s) AS erased, p.profile_id,
       EXISTS (SELECT FROM archive_decision d WHERE d.tenant_id = leo_tenant() AND (d.profile_id = p.profile_id OR d.profile_id IN (
           SELECT m.profile_id FROM cdp_profiles m WHERE m.tenant_id = leo_tenant() AND m.merged_into = p.profile_id))) AS is_archived
FROM (SELECT profile_id FROM cdp_profiles WHERE tenant_id = leo_tenant() AND ext_id = %(ext_id)s AND status <> 'merged') p

-- name: export
-- Everything that is stored about one person, and about those merged into them, as one document.
WITH RECURSIVE people AS (
    SELECT profile_id FROM cdp_profiles WHERE tenant_id = leo_tenant() AND ext_id = %(ext_id)s AND status <> 'deleted'
    UNION
    SELECT p.profile_id FROM people up JOIN cdp_profiles p ON p.tenant_id = leo_tenant() AND p.merged_into = up.profile_id
)
SELECT jsonb_build_object(
    'profiles', (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'tenant_id' ORDER BY p.profile_id), '[]')
                 FROM cdp_profiles p JOIN people USING (profile_id)),
    'addresses', (SELECT coalesce(jsonb_agg(to_jsonb(a) - 'tenant_id' ORDER BY a.address_id), '[]')
                  FROM profile_address a JOIN people USING (profile_id)),
    'consents', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'tenant_id' ORDER BY c.consent_id), '[]')
                 FROM consent c JOIN people USING (profile_id)),
    'suppressions', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'tenant_id' ORDER BY s.suppression_id), '[]')
                     FROM suppression s JOIN people USING (profile_id)),
    'relations', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', r.kind, 'target', t.key, 'name', t.name, 'weight', r.weight,
                                                               'occurred_at', r.occurred_at) ORDER BY r.relation_id), '[]')
                  FROM profile_relation r JOIN people USING (profile_id)
                  LEFT JOIN relation_target t ON t.tenant_id = r.tenant_id AND t.target_id = r.target_id),
    'segments', (SELECT coalesce(jsonb_agg(s.key ORDER BY s.key), '[]')
                 FROM segment_member m JOIN people USING (profile_id)
                 JOIN segment s ON s.tenant_id = m.tenant_id AND s.segment_id = m.segment_id),
    'events', (SELECT coalesce(jsonb_agg(to_jsonb(e) - 'tenant_id' ORDER BY e.event_id), '[]')
               FROM marketing_event e JOIN people USING (profile_id)),
    'decisions', (SELECT coalesce(jsonb_agg(jsonb_build_object('decision_id', d.decision_id, 'campaign', c.key, 'action', d.action,
                                                               'channel', d.channel, 'reason', d.reason, 'inputs', d.inputs,
                                                               'decided_at', d.decided_at) ORDER BY d.decision_id), '[]')
                  FROM all_decision d JOIN people USING (profile_id)
                  JOIN campaign c ON c.tenant_id = d.tenant_id AND c.campaign_id = d.campaign_id),
    'deliveries', (SELECT coalesce(jsonb_agg(jsonb_build_object('delivery_id', l.delivery_id, 'channel', l.channel, 'address', l.address,
                                                                'status', l.status, 'queued_at', l.queued_at, 'sent_at', l.sent_at)
                                             ORDER BY l.delivery_id), '[]')
                   FROM all_delivery l JOIN people USING (profile_id)),
    'inbox', (SELECT coalesce(jsonb_agg(to_jsonb(m) - 'tenant_id' ORDER BY m.message_id), '[]')
              FROM chat_message m JOIN people USING (profile_id)),
    'outcomes', (SELECT coalesce(jsonb_agg(to_jsonb(o) - 'tenant_id' ORDER BY o.outcome_id), '[]')
                 FROM outcome o JOIN people USING (profile_id))) AS document,
    (SELECT count(*) FROM people) AS people
