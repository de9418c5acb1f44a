// Where one message came from and what became of it: its decision, person, campaign, event and outcomes.
// kind: read
// params: delivery_id
// returns: queued_at text, campaign text, ext_id text, reason text, outcome text, sent json, decided json, caused json, became json
// en: journey of message {delivery_id}
// vi: hành trình của lượt gửi {delivery_id}
MATCH sent = (l:Delivery)<-[:DISPATCHED_AS]-(d:Decision)-[:UNDER]->(c:Campaign)
WHERE l.delivery_id = $delivery_id
MATCH decided = (d)-[:DECIDED_FOR]->(p:Profile)
OPTIONAL MATCH caused = (e:Event)-[:TRIGGERED]->(d)
OPTIONAL MATCH became = (l)-[:RESULTED_IN]->(o:Outcome)
RETURN l.queued_at, c.key AS campaign, p.ext_id, d.reason, o.type AS outcome, sent, decided, caused, became
