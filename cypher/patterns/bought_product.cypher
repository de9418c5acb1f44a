// People who bought the product with this key.
// kind: read
// params: product
// returns: profile_id bigint
MATCH (p:Profile)-[:BOUGHT]->(x:Product)
WHERE x.key = $product
RETURN p.profile_id
