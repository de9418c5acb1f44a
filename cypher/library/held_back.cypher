// Why a person got nothing: decisions to wait or to do nothing, each with the gate that said so, newest first.
// kind: read
// params: ext_id
// returns: at text, campaign text, action text, reason text, decided json
// en: why {ext_id} was held back
// vi: vì sao {ext_id} không được gửi
MATCH decided = (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:UNDER]->(c:Campaign)
WHERE p.ext_id = $ext_id AND d.action <> 'send'
RETURN d.decided_at AS at, c.key AS campaign, d.action, d.reason, decided
ORDER BY d.decided_at DESC
