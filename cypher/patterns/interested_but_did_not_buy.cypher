// People who are interested in the topic with this key and have not bought the product with that key.
// kind: read
// params: topic, product
// returns: profile_id bigint
MATCH (p:Profile)-[:INTERESTED_IN]->(t:Topic)
WHERE t.key = $topic
OPTIONAL MATCH (p)-[:BOUGHT]->(x:Product)
WHERE x.key = $product
WITH p, count(x) AS bought
WHERE bought = 0
RETURN p.profile_id
