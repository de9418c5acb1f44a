// People whom at least so many others know: those whose word travels.
// kind: read
// params: at_least
// returns: profile_id bigint
MATCH (other:Profile)-[:KNOWS]->(p:Profile)
WITH p, count(other) AS others
WHERE others >= $at_least
RETURN p.profile_id
