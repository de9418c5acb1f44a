// From an event to a purchase: messages of a campaign that an event led to and that ended in one.
// kind: read
// params: campaign
// returns: ext_id text, event text, happened_at text, bought_at text, way json
// en: from event to purchase in {campaign}
// vi: từ sự kiện đến mua hàng trong {campaign}
MATCH (c:Campaign)<-[:UNDER]-(d:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE c.key = $campaign
MATCH way = (e:Event)-[:TRIGGERED]->(d)-[:DISPATCHED_AS]->(l:Delivery)-[:RESULTED_IN]->(o:Outcome)
WHERE o.type = 'bought'
RETURN p.ext_id, e.type AS event, e.occurred_at AS happened_at, o.occurred_at AS bought_at, way
ORDER BY o.occurred_at DESC LIMIT 100
