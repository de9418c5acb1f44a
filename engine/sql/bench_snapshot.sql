-- What `leo bench snapshot` writes, and the public baseline's way of freezing a list, re-enacted.

-- name: people
-- The first few are in the small segment, everybody is in the large one.
INSERT INTO cdp_profiles (tenant_id, ext_id, attributes)
SELECT leo_tenant(), 'customer-' || n, jsonb_build_object('first', n <= %(small)s, 'city', 'Huế', 'orders', n %% 20)
FROM generate_series(%(first)s::int, %(last)s::int) AS n

-- name: baseline_tables
-- Membership inside the profile, a foreign key for each member: as the public leo-activation keeps them.
CREATE TABLE baseline_profile (
    tenant_id uuid NOT NULL, profile_id text NOT NULL, segments jsonb NOT NULL, PRIMARY KEY (tenant_id, profile_id));
CREATE INDEX ON baseline_profile USING gin (segments jsonb_path_ops);
CREATE TABLE baseline_snapshot (
    tenant_id uuid NOT NULL, snapshot_id text NOT NULL, segment_name text, segment_version text, created_at timestamptz DEFAULT now(),
    PRIMARY KEY (tenant_id, snapshot_id));
CREATE TABLE baseline_member (
    tenant_id uuid NOT NULL, snapshot_id text NOT NULL, profile_id text NOT NULL, created_at timestamptz DEFAULT now(),
    PRIMARY KEY (tenant_id, snapshot_id, profile_id),
    FOREIGN KEY (tenant_id, snapshot_id) REFERENCES baseline_snapshot,
    FOREIGN KEY (tenant_id, profile_id) REFERENCES baseline_profile)

-- name: baseline_people
INSERT INTO baseline_profile (tenant_id, profile_id, segments)
SELECT tenant_id, ext_id, CASE WHEN attributes @> '{"first": true}' THEN '[{"id": "small", "name": "Small"}]' ELSE '[]' END::jsonb
FROM cdp_profiles

-- name: baseline_header
INSERT INTO baseline_snapshot (tenant_id, snapshot_id, segment_name, segment_version)
VALUES (%(tenant_id)s, %(snapshot_id)s, 'Small', 'v1')

-- name: baseline_members
INSERT INTO baseline_member (tenant_id, snapshot_id, profile_id)
SELECT tenant_id, %(snapshot_id)s, profile_id FROM baseline_profile
WHERE tenant_id = %(tenant_id)s AND segments @> '[{"id": "small"}]'
ON CONFLICT DO NOTHING
