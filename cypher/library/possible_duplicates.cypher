// Profiles that may be one person and wait for a yes or no: the pair and what they share.
// kind: read
// returns: ext_id text, other text, shares text, pair json
// en: who may be one person
// vi: ai có thể là cùng một người
MATCH pair = (a:Profile)-[s:SAME_AS]->(b:Profile)
WHERE s.status = 'proposed'
RETURN a.ext_id, b.ext_id AS other, s.channel AS shares, pair
ORDER BY a.ext_id LIMIT 100
