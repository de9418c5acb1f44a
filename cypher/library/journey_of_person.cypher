// Everything that was decided for one person, newest first: the event behind it, the message and what came of it.
// kind: read
// params: ext_id
// returns: at text, campaign text, action text, reason text, channel text, outcome text, decided json, caused json, sent json, became json
// en: journey of customer {ext_id}
// vi: hành trình của khách hàng {ext_id}
MATCH decided = (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:UNDER]->(c:Campaign)
WHERE p.ext_id = $ext_id
OPTIONAL MATCH caused = (e:Event)-[:TRIGGERED]->(d)
OPTIONAL MATCH sent = (d)-[:DISPATCHED_AS]->(l:Delivery)
OPTIONAL MATCH became = (l)-[:RESULTED_IN]->(o:Outcome)
RETURN d.decided_at AS at, c.key AS campaign, d.action, d.reason, d.channel, o.type AS outcome, decided, caused, sent, became
ORDER BY d.decided_at DESC
