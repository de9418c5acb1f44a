-- What a tenant's people show together: how they move between touchpoints, and what they share. Of the newest people.

-- name: people
SELECT count(*) AS people, coalesce(min(profile_id), 0) AS first_id FROM (
    SELECT p.profile_id FROM cdp_profiles p WHERE p.tenant_id = leo_tenant() ORDER BY p.profile_id DESC LIMIT %(most)s) one

-- name: flows
-- The most frequent steps of journeys: a person's touchpoints in order of time, from nothing (the start) to nothing, which is
-- `bought` if their last purchase is not before the first touchpoint, otherwise `left`.
WITH engaged AS (
    SELECT r.profile_id, r.target_id, lead(r.target_id) OVER journey AS next_id, row_number() OVER journey AS place,
           first_value(r.occurred_at) OVER journey AS first_at
    FROM profile_relation r
    WHERE r.tenant_id = leo_tenant() AND r.kind = 'ENGAGED' AND r.profile_id >= %(first_id)s
    WINDOW journey AS (PARTITION BY r.profile_id ORDER BY r.occurred_at NULLS FIRST, r.target_id)
), bought AS (
    SELECT r.profile_id, max(r.occurred_at) AS last_at FROM profile_relation r
    WHERE r.tenant_id = leo_tenant() AND r.kind = 'BOUGHT' AND r.profile_id >= %(first_id)s GROUP BY r.profile_id
), step AS (
    SELECT NULL::bigint AS origin_id, target_id, NULL AS ending, count(*) AS journeys FROM engaged WHERE place = 1 GROUP BY target_id
    UNION ALL
    SELECT e.target_id, e.next_id,
           CASE WHEN e.next_id IS NULL THEN CASE WHEN b.last_at >= e.first_at OR b.profile_id IS NOT NULL AND e.first_at IS NULL
                                                 THEN 'bought' ELSE 'left' END END,
           count(*)
    FROM engaged e LEFT JOIN bought b ON b.profile_id = e.profile_id GROUP BY 1, 2, 3
)
SELECT step.origin_id, step.target_id, step.ending, step.journeys, o.name AS origin, t.name AS target
FROM step
LEFT JOIN relation_target o ON o.tenant_id = leo_tenant() AND o.target_id = step.origin_id
LEFT JOIN relation_target t ON t.tenant_id = leo_tenant() AND t.target_id = step.target_id
ORDER BY step.journeys DESC, step.origin_id NULLS FIRST, step.target_id, step.ending LIMIT %(limit)s

-- name: shared
-- What people share, the newest people first.
SELECT p.ext_id AS person, r.kind, coalesce(w.ext_id, t.target_id::text) AS other, coalesce(t.kind, 'Profile') AS label,
       coalesce(t.name, w.ext_id) AS name
FROM profile_relation r
JOIN cdp_profiles p ON p.tenant_id = r.tenant_id AND p.profile_id = r.profile_id
LEFT JOIN relation_target t ON t.tenant_id = r.tenant_id AND t.target_id = r.target_id
LEFT JOIN cdp_profiles w ON w.tenant_id = r.tenant_id AND w.profile_id = r.target_profile_id
WHERE r.tenant_id = leo_tenant() AND r.profile_id >= %(first_id)s AND r.kind IN ('INTERESTED_IN', 'ENGAGED', 'BOUGHT', 'KNOWS')
ORDER BY r.profile_id DESC LIMIT %(limit)s
