// People who are interested in the topic with this key, at least so strongly (a relation's weight is 1 unless the source
// gives another).
// kind: read
// params: topic, at_least
// returns: profile_id bigint
MATCH (p:Profile)-[i:INTERESTED_IN]->(t:Topic)
WHERE t.key = $topic AND i.weight >= $at_least
RETURN p.profile_id
