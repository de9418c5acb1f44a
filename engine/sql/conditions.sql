-- The parts from which a segment's rule is assembled (engine/segments/compile.py). Each is a condition on the profile p that
-- is true or false, never null. The {names} are filled with parameters and with other parts, never with a rule's text.
-- {among} is empty for everybody; for a few people it limits a sub-select to them and to those merged into them. What belongs
-- to a merged profile counts for the one it was merged into: merged profiles are few, and have an index of their own.

-- name: everybody
SELECT p.profile_id FROM cdp_profiles p WHERE p.status = 'active' AND {rule}

-- name: several
SELECT p.profile_id FROM cdp_profiles p WHERE p.profile_id = ANY (%(people)s) AND p.status = 'active' AND {rule}

-- name: among
-- By a value of the row: with a list that is known when the plan is made, it would be planned for a hundred.
AND {row}.profile_id = ANY (ARRAY(
    SELECT q.profile_id FROM cdp_profiles q WHERE q.profile_id = ANY (%(people)s)
    UNION ALL SELECT q.profile_id FROM cdp_profiles q WHERE q.merged_into = ANY (%(people)s)))

-- name: contained
p.attributes @> {document}

-- name: contained_any
p.attributes @> ANY ({documents})

-- name: step
{value} -> {name}::text

-- name: more_than
CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric > {number}::numeric ELSE false END

-- name: at_least
CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric >= {number}::numeric ELSE false END

-- name: less_than
CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric < {number}::numeric ELSE false END

-- name: at_most
CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric <= {number}::numeric ELSE false END

-- name: between
CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric BETWEEN {low}::numeric AND {high}::numeric ELSE false END

-- name: text_of
-- Null if the value is not a text.
CASE WHEN jsonb_typeof({value}) = 'string' THEN ({value}) #>> '{{}}' END

-- name: includes
coalesce(strpos(translate({text}, {capitals}, {small}), {wanted}) > 0, false)

-- name: starts_with
coalesce(starts_with(translate({text}, {capitals}, {small}), {wanted}), false)

-- name: ends_with
coalesce(right(translate({text}, {capitals}, {small}), length({wanted})) = {wanted}, false)

-- name: exists
({value}) IS NOT NULL

-- name: is_empty
coalesce(({value}) IN ('null', '""', '[]', '{{}}'), true)

-- name: moment
-- The instant that a text stands for; null if it is not a date. Without a zone it is UTC, a day alone is its midnight.
(SELECT CASE WHEN length(t.said) = 10 THEN (t.said || 'T00:00Z')::timestamptz
             WHEN t.said ~ '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$' THEN t.said::timestamptz
             ELSE (t.said || 'Z')::timestamptz END
 FROM (SELECT {text} AS said) t WHERE t.said ~ {pattern})

-- name: before
coalesce({moment} < {at}, false)

-- name: after
coalesce({moment} > {at}, false)

-- name: from_to
coalesce({moment} BETWEEN {low} AND {high}, false)

-- name: day_of
-- Month and day of a date's text; null if it is not a date.
(SELECT substr(t.said, 6, 5) FROM (SELECT {text} AS said) t WHERE t.said ~ {pattern})

-- name: day_of_creation
to_char(p.created_at AT TIME ZONE 'UTC', 'MM-DD')

-- name: one_of
coalesce({text} = ANY ({wanted}), false)

-- name: equal
coalesce({text} = {wanted}, false)

-- name: is_empty_text
coalesce({text}, '') = ''

-- name: ext_id
p.ext_id

-- name: name
p.name

-- name: locale
p.locale

-- name: zone
p.zone

-- name: source
p.source

-- name: created_at
p.created_at

-- name: consented
-- The newest consent that covers the channel; of two at the same instant, the withdrawal.
p.profile_id IN (
    SELECT newest.person FROM (
        SELECT DISTINCT ON (coalesce(m.merged_into, c.profile_id)) coalesce(m.merged_into, c.profile_id) AS person, c.granted
        FROM consent c LEFT JOIN cdp_profiles m ON m.profile_id = c.profile_id AND m.merged_into IS NOT NULL
        WHERE c.purpose = {purpose} AND (c.channel IS NULL OR c.channel = {channel}) {among}
        ORDER BY coalesce(m.merged_into, c.profile_id), c.at DESC, c.granted) newest
    WHERE newest.granted = {granted})

-- name: reachable
-- A message also goes to an address of a merged profile: see `joined` in engine/facts.py.
p.profile_id IN (
    SELECT coalesce(m.merged_into, a.profile_id)
    FROM profile_address a LEFT JOIN cdp_profiles m ON m.profile_id = a.profile_id AND m.merged_into IS NOT NULL
    WHERE a.channel = {channel} AND a.valid {among})

-- name: happened
p.profile_id IN (
    SELECT coalesce(m.merged_into, e.profile_id)
    FROM marketing_event e LEFT JOIN cdp_profiles m ON m.profile_id = e.profile_id AND m.merged_into IS NOT NULL
    WHERE e.type = ANY ({types}) AND e.profile_id IS NOT NULL AND e.occurred_at <= {now} {bounds} {among}
    GROUP BY 1 HAVING {counted})

-- name: event_after
AND e.occurred_at > {at}

-- name: event_before
AND e.occurred_at < {at}

-- name: event_where
AND e.attributes @> {document}

-- name: outcome_after
AND o.occurred_at > {at}

-- name: outcome_before
AND o.occurred_at < {at}

-- name: outcome_campaign
AND o.campaign_id IN (SELECT k.campaign_id FROM campaign k WHERE k.key = {key})

-- name: outcome_channel
AND o.delivery_id IN (SELECT d.delivery_id FROM all_delivery d WHERE d.channel = {channel})

-- name: came_of
p.profile_id IN (
    SELECT coalesce(m.merged_into, o.profile_id)
    FROM outcome o LEFT JOIN cdp_profiles m ON m.profile_id = o.profile_id AND m.merged_into IS NOT NULL
    WHERE o.type = ANY ({types}) AND o.occurred_at <= {now} {bounds} {among}
    GROUP BY 1 HAVING {counted})

-- name: count_between
count(*) BETWEEN {low} AND {high}

-- name: count_beyond
count(*) > {high}

-- name: newest_before
AND max(e.occurred_at) <= {at}

-- name: newest_after
AND max(e.occurred_at) >= {at}

-- name: member
p.profile_id IN (
    SELECT m.profile_id FROM segment_member m JOIN segment s ON s.tenant_id = m.tenant_id AND s.segment_id = m.segment_id
    WHERE s.key = {key} AND s.archived_at IS NULL {among})

-- name: found
-- A pattern may find a merged profile.
p.profile_id IN (
    SELECT coalesce(m.merged_into, f.profile_id)
    FROM ({pattern}) f LEFT JOIN cdp_profiles m ON m.profile_id = f.profile_id AND m.merged_into IS NOT NULL
    WHERE f.profile_id IS NOT NULL)

-- name: within
p.profile_id IN (
    SELECT e.profile_id FROM profile_embedding e
    WHERE e.model = {model} AND e.embedding <=> {embedding}::vector <= {within} {among})

-- name: nearest
-- Everybody is compared, and `+ 0` keeps the planner from using the HNSW index: docs/decisions/0011-offline-embeddings.md.
p.profile_id IN (
    SELECT e.profile_id FROM profile_embedding e JOIN cdp_profiles a ON a.tenant_id = e.tenant_id AND a.profile_id = e.profile_id
    WHERE a.status = 'active' AND e.model = {model}
    ORDER BY (e.embedding <=> {embedding}::vector) + 0, e.profile_id LIMIT {nearest})

-- name: counted
SELECT count(*) AS people FROM ({fits}) fits

-- name: sampled
SELECT p.profile_id, p.ext_id, p.name FROM ({fits}) fits JOIN cdp_profiles p USING (profile_id) ORDER BY p.profile_id LIMIT %(most)s

-- name: refresh
-- Membership as the rule has it now: only joining and leaving is written, with the refresh in which it happened. Those who
-- left are an array, found by key: a join would be planned for one row if the statistics have not seen this tenant yet, and
-- take 13 s for 32,000.
WITH fits AS MATERIALIZED ({fits}), members AS MATERIALIZED (
    SELECT profile_id FROM segment_member WHERE tenant_id = {tenant_id} AND segment_id = {segment_id}
), fresh AS MATERIALIZED (
    SELECT profile_id FROM fits EXCEPT SELECT profile_id FROM members
), stale AS MATERIALIZED (
    SELECT profile_id FROM members EXCEPT SELECT profile_id FROM fits
), refresh AS (
    INSERT INTO segment_refresh (tenant_id, segment_id, version, cause, at, joined, "left", size)
    SELECT {tenant_id}, {segment_id}, {version}, {cause}, {now}, (SELECT count(*) FROM fresh), (SELECT count(*) FROM stale),
           (SELECT count(*) FROM fits)
    RETURNING refresh_id, joined, "left", size
), joined AS (
    INSERT INTO segment_member (tenant_id, segment_id, profile_id, joined_at)
    SELECT {tenant_id}, {segment_id}, profile_id, {now} FROM fresh ORDER BY profile_id
), parted AS (
    DELETE FROM segment_member m
    WHERE m.tenant_id = {tenant_id} AND m.segment_id = {segment_id} AND m.profile_id = ANY (ARRAY(SELECT profile_id FROM stale))
), changes AS (
    INSERT INTO segment_change (tenant_id, refresh_id, profile_id, joined)
    SELECT {tenant_id}, refresh.refresh_id, moved.profile_id, moved.joined
    FROM refresh, (SELECT profile_id, true AS joined FROM fresh UNION ALL SELECT profile_id, false FROM stale) moved
), stamped AS (
    UPDATE segment SET refreshed_at = {now}, due_at = {due_at} WHERE tenant_id = {tenant_id} AND segment_id = {segment_id}
), referring AS (
    -- Segments whose rule refers to this one are due at once, if anybody moved.
    UPDATE segment SET due_at = least(due_at, {now})
    WHERE event_types && ARRAY[{heard_as}] AND archived_at IS NULL AND refreshed_at IS NOT NULL
      AND EXISTS (SELECT FROM refresh WHERE joined > 0 OR "left" > 0)
)
SELECT refresh_id, joined, "left", size FROM refresh
