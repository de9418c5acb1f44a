// People whom a message of the campaign with this key reached: it was delivered, read, clicked or answered.
// kind: read
// params: campaign
// returns: profile_id bigint
MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:UNDER]->(c:Campaign), (d)-[:DISPATCHED_AS]->(l:Delivery)-[:RESULTED_IN]->(o:Outcome)
WHERE c.key = $campaign AND o.type IN ['delivered', 'read', 'clicked', 'replied']
RETURN DISTINCT p.profile_id
