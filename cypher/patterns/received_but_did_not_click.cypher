// People whom a message of the campaign with this key reached, and who clicked in none of them.
// kind: read
// params: campaign
// returns: profile_id bigint
MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:UNDER]->(c:Campaign), (d)-[:DISPATCHED_AS]->(l:Delivery)-[:RESULTED_IN]->(o:Outcome)
WHERE c.key = $campaign AND o.type IN ['delivered', 'read', 'clicked']
WITH p, sum(CASE WHEN o.type = 'clicked' THEN 1 ELSE 0 END) AS clicks
WHERE clicks = 0
RETURN p.profile_id
