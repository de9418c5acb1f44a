// People whom a message of a campaign was delivered to and who opened none: nothing read, clicked or bought.
// kind: read
// params: campaign
// returns: ext_id text, messages bigint
// en: who got {campaign} but did not open
// vi: ai nhận {campaign} nhưng không mở
MATCH (c:Campaign)<-[:UNDER]-(d:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE c.key = $campaign
MATCH (d)-[:DISPATCHED_AS]->(l:Delivery)-[:RESULTED_IN]->(o:Outcome)
WITH p, count(DISTINCT l) AS messages, sum(CASE WHEN o.type = 'delivered' THEN 1 ELSE 0 END) AS delivered, sum(CASE WHEN o.type IN ['read', 'clicked', 'replied', 'visited', 'bought'] THEN 1 ELSE 0 END) AS opened
WHERE delivered > 0 AND opened = 0
RETURN p.ext_id, messages
ORDER BY p.ext_id LIMIT 1000
