// A person's journeys, newest first: for each decision the event that triggered it, the task that thought, the run and
// the campaign it was made in, the delivery it became and the outcomes that came of it. It starts at the person; with
// a list of decisions, only those.
// kind: read
// params: profile_id, decision_ids, newest
// returns: decision_id bigint, decided_at text, action text, reason text, channel text, arbiter text
// returns: run_id bigint, run_kind text, campaign_id bigint, campaign text, template text, template_version bigint
// returns: event_id bigint, event_type text, event_at text, task_id bigint, task_kind text, task_at text
// returns: delivery_id bigint, queued_at text, outcome_id bigint, outcome_type text, outcome_at text
MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision)
WHERE p.profile_id = $profile_id AND ($decision_ids IS NULL OR d.decision_id IN $decision_ids)
WITH d ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT $newest
MATCH (d)-[:IN_RUN]->(r:Run)
MATCH (d)-[:UNDER]->(c:Campaign)
OPTIONAL MATCH (d)-[:USED]->(m:Template)
OPTIONAL MATCH (e:Event)-[:TRIGGERED]->(d)
OPTIONAL MATCH (d)-[:DECIDED_BY]->(t:Task)
OPTIONAL MATCH (d)-[:DISPATCHED_AS]->(l:Delivery)
OPTIONAL MATCH (l)-[:RESULTED_IN]->(o:Outcome)
RETURN d.decision_id, d.decided_at, d.action, d.reason, d.channel, d.arbiter,
       r.run_id, r.kind, c.campaign_id, c.name, m.key, m.version,
       e.event_id, e.type, e.occurred_at, t.task_id, t.kind, t.created_at,
       l.delivery_id, l.queued_at, o.outcome_id, o.type, o.occurred_at
