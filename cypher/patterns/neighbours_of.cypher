// People who share at least so many products and topics with the person with this ext_id.
// kind: read
// params: ext_id, at_least
// returns: profile_id bigint
MATCH (one:Profile)-[]->(shared)<-[]-(p:Profile)
WHERE one.ext_id = $ext_id AND label(shared) IN ['Product', 'Topic'] AND p.profile_id <> one.profile_id
WITH p, count(shared) AS common
WHERE common >= $at_least
RETURN p.profile_id
