// Messages of a campaign that nothing is known of: neither delivered nor bounced nor anything else.
// kind: read
// params: campaign
// returns: ext_id text, delivery_id bigint, channel text, queued_at text, sent json
// en: messages of {campaign} that nothing is known of
// vi: tin của {campaign} chưa có kết quả
MATCH (c:Campaign)<-[:UNDER]-(d:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE c.key = $campaign
MATCH sent = (d)-[:DISPATCHED_AS]->(l:Delivery)
WHERE NOT exists((l)-[:RESULTED_IN]->(:Outcome))
RETURN p.ext_id, l.delivery_id, l.channel, l.queued_at, sent
ORDER BY l.queued_at LIMIT 100
