-- What `leo bench scale` writes and asks.

-- name: people
-- Customers as a shop knows them: two addresses, a consent, three interests that are edges of the graph.
WITH made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, locale, attributes)
    SELECT leo_tenant(), 'customer-' || n, 'Nguyễn Thị Hương ' || n, 'vi', jsonb_build_object(
               'city', (ARRAY['Huế', 'Hà Nội', 'Đà Nẵng', 'Cần Thơ'])[1 + n %% 4], 'tier', (ARRAY['vàng', 'bạc', 'đồng'])[1 + n %% 3],
               'orders', n %% 20, 'spent_vnd', n * 919 %% 9000000, 'birth_year', 1958 + n %% 50)
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING profile_id, ext_id
), addresses AS (
    INSERT INTO profile_address (tenant_id, profile_id, channel, value)
    SELECT leo_tenant(), profile_id, kind, CASE kind WHEN 'telegram' THEN profile_id::text ELSE ext_id || '@khach.example' END
    FROM made, unnest(ARRAY['telegram', 'email']) AS kind
), consents AS (
    INSERT INTO consent (tenant_id, profile_id, granted, at) SELECT leo_tenant(), profile_id, true, now() - interval '30 days' FROM made
), interests AS (
    INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, weight, occurred_at)
    SELECT leo_tenant(), made.profile_id, 'INTERESTED_IN', target.target_id, 1, now()
    FROM made CROSS JOIN generate_series(0, 2) AS n
    JOIN relation_target target ON target.tenant_id = leo_tenant() AND target.kind = 'Topic'
        AND target.key = 'topic-' || (made.profile_id * 7 + n * 11) %% 200
)
SELECT count(*) AS people FROM made;

-- name: topics
-- What people are interested in.
INSERT INTO relation_target (tenant_id, kind, key, name)
SELECT leo_tenant(), 'Topic', 'topic-' || n, 'Topic ' || n FROM generate_series(0, 199) AS n RETURNING target_id;

-- name: undecided
-- People of the crowd for whom nothing is decided, in the order of their ids.
SELECT profile_id, ext_id FROM cdp_profiles WHERE ext_id LIKE 'customer-%%' AND profile_id > %(after)s ORDER BY profile_id LIMIT %(count)s;

-- name: took
-- Seconds from a run's start to the end of its last message, and how many were sent.
SELECT extract(epoch FROM max(a.at) - min(r.created_at))::float8 AS seconds,
       count(DISTINCT d.delivery_id) FILTER (WHERE d.status = 'sent') AS sent
FROM campaign_run r JOIN delivery_log d ON d.tenant_id = r.tenant_id AND d.run_id = r.run_id
JOIN delivery_attempt a ON a.tenant_id = d.tenant_id AND a.delivery_id = d.delivery_id
WHERE r.tenant_id = (SELECT leo_tenant()) AND r.run_id = %(run_id)s;

-- name: backend
SELECT pg_backend_pid();

-- name: waits
-- What the sessions of this database that work are waiting for, if for anything.
SELECT coalesce(wait_event_type || ':' || wait_event, '') FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend';

-- name: sizes
-- Bytes on disk with indexes and TOAST: of the tables, and of the graphs, whose schemas are those of AGE.
SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE g.name IS NULL), 0)::bigint AS tables,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE g.name IS NOT NULL), 0)::bigint AS graph
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN ag_catalog.ag_graph g ON g.namespace = n.oid
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'ag_catalog');

-- name: listen_on_bridge
ALTER SYSTEM SET listen_addresses = '127.0.0.1, 198.18.77.1';

-- name: hba_file
SHOW hba_file;
