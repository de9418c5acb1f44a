// Who may be whom: the proposed pairs beyond the edge `after`, in the order of the edges. A profile that was merged stands
// for the one it was merged into, so that people hang together through it.
// kind: read
// params: after, most
// returns: edge bigint, profile_id bigint, other_id bigint, channel text
MATCH (a:Profile)-[s:SAME_AS]->(b:Profile)
WHERE id(s) > $after AND s.status = 'proposed'
WITH s, a, b ORDER BY id(s) LIMIT $most
OPTIONAL MATCH (a)-[:MERGED_INTO]->(v:Profile)
OPTIONAL MATCH (b)-[:MERGED_INTO]->(w:Profile)
RETURN id(s), coalesce(v.profile_id, a.profile_id), coalesce(w.profile_id, b.profile_id), s.channel
