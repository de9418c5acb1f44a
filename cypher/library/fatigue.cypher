// People with more messages since an instant than you would want, those with the most first.
// kind: read
// params: since, more_than
// returns: ext_id text, messages bigint
// en: who got more than {more_than} messages since {since}
// vi: ai nhận nhiều hơn {more_than} tin kể từ {since}
MATCH (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:DISPATCHED_AS]->(l:Delivery)
WHERE l.queued_at >= $since
WITH p, count(l) AS messages
WHERE messages > $more_than
RETURN p.ext_id, messages
ORDER BY messages DESC LIMIT 100
