// Where the buyers of a product had been: touchpoints they engaged with, most buyers first.
// kind: read
// params: product
// returns: touchpoint text, buyers bigint
// en: touchpoints of those who bought {product}
// vi: điểm chạm của người mua {product}
MATCH (x:Product)<-[:BOUGHT]-(p:Profile)-[:ENGAGED]->(t:Touchpoint)
WHERE x.key = $product
RETURN t.name AS touchpoint, count(DISTINCT p) AS buyers
ORDER BY buyers DESC LIMIT 100
