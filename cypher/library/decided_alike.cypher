// For whom else the same was decided in the same campaign, for the same reason: a hundred of them.
// kind: read
// params: decision_id
// returns: ext_id text, decision_id bigint, decided_at text, alike json
// en: who else was decided like {decision_id}
// vi: ai khác cũng có quyết định giống {decision_id}
MATCH (d:Decision)-[:UNDER]->(c:Campaign)
WHERE d.decision_id = $decision_id
MATCH alike = (c)<-[:UNDER]-(o:Decision)-[:DECIDED_FOR]->(p:Profile)
WHERE o.decision_id <> $decision_id AND o.action = d.action AND coalesce(o.reason, '') = coalesce(d.reason, '') AND coalesce(o.channel, '') = coalesce(d.channel, '')
RETURN p.ext_id, o.decision_id, o.decided_at, alike
LIMIT 100
