-- What `leo bench sync` compares with: one row a statement into a wide table whose lists are columns of jsonb, every row
-- written whatever it held, under four GIN indexes.

-- name: baseline_table
CREATE TABLE baseline_profile (
    tenant_id          uuid NOT NULL,
    profile_id         text NOT NULL,
    identities         jsonb NOT NULL DEFAULT '[]',
    primary_email      text,
    secondary_emails   jsonb NOT NULL DEFAULT '[]',
    primary_phone      text,
    secondary_phones   jsonb NOT NULL DEFAULT '[]',
    first_name         text,
    last_name          text,
    living_location    text,
    living_country     text,
    living_city        text,
    job_titles         jsonb NOT NULL DEFAULT '[]',
    data_labels        jsonb NOT NULL DEFAULT '[]',
    content_keywords   jsonb NOT NULL DEFAULT '[]',
    media_channels     jsonb NOT NULL DEFAULT '[]',
    behavioral_events  jsonb NOT NULL DEFAULT '[]',
    segments           jsonb NOT NULL DEFAULT '[]',
    journeys           jsonb NOT NULL DEFAULT '[]',
    event_statistics   jsonb NOT NULL DEFAULT '{}',
    touchpoints        jsonb NOT NULL DEFAULT '[]',
    ext_data           jsonb NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, profile_id)
);

-- name: baseline_indexes
DO $$
DECLARE
    indexed text;
BEGIN
    FOREACH indexed IN ARRAY ARRAY['segments', 'identities', 'data_labels', 'event_statistics'] LOOP
        EXECUTE format('CREATE INDEX ON baseline_profile USING gin (%I)', indexed);
    END LOOP;
    CREATE TRIGGER baseline_profile_stamp BEFORE UPDATE ON baseline_profile FOR EACH ROW EXECUTE FUNCTION update_timestamp();
    GRANT SELECT, INSERT, UPDATE ON baseline_profile TO leo_app;
END $$

-- name: baseline_upsert
INSERT INTO baseline_profile (
    tenant_id, profile_id, identities, primary_email, secondary_emails, primary_phone, secondary_phones, first_name,
    last_name, living_location, living_country, living_city, job_titles, data_labels, content_keywords, media_channels,
    behavioral_events, segments, journeys, event_statistics, touchpoints, ext_data)
VALUES (
    %(tenant_id)s, %(profile_id)s, %(identities)s::jsonb, %(primary_email)s, %(secondary_emails)s::jsonb, %(primary_phone)s,
    %(secondary_phones)s::jsonb, %(first_name)s, %(last_name)s, %(living_location)s, %(living_country)s, %(living_city)s,
    %(job_titles)s::jsonb, %(data_labels)s::jsonb, %(content_keywords)s::jsonb, %(media_channels)s::jsonb,
    %(behavioral_events)s::jsonb, %(segments)s::jsonb, %(journeys)s::jsonb, %(event_statistics)s::jsonb,
    %(touchpoints)s::jsonb, %(ext_data)s::jsonb)
ON CONFLICT (tenant_id, profile_id) DO UPDATE SET
    identities = excluded.identities, primary_email = excluded.primary_email, secondary_emails = excluded.secondary_emails,
    primary_phone = excluded.primary_phone, secondary_phones = excluded.secondary_phones, first_name = excluded.first_name,
    last_name = excluded.last_name, living_location = excluded.living_location, living_country = excluded.living_country,
    living_city = excluded.living_city, job_titles = excluded.job_titles, data_labels = excluded.data_labels,
    content_keywords = excluded.content_keywords, media_channels = excluded.media_channels,
    behavioral_events = excluded.behavioral_events, segments = excluded.segments, journeys = excluded.journeys,
    event_statistics = excluded.event_statistics, touchpoints = excluded.touchpoints, ext_data = excluded.ext_data

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
