// People who know somebody who bought the product with this key, and have not bought it themselves.
// kind: read
// params: product
// returns: profile_id bigint
MATCH (p:Profile)-[:KNOWS]->(friend:Profile)-[:BOUGHT]->(x:Product)
WHERE x.key = $product AND NOT exists((p)-[:BOUGHT]->(x))
RETURN DISTINCT p.profile_id
