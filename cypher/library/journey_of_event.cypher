// What one event led to: the decisions it triggered, their messages and outcomes.
// kind: read
// params: event_id
// returns: at text, action text, reason text, channel text, outcome text, caused json, sent json, became json
// en: what came of event {event_id}
// vi: sự kiện {event_id} dẫn đến điều gì
MATCH caused = (e:Event)-[:TRIGGERED]->(d:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE e.event_id = $event_id
OPTIONAL MATCH sent = (d)-[:DISPATCHED_AS]->(l:Delivery)
OPTIONAL MATCH became = (l)-[:RESULTED_IN]->(o:Outcome)
RETURN d.decided_at AS at, d.action, d.reason, d.channel, o.type AS outcome, caused, sent, became
ORDER BY d.decided_at
