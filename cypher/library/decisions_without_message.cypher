// Decisions of a campaign to send that no message stands behind: orphans, which there should not be.
// kind: read
// params: campaign
// returns: ext_id text, decision_id bigint, decided_at text, decided json
// en: decisions of {campaign} without a message
// vi: quyết định gửi của {campaign} mà không có tin
MATCH decided = (c:Campaign)<-[:UNDER]-(d:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE c.key = $campaign AND d.action = 'send' AND NOT exists((d)-[:DISPATCHED_AS]->(:Delivery))
RETURN p.ext_id, d.decision_id, d.decided_at, decided
ORDER BY d.decided_at LIMIT 100
