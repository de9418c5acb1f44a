// What stands around people in the graph, by kind: topics they are interested in, products they bought, touchpoints they
// engaged with, people they know. Fixed patterns, each begun at a person found by the index.
// kind: read
// params: profile_ids
// returns: profile_id bigint, kind text, key text, name text, weight double precision, at text
UNWIND $profile_ids AS i MATCH (p:Profile)-[e:INTERESTED_IN]->(t:Topic) WHERE p.profile_id = i
RETURN i, 'interests', t.key, t.name, e.weight, e.occurred_at
UNION ALL
UNWIND $profile_ids AS i MATCH (p:Profile)-[e:BOUGHT]->(t:Product) WHERE p.profile_id = i
RETURN i, 'bought', t.key, t.name, e.weight, e.occurred_at
UNION ALL
UNWIND $profile_ids AS i MATCH (p:Profile)-[e:ENGAGED]->(t:Touchpoint) WHERE p.profile_id = i
RETURN i, 'engaged', t.key, t.name, e.weight, e.occurred_at
UNION ALL
UNWIND $profile_ids AS i MATCH (p:Profile)-[e:KNOWS]->(t:Profile) WHERE p.profile_id = i
RETURN i, 'knows', t.ext_id, t.ext_id, e.weight, e.occurred_at
