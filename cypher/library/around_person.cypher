// All that one hop from a person leads to: segments, products, topics, touchpoints and people.
// kind: read
// params: ext_id
// returns: way json
// en: what surrounds {ext_id}
// vi: những gì quanh {ext_id}
MATCH way = (p:Profile)-[r]->(x)
WHERE p.ext_id = $ext_id
RETURN way
LIMIT 100
