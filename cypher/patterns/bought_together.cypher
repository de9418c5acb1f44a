// People who bought something that buyers of the product with this key bought too, but not that product: whom to offer it.
// kind: read
// params: product
// returns: profile_id bigint
MATCH (p:Profile)-[:BOUGHT]->(other:Product)<-[:BOUGHT]-(buyer:Profile)-[:BOUGHT]->(x:Product)
WHERE x.key = $product AND NOT exists((p)-[:BOUGHT]->(x))
RETURN DISTINCT p.profile_id
