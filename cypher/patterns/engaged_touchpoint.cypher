// People who engaged with the touchpoint (a page, a shop, an event) with this key since an instant, an ISO 8601 text in
// UTC such as 2026-01-31.
// kind: read
// params: touchpoint, since
// returns: profile_id bigint
MATCH (p:Profile)-[e:ENGAGED]->(t:Touchpoint)
WHERE t.key = $touchpoint AND e.occurred_at >= $since
RETURN p.profile_id
