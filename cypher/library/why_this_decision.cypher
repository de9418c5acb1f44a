// One decision and what stood behind it: the person, the campaign, the template, the event and the agent's task.
// Every candidate with its gates is in GET /decisions/{id}.
// kind: read
// params: decision_id
// returns: decided_at text, action text, reason text, channel text, arbiter text, decided json, used json, caused json, thought json
// en: why decision {decision_id} was made
// vi: vì sao có quyết định {decision_id}
MATCH decided = (p:Profile)<-[:DECIDED_FOR]-(d:Decision)-[:UNDER]->(c:Campaign)
WHERE d.decision_id = $decision_id
OPTIONAL MATCH used = (d)-[:USED]->(t:Template)
OPTIONAL MATCH caused = (e:Event)-[:TRIGGERED]->(d)
OPTIONAL MATCH thought = (d)-[:DECIDED_BY]->(a:Task)
RETURN d.decided_at, d.action, d.reason, d.channel, d.arbiter, decided, used, caused, thought
