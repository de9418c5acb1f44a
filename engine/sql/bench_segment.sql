-- What `leo bench segment` writes: people of whom a tenth satisfy the rule, and what they did.

-- name: people
-- A quarter live in Huế, half have enough orders, four of five are VIP; each tenth has bought something.
WITH made AS (
    INSERT INTO cdp_profiles (tenant_id, ext_id, name, locale, attributes)
    SELECT leo_tenant(), 'customer-' || n, 'Customer ' || n, 'vi', jsonb_build_object(
               'city', (ARRAY['Huế', 'Hà Nội', 'Đà Nẵng', 'Cần Thơ'])[1 + n %% 4],
               'orders', n / 4 %% 20,
               'labels', CASE WHEN n / 80 %% 5 = 0 THEN jsonb_build_array('B2B') ELSE jsonb_build_array('B2B', 'VIP') END,
               'tier', (ARRAY['gold', 'silver', 'bronze'])[1 + n %% 3],
               'total', n * 919 %% 9000000)
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
    RETURNING profile_id
)
INSERT INTO marketing_event (tenant_id, type, profile_id, occurred_at)
SELECT leo_tenant(), 'purchase', profile_id, now() - profile_id %% 300 * interval '1 day'
FROM made WHERE profile_id %% 10 = 0

-- name: churn
-- One in a hundred orders more than before, or has it all sent back.
UPDATE cdp_profiles
SET attributes = jsonb_set(attributes, '{orders}', to_jsonb(((attributes -> 'orders')::int + 10) %% 20))
WHERE profile_id %% 100 = 0

-- name: some_people
SELECT ext_id FROM cdp_profiles ORDER BY md5(ext_id) LIMIT %(count)s
