// What a campaign decided and why, counted: action, reason, channel and who decided.
// kind: read
// params: campaign
// returns: action text, reason text, channel text, arbiter text, decisions bigint
// en: what {campaign} decided and why
// vi: {campaign} đã quyết định gì và vì sao
MATCH (c:Campaign)<-[:UNDER]-(d:Decision)
WHERE c.key = $campaign
RETURN d.action, d.reason, d.channel, d.arbiter, count(*) AS decisions
ORDER BY decisions DESC
