// How each channel did among the people whom a person knows: messages by channel and outcome.
// kind: read
// params: ext_id
// returns: channel text, outcome text, messages bigint
// en: how channels did around {ext_id}
// vi: kênh nào hiệu quả quanh {ext_id}
MATCH (p:Profile)-[:KNOWS]->(q:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:DISPATCHED_AS]->(l:Delivery)
WHERE p.ext_id = $ext_id
OPTIONAL MATCH (l)-[:RESULTED_IN]->(o:Outcome)
RETURN l.channel, o.type AS outcome, count(DISTINCT l) AS messages
ORDER BY messages DESC
