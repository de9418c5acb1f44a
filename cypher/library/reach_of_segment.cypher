// How far a segment was reached: its people, and those with a message, by channel. A null channel is nobody reached.
// kind: read
// params: segment
// returns: channel text, people bigint, messages bigint
// en: reach of segment {segment}
// vi: độ phủ của phân khúc {segment}
MATCH (s:Segment)<-[:IN_SEGMENT]-(p:Profile)
WHERE s.key = $segment
OPTIONAL MATCH (p)<-[:DECIDED_FOR]-(d:Decision)-[:DISPATCHED_AS]->(l:Delivery)
RETURN l.channel, count(DISTINCT p) AS people, count(DISTINCT l) AS messages
ORDER BY people DESC
