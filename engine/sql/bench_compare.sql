-- What `leo bench compare` gives the ways that are not ours: two plain tables, as one would make them without LEO.

-- name: tables
CREATE TABLE compare_person (id bigint PRIMARY KEY, name text NOT NULL, city text NOT NULL, orders int NOT NULL);
CREATE TABLE compare_log (id bigserial PRIMARY KEY, person_id bigint NOT NULL, status text NOT NULL, sent_at timestamptz DEFAULT now());
CREATE INDEX ON compare_log (person_id);

-- name: nobody
TRUNCATE compare_log, compare_person;

-- name: people
INSERT INTO compare_person SELECT n, 'Customer ' || n, 'Huế', mod(n, 20) FROM generate_series(1, %(people)s::int) AS n;

-- name: person
SELECT name, city, orders FROM compare_person WHERE id = %(id)s;

-- name: sent_before
SELECT EXISTS (SELECT FROM compare_log WHERE person_id = %(id)s) AS is_sent;

-- name: log
INSERT INTO compare_log (person_id, status) VALUES (%(id)s, %(status)s);

-- name: page
SELECT id, name, city, orders FROM compare_person ORDER BY id LIMIT 2 OFFSET %(offset)s;

-- name: uncertain
SELECT count(*) AS messages FROM delivery_log d JOIN campaign_run r USING (tenant_id, run_id)
WHERE d.status = 'uncertain' AND r.run_id = (SELECT max(run_id) FROM campaign_run);

-- name: journeys
-- A person's newest journeys by joins of the tables alone, by a login that no row security holds: what `leo trace` reads as paths.
SELECT d.decision_id, d.decided_at, d.reason, d.action, d.candidates, e.event_id, e.type, l.delivery_id, l.status, l.channel,
       l.sent_at, a.number, a.phase, a.at, o.type AS outcome, o.occurred_at
FROM (SELECT d.* FROM decision d JOIN cdp_profiles p USING (tenant_id, profile_id)
      WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = %(ext_id)s ORDER BY d.decided_at DESC LIMIT 20) AS d
LEFT JOIN marketing_event e ON e.tenant_id = %(tenant_id)s AND e.event_id = d.event_id
LEFT JOIN delivery_log l ON l.tenant_id = %(tenant_id)s AND l.decision_id = d.decision_id
LEFT JOIN delivery_attempt a ON a.tenant_id = %(tenant_id)s AND a.delivery_id = l.delivery_id
LEFT JOIN outcome o ON o.tenant_id = %(tenant_id)s AND o.delivery_id = l.delivery_id
ORDER BY d.decided_at, a.number, a.phase, o.occurred_at;

-- name: persons
SELECT ext_id FROM cdp_profiles WHERE tenant_id = (SELECT leo_tenant()) ORDER BY random() LIMIT %(count)s;
