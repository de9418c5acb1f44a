-- name: nameless
-- Of some people, those without a name.
SELECT profile_id FROM cdp_profiles WHERE profile_id = ANY (%(profile_ids)s) AND name IS NULL

-- name: events
-- What templates may read of some events.
SELECT event_id, jsonb_build_object('type', type, 'ext_id', ext_id, 'occurred_at', occurred_at, 'attributes', attributes) AS event
FROM marketing_event WHERE tenant_id = leo_tenant() AND event_id = ANY (%(event_ids)s)

-- name: locales
-- The languages of a snapshot's people, or of everybody who is active.
SELECT DISTINCT one.locale FROM (
    SELECT coalesce(p.locale, t.locale) AS locale
    FROM cdp_profiles p JOIN tenant t ON t.tenant_id = p.tenant_id
    WHERE p.tenant_id = leo_tenant() AND p.status = 'active'
      AND (%(snapshot_id)s::bigint IS NULL OR EXISTS (
          SELECT FROM segment_snapshot_member m WHERE m.snapshot_id = %(snapshot_id)s AND m.profile_id = p.profile_id))
    ORDER BY p.profile_id LIMIT %(most)s) AS one

-- name: lacking
-- How many of the same people lack the values asked about, each value in the languages it is printed in, and a few of them.
WITH asked AS (
    SELECT * FROM jsonb_to_recordset(%(asked)s) AS asked (
        place int, locales text[], is_name boolean, is_never boolean, parents text[], last text)
), people AS MATERIALIZED (
    SELECT p.profile_id, p.ext_id, p.name, p.attributes, coalesce(p.locale, t.locale) AS locale
    FROM cdp_profiles p JOIN tenant t ON t.tenant_id = p.tenant_id
    WHERE p.tenant_id = leo_tenant() AND p.status = 'active'
      AND (%(snapshot_id)s::bigint IS NULL OR EXISTS (
          SELECT FROM segment_snapshot_member m WHERE m.snapshot_id = %(snapshot_id)s AND m.profile_id = p.profile_id))
    ORDER BY p.profile_id LIMIT %(most)s
)
SELECT asked.place, count(*) AS people, (SELECT count(*) FROM people) AS looked_at,
       (array_agg(people.ext_id ORDER BY people.profile_id))[:%(few)s] AS examples
FROM asked JOIN people ON people.locale = ANY (asked.locales)
WHERE asked.is_never
   OR NOT (asked.is_name AND people.name IS NOT NULL) AND NOT coalesce((people.attributes #> asked.parents) ? asked.last, false)
GROUP BY asked.place
ORDER BY asked.place
