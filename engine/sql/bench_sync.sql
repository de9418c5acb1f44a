-- What `leo bench sync` compares with: the public leo-activation's table as it stands at 3d1e73c, one row a statement, every
-- row written whatever it held, under four GIN indexes and three of another kind. Mail addresses are text: the embedded
-- server has no citext, and its way stores none.

-- name: baseline_table
CREATE TABLE baseline_tenant (
    tenant_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_name  text NOT NULL
);
INSERT INTO baseline_tenant (tenant_name) VALUES ('master');
CREATE TABLE baseline_profile (
    tenant_id                    uuid NOT NULL REFERENCES baseline_tenant ON DELETE CASCADE,
    profile_id                   text PRIMARY KEY,
    identities                   jsonb NOT NULL DEFAULT '[]',
    primary_email                text,
    secondary_emails             jsonb NOT NULL DEFAULT '[]',
    primary_phone                text,
    secondary_phones             jsonb NOT NULL DEFAULT '[]',
    first_name                   text,
    last_name                    text,
    living_location              text,
    living_country               text,
    living_city                  text,
    job_titles                   jsonb NOT NULL DEFAULT '[]',
    data_labels                  jsonb NOT NULL DEFAULT '[]',
    content_keywords             jsonb NOT NULL DEFAULT '[]',
    media_channels               jsonb NOT NULL DEFAULT '[]',
    behavioral_events            jsonb NOT NULL DEFAULT '[]',
    segments                     jsonb NOT NULL DEFAULT '[]',
    journey_maps                 jsonb NOT NULL DEFAULT '[]',
    segment_snapshots            jsonb NOT NULL DEFAULT '[]',
    event_statistics             jsonb NOT NULL DEFAULT '{}',
    top_engaged_touchpoints      jsonb NOT NULL DEFAULT '[]',
    portfolio_snapshot           jsonb DEFAULT '{}',
    portfolio_risk_score         numeric(3, 2),
    portfolio_last_evaluated_at  timestamptz,
    interest_embedding           vector(1536),
    created_at                   timestamptz NOT NULL DEFAULT now(),
    updated_at                   timestamptz NOT NULL DEFAULT now(),
    ext_data                     jsonb NOT NULL DEFAULT '{}',
    status                       text NOT NULL DEFAULT 'active',
    UNIQUE (tenant_id, profile_id)
)

-- name: baseline_indexes
-- Its row security is not forced, and its tables' owner is who syncs; its triggers are those of an UPDATE.
CREATE INDEX ON baseline_profile (tenant_id, primary_email);
CREATE INDEX ON baseline_profile USING gin (identities);
CREATE INDEX ON baseline_profile USING gin (segments jsonb_path_ops);
CREATE INDEX ON baseline_profile USING gin (content_keywords);
CREATE INDEX ON baseline_profile USING gin (portfolio_snapshot);
ALTER TABLE baseline_profile ENABLE ROW LEVEL SECURITY;
CREATE POLICY baseline_border ON baseline_profile
    USING (tenant_id = current_setting('app.current_tenant_id', true)::uuid)
    WITH CHECK (tenant_id = current_setting('app.current_tenant_id', true)::uuid);
CREATE FUNCTION baseline_keep_snapshots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_array_length(NEW.segment_snapshots) < jsonb_array_length(OLD.segment_snapshots) THEN
        RAISE EXCEPTION 'snapshots are only ever added';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER baseline_profile_keep BEFORE UPDATE ON baseline_profile FOR EACH ROW EXECUTE FUNCTION baseline_keep_snapshots();
CREATE TRIGGER baseline_profile_stamp BEFORE UPDATE ON baseline_profile FOR EACH ROW EXECUTE FUNCTION update_timestamp()

-- name: baseline_look
SELECT 1 AS there

-- name: baseline_tenant
SELECT tenant_id::text AS tenant_id FROM baseline_tenant WHERE tenant_name = 'master'

-- name: baseline_enter
SELECT set_config('app.current_tenant_id', %(tenant_id)s, true)

-- name: baseline_upsert
INSERT INTO baseline_profile (
    tenant_id, profile_id, identities, primary_email, secondary_emails, primary_phone, secondary_phones, first_name,
    last_name, living_location, living_country, living_city, job_titles, data_labels, content_keywords, media_channels,
    behavioral_events, segments, journey_maps, event_statistics, top_engaged_touchpoints, ext_data)
VALUES (
    %(tenant_id)s, %(profile_id)s, %(identities)s::jsonb, %(primary_email)s, %(secondary_emails)s::jsonb, %(primary_phone)s,
    %(secondary_phones)s::jsonb, %(first_name)s, %(last_name)s, %(living_location)s, %(living_country)s, %(living_city)s,
    %(job_titles)s::jsonb, %(data_labels)s::jsonb, %(content_keywords)s::jsonb, %(media_channels)s::jsonb,
    %(behavioral_events)s::jsonb, %(segments)s::jsonb, %(journey_maps)s::jsonb, %(event_statistics)s::jsonb,
    %(top_engaged_touchpoints)s::jsonb, %(ext_data)s::jsonb)
ON CONFLICT (tenant_id, profile_id) DO UPDATE SET
    identities = excluded.identities, primary_email = excluded.primary_email, secondary_emails = excluded.secondary_emails,
    primary_phone = excluded.primary_phone, secondary_phones = excluded.secondary_phones, first_name = excluded.first_name,
    last_name = excluded.last_name, living_location = excluded.living_location, living_country = excluded.living_country,
    living_city = excluded.living_city, job_titles = excluded.job_titles, data_labels = excluded.data_labels,
    content_keywords = excluded.content_keywords, media_channels = excluded.media_channels,
    behavioral_events = excluded.behavioral_events, segments = excluded.segments, journey_maps = excluded.journey_maps,
    event_statistics = excluded.event_statistics, top_engaged_touchpoints = excluded.top_engaged_touchpoints,
    ext_data = excluded.ext_data

-- name: other_sessions
SELECT count(*) AS others FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()

-- name: rows_written
-- Rows inserted, updated and deleted so far in everything that people become, the graph's label tables among it.
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS written
FROM pg_stat_user_tables
WHERE relname IN ('cdp_profiles', 'profile_address', 'consent', 'relation_target', 'profile_relation', 'segment_member',
                  'event_key', 'duplicate', 'profile_merge', 'recheck')
   OR relname LIKE 'marketing\_event%%' OR schemaname LIKE 'leo\_%%'

-- name: read_anew
UPDATE sync_position SET at = '', key = ''
