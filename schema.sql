-- The whole schema of LEO Activation: tables, the tenant border, and the graph mirror. PostgreSQL 16 or later.
--
-- Run it as leo_owner after `leo db bootstrap` (extensions, roles, grants); `leo db upgrade` does both steps.
-- It is idempotent: a second run changes nothing. Sections:
--   1 ground        settings, ids, small functions
--   2 tables        one per word of the vocabulary
--   3 keeping       timestamps, immutable keys, records that nobody may change
--   4 graph mirror  which row is which vertex and edge, and the triggers that keep it so
--   5 tenants       a tenant makes its graph, leo_drop_tenant() removes both
--   6 border        row security, grants, what the router may see before a tenant is known

SET client_min_messages = warning;
SET search_path = public, ag_catalog;

DO $$
BEGIN
    IF current_setting('server_version_num')::int < 160000 THEN
        RAISE EXCEPTION 'PostgreSQL % is too old', current_setting('server_version')
            USING HINT = 'LEO Activation needs PostgreSQL 16 or later.';
    END IF;
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('leo_owner', 'leo_app', 'leo_router')) < 3
       OR (SELECT count(*) FROM pg_extension WHERE extname IN ('age', 'vector')) < 2 THEN
        RAISE EXCEPTION 'this database is not prepared: an extension or a role is missing'
            USING HINT = 'Run: leo db bootstrap';
    END IF;
    IF current_user <> 'leo_owner' THEN
        RAISE EXCEPTION 'schema.sql must run as leo_owner, not as %', current_user
            USING HINT = 'Run: leo db upgrade, or put SET ROLE leo_owner before it.';
    END IF;
END $$;

CREATE EXTENSION IF NOT EXISTS age;
CREATE EXTENSION IF NOT EXISTS vector;
DO $$
BEGIN
    -- A convenience for operators, if the server has it; nothing here depends on it.
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgcrypto') THEN
        CREATE EXTENSION IF NOT EXISTS pgcrypto;
    END IF;
END $$;


-- 1 ground ------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS schema_migration (
    version      int NOT NULL,
    applied_at   timestamptz NOT NULL DEFAULT now(),
    -- sha256 of the schema.sql that was applied last, so that an unchanged one need not be applied again.
    source_hash  bytea,
    CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);

-- One sequence numbers every record, so that a record's id is also its place in the graph: an AGE graphid is
-- 16 bits of label and 48 bits of entry, and _graphid(label, id) needs no look-up. 2^48 ids last 890 years at
-- 10,000 a second.
CREATE SEQUENCE IF NOT EXISTS leo_id MAXVALUE 281474976710655;

-- The tenant of this transaction, or NULL: then no row of any tenant is visible.
CREATE OR REPLACE FUNCTION leo_tenant() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('leo.tenant', true), '')::uuid;

-- One way to write an instant in the graph, whatever the session's zone: ISO 8601 in UTC with microseconds.
CREATE OR REPLACE FUNCTION leo_iso(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- A name in the form in which it is searched: its words in lower case without diacritics (Nguyễn, NGUYEN and nguyen are the
-- same), with a space for everything that is neither letter nor digit. Characters beyond ASCII only lose their diacritics.
CREATE OR REPLACE FUNCTION leo_plain(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(
    replace(replace(lower(regexp_replace(normalize(left(name, 400), NFD), '[\u0300-\u036f]+', '', 'g') COLLATE "C"), 'đ', 'd'), 'Đ', 'd'),
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000]+', ' ', 'g');

CREATE OR REPLACE FUNCTION leo_fold(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN string_to_array(leo_plain(name), ' ');

-- The same as an index stores it, each word behind a mark of its tenant, so that a search reads only its own tenant's
-- entries. A single expression without a query in it, because it is computed for each person that is written: 3.5 us instead
-- of 8. 500: a lexeme has at most 2,046 bytes.
CREATE OR REPLACE FUNCTION leo_words(border uuid, name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(array_remove(string_to_array(
    left(border::text, 8) || replace(left(leo_plain(coalesce(name, '')), 500), ' ', ' ' || left(border::text, 8)), ' '),
    left(border::text, 8)));

-- People whose words begin with each of these; NULL if nothing is searched for.
CREATE OR REPLACE FUNCTION leo_words_like(border uuid, asked text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT string_agg(quote_literal(left(border::text, 8) || left(word, 40)) || ':*', ' & ')
        FROM unnest(leo_fold(asked)) AS word WHERE word <> '')::tsquery;


-- 2 tables ------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS tenant (
    tenant_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    slug         text NOT NULL,
    graph_name   text NOT NULL GENERATED ALWAYS AS ('leo_' || slug) STORED,
    name         text NOT NULL,
    locale       text NOT NULL DEFAULT 'vi',
    zone         text NOT NULL DEFAULT 'Asia/Ho_Chi_Minh',
    status       text NOT NULL DEFAULT 'active',
    -- Salts the hash of a decision's inputs, so that a hash does not reveal a small input.
    inputs_salt  bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    settings     jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_slug_unique UNIQUE (slug),
    -- It becomes a graph's name, which AGE cannot take as a parameter.
    CONSTRAINT tenant_slug_shape CHECK (slug ~ '^[a-z][a-z0-9_]{2,40}$'),
    CONSTRAINT tenant_status_known CHECK (status IN ('active', 'suspended'))
);
-- How many days stay live, for counting what waits to be archived; NULL if nothing does.
ALTER TABLE tenant
    ADD COLUMN IF NOT EXISTS archive_after_days int GENERATED ALWAYS AS ((settings ->> 'archive_after_days')::int) STORED;

-- Outlives the tenant: who removed it, when, why and how much.
CREATE TABLE IF NOT EXISTS tenant_removal (
    tenant_id   uuid NOT NULL,
    slug        text NOT NULL,
    reason      text NOT NULL,
    removed_by  text NOT NULL,
    removed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed     jsonb NOT NULL,
    CONSTRAINT tenant_removal_pkey PRIMARY KEY (tenant_id)
);

CREATE TABLE IF NOT EXISTS api_key (
    tenant_id   uuid NOT NULL,
    api_key_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    name        text NOT NULL,
    prefix      text NOT NULL,
    key_hash    bytea NOT NULL,
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz,
    revoked_at  timestamptz,
    CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, api_key_id),
    CONSTRAINT api_key_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT api_key_hash_unique UNIQUE (key_hash),
    CONSTRAINT api_key_hash_length CHECK (octet_length(key_hash) = 32)
);

-- Answers already given, by the caller's Idempotency-Key. The nil UUID is the platform's own border: creating a
-- tenant has to be idempotent before the tenant exists, hence no foreign key.
CREATE TABLE IF NOT EXISTS idempotency_key (
    tenant_id        uuid NOT NULL,
    key              text NOT NULL,
    operation        text NOT NULL,
    request_hash     bytea NOT NULL,
    response_status  int,
    response         jsonb,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (tenant_id, operation, key),
    CONSTRAINT idempotency_key_length CHECK (length(key) BETWEEN 1 AND 255)
);
-- What a request that commits in parts has begun; a repeated request continues from there.
ALTER TABLE idempotency_key ADD COLUMN IF NOT EXISTS run_id bigint;

CREATE TABLE IF NOT EXISTS cdp_profiles (
    tenant_id          uuid NOT NULL,
    profile_id         bigint NOT NULL DEFAULT nextval('leo_id'),
    ext_id             text NOT NULL,
    status             text NOT NULL DEFAULT 'active',
    merged_into        bigint,
    name               text,
    locale             text,
    zone               text,
    attributes         jsonb NOT NULL DEFAULT '{}',
    source             text NOT NULL DEFAULT 'api',
    source_updated_at  timestamptz,
    -- The source's own revision of the document taken last (ArangoDB's _rev), and the survivor that it names in a merge.
    source_rev         text,
    source_root        text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cdp_profiles_pkey PRIMARY KEY (tenant_id, profile_id),
    CONSTRAINT cdp_profiles_ext_id_unique UNIQUE (tenant_id, ext_id),
    CONSTRAINT cdp_profiles_ext_id_length CHECK (length(ext_id) BETWEEN 1 AND 255),
    CONSTRAINT cdp_profiles_merged_fkey FOREIGN KEY (tenant_id, merged_into) REFERENCES cdp_profiles,
    CONSTRAINT cdp_profiles_status_known CHECK (status IN ('active', 'merged', 'deleted')),
    CONSTRAINT cdp_profiles_merged_known CHECK ((status = 'merged') = (merged_into IS NOT NULL)),
    CONSTRAINT cdp_profiles_attributes_object CHECK (jsonb_typeof(attributes) = 'object')
);
CREATE INDEX IF NOT EXISTS cdp_profiles_attributes_idx ON cdp_profiles USING gin (attributes jsonb_path_ops);
CREATE INDEX IF NOT EXISTS cdp_profiles_merged_idx ON cdp_profiles (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
ALTER TABLE cdp_profiles ADD COLUMN IF NOT EXISTS source_rev text, ADD COLUMN IF NOT EXISTS source_root text;
-- A loser may arrive before its winner; it is redirected when the winner is there.
CREATE INDEX IF NOT EXISTS cdp_profiles_root_idx ON cdp_profiles (tenant_id, source_root) WHERE source_root IS NOT NULL;

-- The words of the name, for searching people by them.
ALTER TABLE cdp_profiles ADD COLUMN IF NOT EXISTS words tsvector GENERATED ALWAYS AS (leo_words(tenant_id, name)) STORED;
CREATE INDEX IF NOT EXISTS cdp_profiles_words_idx ON cdp_profiles USING gin (words);

-- Who was merged into whom, why and by whom; undoing keeps the record and says so.
CREATE TABLE IF NOT EXISTS profile_merge (
    tenant_id  uuid NOT NULL,
    merge_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    loser_id   bigint NOT NULL,
    winner_id  bigint NOT NULL,
    reason     text NOT NULL,
    evidence   jsonb NOT NULL DEFAULT '[]',
    merged_by  text NOT NULL,
    merged_at  timestamptz NOT NULL DEFAULT now(),
    undone_at  timestamptz,
    undone_by  text,
    CONSTRAINT profile_merge_pkey PRIMARY KEY (tenant_id, merge_id),
    CONSTRAINT profile_merge_loser_fkey FOREIGN KEY (tenant_id, loser_id) REFERENCES cdp_profiles ON DELETE CASCADE,
    CONSTRAINT profile_merge_winner_fkey FOREIGN KEY (tenant_id, winner_id) REFERENCES cdp_profiles ON DELETE CASCADE,
    CONSTRAINT profile_merge_two CHECK (loser_id <> winner_id),
    CONSTRAINT profile_merge_undone_complete CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS profile_merge_active_unique ON profile_merge (tenant_id, loser_id) WHERE undone_at IS NULL;
CREATE INDEX IF NOT EXISTS profile_merge_winner_idx ON profile_merge (tenant_id, winner_id);

-- Two profiles that may be one person, and by what; a pair that somebody refused is not proposed again.
CREATE TABLE IF NOT EXISTS duplicate (
    tenant_id     uuid NOT NULL,
    duplicate_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id    bigint NOT NULL,
    other_id      bigint NOT NULL,
    channel       text NOT NULL,
    status        text NOT NULL DEFAULT 'proposed',
    found_at      timestamptz NOT NULL DEFAULT now(),
    decided_at    timestamptz,
    decided_by    text,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT duplicate_pkey PRIMARY KEY (tenant_id, duplicate_id),
    CONSTRAINT duplicate_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles ON DELETE CASCADE,
    CONSTRAINT duplicate_other_fkey FOREIGN KEY (tenant_id, other_id) REFERENCES cdp_profiles ON DELETE CASCADE,
    CONSTRAINT duplicate_pair_unique UNIQUE (tenant_id, profile_id, other_id, channel),
    CONSTRAINT duplicate_ordered CHECK (profile_id < other_id),
    CONSTRAINT duplicate_status_known CHECK (status IN ('proposed', 'merged', 'refused')),
    CONSTRAINT duplicate_decided_complete CHECK ((status = 'proposed') = (decided_at IS NULL))
);
CREATE INDEX IF NOT EXISTS duplicate_other_idx ON duplicate (tenant_id, other_id);

-- A table apart from cdp_profiles, because otherwise each update of a profile would add to the HNSW index again.
CREATE TABLE IF NOT EXISTS profile_embedding (
    tenant_id   uuid NOT NULL,
    profile_id  bigint NOT NULL,
    model       text NOT NULL,
    embedding   vector(384) NOT NULL,
    -- sha256 of the embedded text, so that an unchanged text is not embedded again.
    text_hash   bytea,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT profile_embedding_pkey PRIMARY KEY (tenant_id, profile_id),
    CONSTRAINT profile_embedding_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles ON DELETE CASCADE
);
ALTER TABLE profile_embedding ADD COLUMN IF NOT EXISTS text_hash bytea;
CREATE INDEX IF NOT EXISTS profile_embedding_hnsw_idx ON profile_embedding USING hnsw (embedding vector_cosine_ops);

CREATE TABLE IF NOT EXISTS profile_address (
    tenant_id   uuid NOT NULL,
    address_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id  bigint NOT NULL,
    channel     text NOT NULL,
    value       text NOT NULL,
    valid       boolean NOT NULL DEFAULT true,
    -- Why an address is not valid: a bad address is stored with its reason, never dropped silently.
    reason      text,
    source      text NOT NULL DEFAULT 'api',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- No key of address_id alone, nor of consent_id or relation_id below: nobody looks one up (docs/decisions/0070).
    CONSTRAINT profile_address_unique UNIQUE (tenant_id, profile_id, channel, value),
    CONSTRAINT profile_address_value_length CHECK (length(value) BETWEEN 1 AND 2048),
    CONSTRAINT profile_address_reason_known CHECK (valid OR reason IS NOT NULL)
);
ALTER TABLE profile_address DROP CONSTRAINT IF EXISTS profile_address_pkey;
CREATE INDEX IF NOT EXISTS profile_address_value_idx ON profile_address (tenant_id, channel, value);

CREATE TABLE IF NOT EXISTS relation_target (
    tenant_id   uuid NOT NULL,
    target_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    kind        text NOT NULL,
    key         text NOT NULL,
    name        text NOT NULL,
    attributes  jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT relation_target_pkey PRIMARY KEY (tenant_id, target_id),
    CONSTRAINT relation_target_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT relation_target_key_unique UNIQUE (tenant_id, kind, key),
    CONSTRAINT relation_target_kind_unique UNIQUE (tenant_id, target_id, kind),
    CONSTRAINT relation_target_kind_known CHECK (kind IN ('Topic', 'Touchpoint', 'Product'))
);

CREATE TABLE IF NOT EXISTS profile_relation (
    tenant_id          uuid NOT NULL,
    relation_id        bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id         bigint NOT NULL,
    kind               text NOT NULL,
    target_id          bigint,
    target_profile_id  bigint,
    -- The target of a kind is of one kind too, which makes the reference to it exact (reference_kept).
    target_kind        text GENERATED ALWAYS AS (
        CASE kind WHEN 'INTERESTED_IN' THEN 'Topic' WHEN 'ENGAGED' THEN 'Touchpoint' WHEN 'BOUGHT' THEN 'Product' END) STORED,
    weight             double precision NOT NULL DEFAULT 1,
    occurred_at        timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT profile_relation_unique UNIQUE NULLS NOT DISTINCT (tenant_id, profile_id, kind, target_id, target_profile_id),
    CONSTRAINT profile_relation_kind_known CHECK (kind IN ('INTERESTED_IN', 'ENGAGED', 'BOUGHT', 'KNOWS')),
    CONSTRAINT profile_relation_weight_finite CHECK (weight > '-Infinity' AND weight < 'Infinity'),
    CONSTRAINT profile_relation_one_target CHECK (
        CASE WHEN kind = 'KNOWS' THEN target_profile_id IS NOT NULL AND target_id IS NULL
             ELSE target_id IS NOT NULL AND target_profile_id IS NULL END)
);
ALTER TABLE profile_relation DROP CONSTRAINT IF EXISTS profile_relation_pkey;
DROP INDEX IF EXISTS profile_relation_target_idx;
CREATE INDEX IF NOT EXISTS profile_relation_knows_idx ON profile_relation (tenant_id, target_profile_id)
    WHERE target_profile_id IS NOT NULL;

-- Append-only: the newest row for a channel and purpose counts; channel NULL means every channel.
CREATE TABLE IF NOT EXISTS consent (
    tenant_id   uuid NOT NULL,
    consent_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id  bigint NOT NULL,
    channel     text,
    purpose     text NOT NULL DEFAULT 'marketing',
    granted     boolean NOT NULL,
    basis       text NOT NULL DEFAULT 'consent',
    source      text NOT NULL DEFAULT 'api',
    at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT consent_unique UNIQUE NULLS NOT DISTINCT (tenant_id, profile_id, channel, purpose, at)
);
ALTER TABLE consent DROP CONSTRAINT IF EXISTS consent_pkey;

CREATE TABLE IF NOT EXISTS suppression (
    tenant_id       uuid NOT NULL,
    suppression_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id      bigint,
    channel         text,
    address         text,
    reason          text NOT NULL,
    source          text NOT NULL DEFAULT 'api',
    at              timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    CONSTRAINT suppression_pkey PRIMARY KEY (tenant_id, suppression_id),
    CONSTRAINT suppression_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT suppression_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles ON DELETE CASCADE,
    CONSTRAINT suppression_unique UNIQUE NULLS NOT DISTINCT (tenant_id, profile_id, channel, address, reason),
    CONSTRAINT suppression_someone CHECK (profile_id IS NOT NULL OR address IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS suppression_profile_idx ON suppression (tenant_id, profile_id) WHERE profile_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS suppression_address_idx ON suppression (tenant_id, address) WHERE address IS NOT NULL;

CREATE TABLE IF NOT EXISTS marketing_event (
    tenant_id    uuid NOT NULL,
    event_id     bigint NOT NULL DEFAULT nextval('leo_id'),
    ext_id       text,
    type         text NOT NULL,
    profile_id   bigint,
    occurred_at  timestamptz NOT NULL DEFAULT now(),
    received_at  timestamptz NOT NULL DEFAULT now(),
    source       text NOT NULL DEFAULT 'api',
    attributes   jsonb NOT NULL DEFAULT '{}',
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT marketing_event_pkey PRIMARY KEY (tenant_id, event_id),
    CONSTRAINT marketing_event_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT marketing_event_profile_fkey FOREIGN KEY (tenant_id, profile_id)
        REFERENCES cdp_profiles ON DELETE SET NULL (profile_id),
    CONSTRAINT marketing_event_type_length CHECK (length(type) BETWEEN 1 AND 100)
) PARTITION BY HASH (tenant_id, event_id);
DO $$
BEGIN
    FOR i IN 0..15 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS marketing_event_%s PARTITION OF marketing_event '
                       'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', to_char(i, 'FM00'), i);
    END LOOP;
END $$;
CREATE INDEX IF NOT EXISTS marketing_event_profile_idx ON marketing_event (tenant_id, profile_id, occurred_at);
CREATE INDEX IF NOT EXISTS marketing_event_type_idx ON marketing_event (tenant_id, type, occurred_at) INCLUDE (profile_id);

-- Makes an event's own key unique, which the event table cannot, because its partition key contains our id.
CREATE TABLE IF NOT EXISTS event_key (
    tenant_id  uuid NOT NULL,
    ext_id     text NOT NULL,
    event_id   bigint NOT NULL,
    CONSTRAINT event_key_pkey PRIMARY KEY (tenant_id, ext_id),
    CONSTRAINT event_key_event_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES marketing_event
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT event_key_ext_id_length CHECK (length(ext_id) BETWEEN 1 AND 255)
);
CREATE INDEX IF NOT EXISTS event_key_event_idx ON event_key (tenant_id, event_id);

CREATE TABLE IF NOT EXISTS segment (
    tenant_id     uuid NOT NULL,
    segment_id    bigint NOT NULL DEFAULT nextval('leo_id'),
    key           text NOT NULL,
    name          text NOT NULL,
    version       int NOT NULL DEFAULT 1,
    rule          jsonb NOT NULL DEFAULT '{"all": []}',
    centre        vector(384),
    -- Types of events that can change who belongs; '*' stands for every type.
    event_types   text[] NOT NULL DEFAULT '{}',
    -- A cron expression of five fields in `zone`; without one the segment is refreshed on request.
    schedule      text,
    zone          text,
    due_at        timestamptz,
    refreshed_at  timestamptz,
    archived_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT segment_pkey PRIMARY KEY (tenant_id, segment_id),
    CONSTRAINT segment_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT segment_key_unique UNIQUE (tenant_id, key),
    CONSTRAINT segment_version_positive CHECK (version > 0)
);
ALTER TABLE segment
    ADD COLUMN IF NOT EXISTS event_types text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS schedule text,
    ADD COLUMN IF NOT EXISTS zone text,
    ADD COLUMN IF NOT EXISTS due_at timestamptz,
    ADD COLUMN IF NOT EXISTS archived_at timestamptz,
    -- Who saved the present content, and when; a refresh does not count as saving.
    ADD COLUMN IF NOT EXISTS saved_by text,
    ADD COLUMN IF NOT EXISTS saved_at timestamptz;
CREATE INDEX IF NOT EXISTS segment_centre_hnsw_idx ON segment USING hnsw (centre vector_cosine_ops);
CREATE INDEX IF NOT EXISTS segment_due_idx ON segment (tenant_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS segment_version (
    tenant_id   uuid NOT NULL,
    segment_id  bigint NOT NULL,
    version     int NOT NULL,
    rule        jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT segment_version_pkey PRIMARY KEY (tenant_id, segment_id, version),
    CONSTRAINT segment_version_segment_fkey FOREIGN KEY (tenant_id, segment_id) REFERENCES segment ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS segment_member (
    tenant_id   uuid NOT NULL,
    segment_id  bigint NOT NULL,
    profile_id  bigint NOT NULL,
    member_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    joined_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT segment_member_pkey PRIMARY KEY (tenant_id, segment_id, profile_id),
    CONSTRAINT segment_member_id_unique UNIQUE (tenant_id, member_id),
    CONSTRAINT segment_member_segment_fkey FOREIGN KEY (tenant_id, segment_id) REFERENCES segment ON DELETE CASCADE,
    CONSTRAINT segment_member_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS segment_member_profile_idx ON segment_member (tenant_id, profile_id);

-- A time at which membership was brought up to date: for everybody (schedule, request, snapshot) or for a few (event).
CREATE TABLE IF NOT EXISTS segment_refresh (
    tenant_id    uuid NOT NULL,
    refresh_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    segment_id   bigint NOT NULL,
    version      int NOT NULL,
    cause        text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    joined       bigint NOT NULL DEFAULT 0,
    "left"       bigint NOT NULL DEFAULT 0,
    size         bigint,
    took_ms      double precision,
    CONSTRAINT segment_refresh_pkey PRIMARY KEY (tenant_id, refresh_id),
    CONSTRAINT segment_refresh_segment_fkey FOREIGN KEY (tenant_id, segment_id) REFERENCES segment ON DELETE CASCADE,
    CONSTRAINT segment_refresh_cause_known CHECK (cause IN ('request', 'schedule', 'snapshot', 'event', 'sync'))
);
CREATE INDEX IF NOT EXISTS segment_refresh_segment_idx ON segment_refresh (tenant_id, segment_id, at);

-- Who joined and who left at that time. No foreign keys: they cost 12 us per row instead of 6, and history outlives the
-- profile.
CREATE TABLE IF NOT EXISTS segment_change (
    tenant_id   uuid NOT NULL,
    refresh_id  bigint NOT NULL,
    profile_id  bigint NOT NULL,
    joined      boolean NOT NULL,
    CONSTRAINT segment_change_pkey PRIMARY KEY (tenant_id, refresh_id, profile_id)
);
CREATE INDEX IF NOT EXISTS segment_change_profile_idx ON segment_change (tenant_id, profile_id);

-- People whose segments an event or a change may have moved: work for the realtime lane, one row per person however many
-- come.
CREATE TABLE IF NOT EXISTS recheck (
    tenant_id    uuid NOT NULL,
    profile_id   bigint NOT NULL,
    -- Empty: the person changed, so every segment is checked.
    event_types  text[] NOT NULL DEFAULT '{}',
    due_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT recheck_pkey PRIMARY KEY (tenant_id, profile_id),
    CONSTRAINT recheck_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS recheck_due_idx ON recheck (tenant_id, due_at);

CREATE TABLE IF NOT EXISTS segment_snapshot (
    tenant_id        uuid NOT NULL,
    snapshot_id      bigint NOT NULL DEFAULT nextval('leo_id'),
    segment_id       bigint NOT NULL,
    segment_version  int NOT NULL,
    rule             jsonb NOT NULL,
    -- The caller's own key; a repeated request with it finds the snapshot it made.
    key              text,
    -- The rule as a person reads it, by language: {"en": ..., "vi": ...}.
    rule_text        jsonb NOT NULL DEFAULT '{}',
    member_count     bigint NOT NULL,
    -- sha256 over the members' ids, 8 bytes big-endian each, in ascending order
    members_hash     bytea NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    created_xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT segment_snapshot_pkey PRIMARY KEY (tenant_id, snapshot_id),
    CONSTRAINT segment_snapshot_segment_fkey FOREIGN KEY (tenant_id, segment_id) REFERENCES segment,
    CONSTRAINT segment_snapshot_hash_length CHECK (octet_length(members_hash) = 32)
);
ALTER TABLE segment_snapshot
    ADD COLUMN IF NOT EXISTS key text,
    ADD COLUMN IF NOT EXISTS rule_text jsonb NOT NULL DEFAULT '{}';
CREATE INDEX IF NOT EXISTS segment_snapshot_segment_idx ON segment_snapshot (tenant_id, segment_id, created_at);
CREATE UNIQUE INDEX IF NOT EXISTS segment_snapshot_key_unique ON segment_snapshot (tenant_id, key) WHERE key IS NOT NULL;

-- No foreign keys: a trigger checks snapshot and profiles once per statement (6.4 us per row instead of 12.2), and a member
-- stays listed after its profile has been erased.
CREATE TABLE IF NOT EXISTS segment_snapshot_member (
    tenant_id    uuid NOT NULL,
    snapshot_id  bigint NOT NULL,
    profile_id   bigint NOT NULL,
    CONSTRAINT segment_snapshot_member_pkey PRIMARY KEY (tenant_id, snapshot_id, profile_id)
);

CREATE TABLE IF NOT EXISTS channel (
    tenant_id    uuid NOT NULL,
    channel_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    kind         text NOT NULL,
    name         text NOT NULL,
    status       text NOT NULL DEFAULT 'connected',
    settings     jsonb NOT NULL DEFAULT '{}',
    -- Identifies the tenant in a webhook's address; useless without the provider's signature.
    webhook_key  text NOT NULL DEFAULT translate(gen_random_uuid()::text, '-', ''),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_pkey PRIMARY KEY (tenant_id, channel_id),
    CONSTRAINT channel_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT channel_name_unique UNIQUE (tenant_id, name),
    CONSTRAINT channel_webhook_key_unique UNIQUE (webhook_key),
    CONSTRAINT channel_kind_known CHECK (kind IN
        ('email', 'zalo_oa', 'zalo_template', 'facebook', 'telegram', 'app_push', 'web_push', 'chat')),
    CONSTRAINT channel_status_known CHECK (status IN ('connected', 'paused', 'disconnected'))
);

-- Channels of one kind that have a number here stand in for each other: the lowest that works sends.
ALTER TABLE channel ADD COLUMN IF NOT EXISTS failover int;

-- How freely a channel may be called now, for all workers together; the row is made when it first matters.
CREATE TABLE IF NOT EXISTS channel_gate (
    tenant_id    uuid NOT NULL,
    channel_id   bigint NOT NULL,
    -- The instant until which the provider's rate is used up (rules/limits.py).
    spent_until  timestamptz,
    circuit      text NOT NULL DEFAULT 'working',
    -- Nobody calls before this: the provider asked for it, or it is broken, or somebody is probing whether it still is.
    held_until   timestamptz,
    -- Counts in a row: failed calls, times found broken, times told "too fast", times told "you may not".
    failures     int NOT NULL DEFAULT 0,
    breaks       int NOT NULL DEFAULT 0,
    slowdowns    int NOT NULL DEFAULT 0,
    denials      int NOT NULL DEFAULT 0,
    reason       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_gate_pkey PRIMARY KEY (tenant_id, channel_id),
    CONSTRAINT channel_gate_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES channel ON DELETE CASCADE,
    CONSTRAINT channel_gate_circuit_known CHECK (circuit IN ('working', 'broken', 'probing'))
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS channel_credential (
    tenant_id   uuid NOT NULL,
    channel_id  bigint NOT NULL,
    name        text NOT NULL,
    ciphertext  bytea NOT NULL,
    key_name    text NOT NULL,
    expires_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_credential_pkey PRIMARY KEY (tenant_id, channel_id, name),
    CONSTRAINT channel_credential_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES channel ON DELETE CASCADE
);

-- The OAuth token of a channel: when it ends and when to look at it next; the row is the lock under which it is renewed.
CREATE TABLE IF NOT EXISTS channel_token (
    tenant_id    uuid NOT NULL,
    channel_id   bigint NOT NULL,
    -- NULL: it does not end, or nobody says when.
    ends_at      timestamptz,
    -- NULL: there is nothing to keep, or only a person can fix it.
    due_at       timestamptz,
    renewed_at   timestamptz,
    -- A renewal that never finished, because its worker was killed while the provider was asked.
    begun_at     timestamptz,
    warning      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_token_pkey PRIMARY KEY (tenant_id, channel_id),
    CONSTRAINT channel_token_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES channel ON DELETE CASCADE
);
-- The warning as a kind (rules/faults/channels.py), so that it can be put into any language.
ALTER TABLE channel_token ADD COLUMN IF NOT EXISTS fault jsonb;
CREATE INDEX IF NOT EXISTS channel_token_due_idx ON channel_token (tenant_id, due_at) WHERE due_at IS NOT NULL;

-- A consent that was begun at a provider, until its administrator comes back with a code, once. What the exchange needs (the
-- application's secret, the code verifier, settings of the channel) is sealed for this row.
CREATE TABLE IF NOT EXISTS channel_consent (
    tenant_id   uuid NOT NULL,
    consent_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    kind        text NOT NULL,
    name        text NOT NULL,
    begun_by    text NOT NULL,
    ciphertext  bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channel_consent_pkey PRIMARY KEY (tenant_id, consent_id),
    CONSTRAINT channel_consent_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);

-- The password of the tenant's reader, sealed like a channel's credentials; the server only has a hash of it.
CREATE TABLE IF NOT EXISTS reader_credential (
    tenant_id   uuid NOT NULL,
    ciphertext  bytea NOT NULL,
    key_name    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reader_credential_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT reader_credential_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);

-- Who asked the graph what, when, and with what result, including refused queries. `ticket` is the asker's name for a query.
CREATE TABLE IF NOT EXISTS query_history (
    tenant_id    uuid NOT NULL,
    query_id     bigint NOT NULL DEFAULT nextval('leo_id'),
    ticket       uuid NOT NULL DEFAULT gen_random_uuid(),
    kind         text NOT NULL,
    text         text NOT NULL,
    parameters   jsonb NOT NULL DEFAULT '{}',
    asked_by     text NOT NULL,
    status       text NOT NULL DEFAULT 'running',
    row_count    int,
    took_ms      double precision,
    error        text,
    stop_asked   boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT query_history_pkey PRIMARY KEY (tenant_id, query_id),
    CONSTRAINT query_history_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT query_history_ticket_unique UNIQUE (tenant_id, ticket),
    CONSTRAINT query_history_kind_known CHECK (kind IN ('query', 'plan', 'expand')),
    CONSTRAINT query_history_status_known CHECK (status IN ('running', 'done', 'refused', 'failed', 'stopped', 'timed_out'))
);
CREATE INDEX IF NOT EXISTS query_history_asked_by_idx ON query_history (tenant_id, asked_by, query_id);

CREATE TABLE IF NOT EXISTS saved_query (
    tenant_id   uuid NOT NULL,
    saved_id    bigint NOT NULL DEFAULT nextval('leo_id'),
    name        text NOT NULL,
    note        text,
    text        text NOT NULL,
    parameters  jsonb NOT NULL DEFAULT '{}',
    saved_by    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saved_query_pkey PRIMARY KEY (tenant_id, saved_id),
    CONSTRAINT saved_query_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT saved_query_name_unique UNIQUE (tenant_id, name)
);

CREATE TABLE IF NOT EXISTS message_template (
    tenant_id    uuid NOT NULL,
    template_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    key          text NOT NULL,
    version      int NOT NULL DEFAULT 1,
    channel      text NOT NULL,
    status       text NOT NULL DEFAULT 'draft',
    locale       text NOT NULL DEFAULT 'vi',
    subject      text,
    body_text    text,
    body_html    text,
    embedding    vector(384),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT message_template_pkey PRIMARY KEY (tenant_id, template_id),
    CONSTRAINT message_template_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT message_template_version_unique UNIQUE (tenant_id, key, channel, version),
    CONSTRAINT message_template_status_known CHECK (status IN ('draft', 'approved', 'retired')),
    CONSTRAINT message_template_body CHECK (body_text IS NOT NULL OR body_html IS NOT NULL)
);
-- The topics of a template, for the score and for models; which model embedded it, and which text.
ALTER TABLE message_template
    ADD COLUMN IF NOT EXISTS topics text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS embedding_model text,
    ADD COLUMN IF NOT EXISTS text_hash bytea;
-- `body_html` is what `body_mjml` was compiled to, if there is any. `data` is what only its channel understands (buttons, the
-- parameters of a provider's template); every text in it is a template. `translations` has the same parts by locale.
ALTER TABLE message_template
    ADD COLUMN IF NOT EXISTS body_mjml text,
    ADD COLUMN IF NOT EXISTS data jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS translations jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS saved_by text,
    ADD COLUMN IF NOT EXISTS approved_by text,
    ADD COLUMN IF NOT EXISTS approved_at timestamptz;
-- A template of a provider's own has its parameters for a body.
ALTER TABLE message_template DROP CONSTRAINT IF EXISTS message_template_body;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'message_template_content') THEN
        ALTER TABLE message_template
            ADD CONSTRAINT message_template_content CHECK (body_text IS NOT NULL OR body_html IS NOT NULL OR data <> '{}');
    END IF;
END $$;
CREATE INDEX IF NOT EXISTS message_template_hnsw_idx ON message_template USING hnsw (embedding vector_cosine_ops);

CREATE TABLE IF NOT EXISTS policy (
    tenant_id   uuid NOT NULL,
    policy_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    key         text NOT NULL DEFAULT 'default',
    version     int NOT NULL DEFAULT 1,
    document    jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT policy_pkey PRIMARY KEY (tenant_id, policy_id),
    CONSTRAINT policy_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT policy_version_unique UNIQUE (tenant_id, key, version)
);
-- A draft is tried out and compared, but never used for deciding: the newest version that is not a draft is in force.
-- Switching a draft on makes it the next version, because a version never changes.
ALTER TABLE policy
    ADD COLUMN IF NOT EXISTS draft boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS from_version int,
    ADD COLUMN IF NOT EXISTS note text;

CREATE TABLE IF NOT EXISTS campaign (
    tenant_id      uuid NOT NULL,
    campaign_id    bigint NOT NULL DEFAULT nextval('leo_id'),
    key            text NOT NULL,
    name           text NOT NULL,
    purpose        text NOT NULL DEFAULT 'marketing',
    status         text NOT NULL DEFAULT 'draft',
    segment_id     bigint,
    policy_id      bigint,
    -- An always-on campaign names the type of event at which it decides.
    trigger_type   text,
    -- Or a segment; its joiners or leavers make the campaign decide: 'joined', 'left'.
    trigger_segment_id  bigint,
    trigger_change      text,
    starts_at      timestamptz,
    ends_at        timestamptz,
    priority       int NOT NULL DEFAULT 0,
    control_share  double precision NOT NULL DEFAULT 0,
    resend         boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_pkey PRIMARY KEY (tenant_id, campaign_id),
    CONSTRAINT campaign_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT campaign_segment_fkey FOREIGN KEY (tenant_id, segment_id) REFERENCES segment,
    CONSTRAINT campaign_policy_fkey FOREIGN KEY (tenant_id, policy_id) REFERENCES policy,
    CONSTRAINT campaign_key_unique UNIQUE (tenant_id, key),
    CONSTRAINT campaign_status_known CHECK (status IN ('draft', 'active', 'paused', 'ended')),
    CONSTRAINT campaign_window_order CHECK (starts_at < ends_at),
    CONSTRAINT campaign_control_share_range CHECK (control_share BETWEEN 0 AND 1)
);
ALTER TABLE campaign
    -- Who saved the present content, and when; starting and pausing do not count as saving.
    ADD COLUMN IF NOT EXISTS saved_by text,
    ADD COLUMN IF NOT EXISTS saved_at timestamptz,
    ADD COLUMN IF NOT EXISTS trigger_segment_id bigint,
    ADD COLUMN IF NOT EXISTS trigger_change text;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'campaign_trigger_change_known') THEN
        ALTER TABLE campaign
            ADD CONSTRAINT campaign_trigger_segment_fkey FOREIGN KEY (tenant_id, trigger_segment_id) REFERENCES segment,
            ADD CONSTRAINT campaign_trigger_change_known CHECK (trigger_change IN ('joined', 'left')),
            ADD CONSTRAINT campaign_trigger_complete CHECK ((trigger_segment_id IS NULL) = (trigger_change IS NULL));
    END IF;
END $$;
-- What a campaign may spend, in total or per day of the tenant: {"messages": 10000, "amount": 5000000, "per": "campaign"}.
ALTER TABLE campaign ADD COLUMN IF NOT EXISTS budget jsonb;
-- How long after it was queued a message may still be sent; if NULL, as long as rules/expiry.py says for its lane.
ALTER TABLE campaign ADD COLUMN IF NOT EXISTS good_for_minutes int
    CONSTRAINT campaign_good_for_range CHECK (good_for_minutes BETWEEN 1 AND 525600);
CREATE INDEX IF NOT EXISTS campaign_trigger_segment_idx ON campaign (tenant_id, trigger_segment_id)
    WHERE trigger_segment_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS campaign_segment_idx ON campaign (tenant_id, segment_id);
CREATE INDEX IF NOT EXISTS campaign_trigger_idx ON campaign (tenant_id, trigger_type) WHERE trigger_type IS NOT NULL;

-- What a campaign with a budget spent on a day of the tenant; its row is locked while a batch is decided.
CREATE TABLE IF NOT EXISTS campaign_spend (
    tenant_id    uuid NOT NULL,
    campaign_id  bigint NOT NULL,
    day          date NOT NULL,
    messages     bigint NOT NULL DEFAULT 0,
    amount       numeric(18, 4) NOT NULL DEFAULT 0,
    CONSTRAINT campaign_spend_pkey PRIMARY KEY (tenant_id, campaign_id, day),
    CONSTRAINT campaign_spend_campaign_fkey FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS campaign_template (
    tenant_id    uuid NOT NULL,
    campaign_id  bigint NOT NULL,
    template_id  bigint NOT NULL,
    position     int NOT NULL DEFAULT 0,
    CONSTRAINT campaign_template_pkey PRIMARY KEY (tenant_id, campaign_id, template_id),
    CONSTRAINT campaign_template_campaign_fkey FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign ON DELETE CASCADE,
    CONSTRAINT campaign_template_template_fkey FOREIGN KEY (tenant_id, template_id) REFERENCES message_template
);

CREATE TABLE IF NOT EXISTS campaign_run (
    tenant_id    uuid NOT NULL,
    run_id       bigint NOT NULL DEFAULT nextval('leo_id'),
    campaign_id  bigint NOT NULL,
    kind         text NOT NULL,
    status       text NOT NULL DEFAULT 'pending',
    lane         text NOT NULL,
    snapshot_id  bigint,
    event_id     bigint,
    -- A wake-up refers to the run whose decisions waited.
    parent_id    bigint,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_run_pkey PRIMARY KEY (tenant_id, run_id),
    CONSTRAINT campaign_run_campaign_fkey FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign,
    CONSTRAINT campaign_run_snapshot_fkey FOREIGN KEY (tenant_id, snapshot_id) REFERENCES segment_snapshot,
    CONSTRAINT campaign_run_event_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES marketing_event,
    CONSTRAINT campaign_run_parent_fkey FOREIGN KEY (tenant_id, parent_id) REFERENCES campaign_run,
    CONSTRAINT campaign_run_kind_known CHECK (kind IN ('snapshot', 'event', 'wake_up', 'request', 'membership', 'fallback')),
    CONSTRAINT campaign_run_lane_known CHECK (lane IN ('realtime', 'bulk')),
    CONSTRAINT campaign_run_status_known CHECK (status IN ('pending', 'running', 'paused', 'finished', 'cancelled'))
);
DO $$
BEGIN
    -- Databases of version 1 lack runs started by a change of membership, and those before 4 lack runs that follow a failure.
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'campaign_run_kind_known' AND pg_get_constraintdef(oid) LIKE '%fallback%') THEN
        ALTER TABLE campaign_run
            DROP CONSTRAINT campaign_run_kind_known,
            ADD CONSTRAINT campaign_run_kind_known CHECK (kind IN ('snapshot', 'event', 'wake_up', 'request', 'membership', 'fallback'));
    END IF;
END $$;
-- What its arbiters were forecast to need: {"people": n, "seconds": s, "cost": c, "arbiters": [...]}.
ALTER TABLE campaign_run ADD COLUMN IF NOT EXISTS forecast jsonb;
-- The span that made the run, if traces are taken (W3C traceparent); whoever works on the run continues its trace.
ALTER TABLE campaign_run ADD COLUMN IF NOT EXISTS traceparent text DEFAULT nullif(current_setting('leo.traceparent', true), '');
CREATE INDEX IF NOT EXISTS campaign_run_parent_idx ON campaign_run (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS campaign_run_campaign_idx ON campaign_run (tenant_id, campaign_id, created_at);
CREATE INDEX IF NOT EXISTS campaign_run_event_idx ON campaign_run (tenant_id, event_id) WHERE event_id IS NOT NULL;
-- One run per event and campaign; its wake-ups refer to the event too.
CREATE UNIQUE INDEX IF NOT EXISTS campaign_run_event_unique ON campaign_run (tenant_id, campaign_id, event_id)
    WHERE kind = 'event';

-- People a run still has to decide for: durable work of at most 500 profiles, found again if Redis is emptied.
CREATE TABLE IF NOT EXISTS run_batch (
    tenant_id    uuid NOT NULL,
    batch_id     bigint NOT NULL DEFAULT nextval('leo_id'),
    run_id       bigint NOT NULL,
    lane         text NOT NULL,
    status       text NOT NULL DEFAULT 'pending',
    due_at       timestamptz NOT NULL DEFAULT now(),
    profile_ids  bigint[] NOT NULL,
    done_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT run_batch_pkey PRIMARY KEY (tenant_id, batch_id),
    CONSTRAINT run_batch_run_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES campaign_run ON DELETE CASCADE,
    CONSTRAINT run_batch_size CHECK (cardinality(profile_ids) BETWEEN 1 AND 500),
    CONSTRAINT run_batch_lane_known CHECK (lane IN ('realtime', 'bulk')),
    CONSTRAINT run_batch_status_known CHECK (status IN ('pending', 'done', 'cancelled'))
);
-- How often it could not be decided and was postponed.
ALTER TABLE run_batch ADD COLUMN IF NOT EXISTS setbacks int NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS run_batch_put_off_idx ON run_batch (tenant_id, setbacks) WHERE status = 'pending' AND setbacks > 0;
CREATE INDEX IF NOT EXISTS run_batch_run_idx ON run_batch (tenant_id, run_id, status);
CREATE INDEX IF NOT EXISTS run_batch_due_idx ON run_batch (tenant_id, lane, due_at) WHERE status = 'pending';

CREATE TABLE IF NOT EXISTS agent_task (
    tenant_id    uuid NOT NULL,
    task_id      bigint NOT NULL DEFAULT nextval('leo_id'),
    kind         text NOT NULL,
    status       text NOT NULL DEFAULT 'queued',
    request      jsonb NOT NULL DEFAULT '{}',
    trace        jsonb NOT NULL DEFAULT '[]',
    summary      text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agent_task_pkey PRIMARY KEY (tenant_id, task_id),
    CONSTRAINT agent_task_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT agent_task_status_known CHECK (status IN
        ('queued', 'thinking', 'awaiting_approval', 'acting', 'succeeded', 'failed', 'cancelled'))
);

-- What is asked, by whom, and once (key); who is working on it until when; what it plans to do and who approved that.
ALTER TABLE agent_task
    ADD COLUMN IF NOT EXISTS key text,
    ADD COLUMN IF NOT EXISTS locale text NOT NULL DEFAULT 'vi',
    ADD COLUMN IF NOT EXISTS asked_by text,
    ADD COLUMN IF NOT EXISTS attempts int NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS due_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS lease_owner text,
    ADD COLUMN IF NOT EXISTS lease_until timestamptz,
    ADD COLUMN IF NOT EXISTS plan jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS approval jsonb,
    ADD COLUMN IF NOT EXISTS result jsonb,
    ADD COLUMN IF NOT EXISTS embedding vector(384),
    ADD COLUMN IF NOT EXISTS embedding_model text;
-- The span that asked for the task, as in a run.
ALTER TABLE agent_task ADD COLUMN IF NOT EXISTS traceparent text DEFAULT nullif(current_setting('leo.traceparent', true), '');
CREATE UNIQUE INDEX IF NOT EXISTS agent_task_key_unique ON agent_task (tenant_id, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS agent_task_due_idx ON agent_task (tenant_id, due_at) WHERE status IN ('queued', 'thinking', 'acting');

-- The reasoning trace of a task: each prompt's hash, answer, call, validation and result. It only grows.
CREATE TABLE IF NOT EXISTS task_step (
    tenant_id  uuid NOT NULL,
    step_id    bigint NOT NULL DEFAULT nextval('leo_id'),
    task_id    bigint NOT NULL,
    place      int NOT NULL,
    kind       text NOT NULL,
    document   jsonb NOT NULL DEFAULT '{}',
    at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_step_pkey PRIMARY KEY (tenant_id, step_id),
    CONSTRAINT task_step_task_fkey FOREIGN KEY (tenant_id, task_id) REFERENCES agent_task,
    CONSTRAINT task_step_place_unique UNIQUE (tenant_id, task_id, place)
);

-- What a model chose in a context, found again by the hash of everything it saw: asked once, however often it is needed, and
-- not lost with the worker that asked.
CREATE TABLE IF NOT EXISTS model_answer (
    tenant_id      uuid NOT NULL,
    context_hash   bytea NOT NULL,
    arbiter        text NOT NULL,
    model          text NOT NULL,
    answer         jsonb NOT NULL,
    latency_us     bigint NOT NULL,
    prompt_tokens  int NOT NULL DEFAULT 0,
    answer_tokens  int NOT NULL DEFAULT 0,
    cost           double precision NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT model_answer_pkey PRIMARY KEY (tenant_id, context_hash),
    CONSTRAINT model_answer_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT model_answer_hash_size CHECK (octet_length(context_hash) = 32)
);
CREATE INDEX IF NOT EXISTS model_answer_recent_idx ON model_answer (tenant_id, arbiter, created_at);

CREATE TABLE IF NOT EXISTS decision (
    tenant_id       uuid NOT NULL,
    decision_id     bigint NOT NULL DEFAULT nextval('leo_id'),
    run_id          bigint NOT NULL,
    campaign_id     bigint NOT NULL,
    profile_id      bigint NOT NULL,
    -- The trigger, once per run and profile: "snapshot", "event:<id>", "wake_up:<n>", "request:<key>", "fallback:<run>".
    trigger_key     text NOT NULL,
    snapshot_id     bigint,
    event_id        bigint,
    task_id         bigint,
    template_id     bigint,
    action          text NOT NULL,
    channel         text,
    -- "chosen", or the gate that held it back.
    reason          text NOT NULL,
    candidates      jsonb NOT NULL,
    inputs          jsonb NOT NULL,
    inputs_hash     bytea NOT NULL,
    policy_id       bigint,
    policy_version  int NOT NULL,
    arbiter         text NOT NULL,
    model_hash      bytea,
    latency_us      bigint NOT NULL,
    wait_until      timestamptz,
    decided_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT decision_pkey PRIMARY KEY (tenant_id, decision_id),
    CONSTRAINT decision_trigger_unique UNIQUE (tenant_id, run_id, profile_id, trigger_key),
    CONSTRAINT decision_event_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES marketing_event,
    CONSTRAINT decision_task_fkey FOREIGN KEY (tenant_id, task_id) REFERENCES agent_task,
    CONSTRAINT decision_action_known CHECK (action IN ('send', 'wait', 'do_nothing')),
    CONSTRAINT decision_arbiter_known CHECK (arbiter IN ('score', 'functiongemma', 'gemini', 'learned')),
    CONSTRAINT decision_send_complete CHECK ((action = 'send') = (template_id IS NOT NULL AND channel IS NOT NULL)),
    CONSTRAINT decision_wait_complete CHECK ((action = 'wait') = (wait_until IS NOT NULL))
);
-- Who chose and how: arbiter, model, probabilities of the alternatives, why other arbiters did not choose, whether
-- remembered.
ALTER TABLE decision ADD COLUMN IF NOT EXISTS arbitration jsonb;
CREATE INDEX IF NOT EXISTS decision_profile_idx ON decision (tenant_id, profile_id, decided_at);
CREATE INDEX IF NOT EXISTS decision_campaign_idx ON decision (tenant_id, campaign_id, decided_at);
CREATE INDEX IF NOT EXISTS decision_event_idx ON decision (tenant_id, event_id) WHERE event_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS delivery_log (
    tenant_id    uuid NOT NULL,
    delivery_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    decision_id  bigint NOT NULL,
    campaign_id  bigint NOT NULL,
    run_id       bigint NOT NULL,
    profile_id   bigint NOT NULL,
    -- sha256(tenant, run, profile, channel, template version, dedup key): the same decision cannot be delivered twice.
    event_id     bytea NOT NULL,
    channel      text NOT NULL,
    channel_id   bigint NOT NULL,
    template_id  bigint NOT NULL,
    address      text NOT NULL,
    lane         text NOT NULL,
    status       text NOT NULL DEFAULT 'queued',
    attempts     int NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    -- Who is calling the provider now, and until when the others must believe it.
    lease_owner  text,
    lease_until  timestamptz,
    provider_id  text,
    code         text,
    class        text,
    response     jsonb,
    queued_at    timestamptz NOT NULL DEFAULT now(),
    sent_at      timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT delivery_log_pkey PRIMARY KEY (tenant_id, delivery_id),
    CONSTRAINT delivery_log_event_id_unique UNIQUE (tenant_id, event_id),
    CONSTRAINT delivery_log_event_id_length CHECK (octet_length(event_id) = 32),
    CONSTRAINT delivery_log_lane_known CHECK (lane IN ('realtime', 'bulk')),
    CONSTRAINT delivery_log_status_known CHECK (status IN
        ('queued', 'sending', 'sent', 'failed', 'uncertain', 'expired', 'cancelled', 'dead')),
    CONSTRAINT delivery_log_lease_complete CHECK ((status = 'sending') = (lease_owner IS NOT NULL AND lease_until IS NOT NULL))
) WITH (fillfactor = 80);
ALTER TABLE delivery_log
    -- The channel of another provider that took it over, if it is not the one that was decided.
    ADD COLUMN IF NOT EXISTS moved_to bigint,
    -- It may have reached its provider, which drops duplicates, so it may go through no other.
    ADD COLUMN IF NOT EXISTS pinned boolean NOT NULL DEFAULT false,
    -- Attempts that count: being rate limited or having a credential of ours refused is not the message's fault.
    ADD COLUMN IF NOT EXISTS setbacks int NOT NULL DEFAULT 0;
ALTER TABLE delivery_log
    ADD COLUMN IF NOT EXISTS through_id bigint GENERATED ALWAYS AS (coalesce(moved_to, channel_id)) STORED;
-- Who settled a message that failed or may have arrived, as what, when and why.
ALTER TABLE delivery_log ADD COLUMN IF NOT EXISTS settled jsonb;
CREATE INDEX IF NOT EXISTS delivery_log_letter_idx ON delivery_log (tenant_id, delivery_id)
    WHERE status IN ('failed', 'dead', 'uncertain') AND settled IS NULL;
-- By channel, so that claims need not read past the messages of a channel that is held.
DROP INDEX IF EXISTS delivery_log_due_idx;
CREATE INDEX IF NOT EXISTS delivery_log_channel_due_idx ON delivery_log (tenant_id, lane, through_id, due_at)
    WHERE status = 'queued';
CREATE INDEX IF NOT EXISTS delivery_log_lease_idx ON delivery_log (tenant_id, lane, lease_until) WHERE status = 'sending';
CREATE INDEX IF NOT EXISTS delivery_log_profile_idx ON delivery_log (tenant_id, profile_id, queued_at);
CREATE INDEX IF NOT EXISTS delivery_log_decision_idx ON delivery_log (tenant_id, decision_id);
CREATE INDEX IF NOT EXISTS delivery_log_run_idx ON delivery_log (tenant_id, run_id);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_indexes WHERE schemaname = 'public' AND indexname = 'delivery_log_provider_idx'
               AND indexdef NOT LIKE '%through_id%') THEN
        DROP INDEX delivery_log_provider_idx;
    END IF;
END $$;
CREATE INDEX IF NOT EXISTS delivery_log_provider_idx ON delivery_log (tenant_id, through_id, provider_id)
    WHERE provider_id IS NOT NULL;
-- Finds what left within the last few hours at little cost: rows are written once or twice in their life, so their place
-- follows time.
CREATE INDEX IF NOT EXISTS delivery_log_updated_brin ON delivery_log USING brin (updated_at) WITH (pages_per_range = 32, autosummarize = on);
-- Append-only: one row before the provider is called, one row with what it answered.
CREATE TABLE IF NOT EXISTS delivery_attempt (
    tenant_id    uuid NOT NULL,
    delivery_id  bigint NOT NULL,
    number       int NOT NULL,
    phase        text NOT NULL,
    worker       text NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    status       text NOT NULL,
    code         text,
    class        text,
    detail       text,
    CONSTRAINT delivery_attempt_pkey PRIMARY KEY (tenant_id, delivery_id, number, phase),
    CONSTRAINT delivery_attempt_delivery_fkey FOREIGN KEY (tenant_id, delivery_id) REFERENCES delivery_log,
    CONSTRAINT delivery_attempt_phase_known CHECK (phase IN ('started', 'ended'))
);
-- The channel whose provider was called; the result is about the same one.
ALTER TABLE delivery_attempt ADD COLUMN IF NOT EXISTS channel_id bigint;
CREATE INDEX IF NOT EXISTS delivery_attempt_at_brin ON delivery_attempt USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE IF NOT EXISTS outcome (
    tenant_id    uuid NOT NULL,
    outcome_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    -- What a person does without a message has no delivery: the control group buys too.
    delivery_id  bigint,
    profile_id   bigint NOT NULL,
    campaign_id  bigint,
    type         text NOT NULL,
    -- A provider repeats itself; a repetition has the same key of its own, or the same type.
    dedup_key    text NOT NULL,
    value        double precision,
    occurred_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    raw          jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT outcome_pkey PRIMARY KEY (tenant_id, outcome_id),
    CONSTRAINT outcome_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles,
    CONSTRAINT outcome_campaign_fkey FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaign,
    CONSTRAINT outcome_unique UNIQUE NULLS NOT DISTINCT (tenant_id, delivery_id, profile_id, type, dedup_key),
    CONSTRAINT outcome_type_known CHECK (type IN
        ('delivered', 'read', 'clicked', 'replied', 'visited', 'bought', 'unsubscribed', 'bounced', 'complained'))
);
CREATE INDEX IF NOT EXISTS outcome_profile_idx ON outcome (tenant_id, profile_id, occurred_at);
CREATE INDEX IF NOT EXISTS outcome_campaign_idx ON outcome (tenant_id, campaign_id, type) WHERE campaign_id IS NOT NULL;
-- Its delivery is in the archive: it refers to that, and the graph has no edge to it.
ALTER TABLE outcome ADD COLUMN IF NOT EXISTS delivery_archived boolean NOT NULL DEFAULT false;
ALTER TABLE outcome
    ADD COLUMN IF NOT EXISTS live_delivery_id bigint GENERATED ALWAYS AS (CASE WHEN NOT delivery_archived THEN delivery_id END) STORED;
-- Comparing the graph reads the outcomes that it draws without reading past those of the archive (500,000 of them: 260 ms
-- instead of 30).
CREATE INDEX IF NOT EXISTS outcome_live_idx ON outcome (tenant_id, outcome_id) WHERE NOT delivery_archived;
CREATE INDEX IF NOT EXISTS outcome_live_delivery_idx ON outcome (tenant_id, live_delivery_id) WHERE live_delivery_id IS NOT NULL;
ALTER TABLE outcome DROP CONSTRAINT IF EXISTS outcome_delivery_fkey;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'outcome_live_delivery_fkey') THEN
        ALTER TABLE outcome
            ADD CONSTRAINT outcome_live_delivery_fkey FOREIGN KEY (tenant_id, live_delivery_id) REFERENCES delivery_log;
    END IF;
END $$;

-- Old decisions and deliveries, moved here by leo_archive(): the same rows, no longer in the graph nor in the tables that
-- deciding and sending read. All rows of a tenant are in one partition.
CREATE TABLE IF NOT EXISTS archive_decision (
    tenant_id       uuid NOT NULL,
    decision_id     bigint NOT NULL,
    run_id          bigint NOT NULL,
    campaign_id     bigint NOT NULL,
    profile_id      bigint NOT NULL,
    trigger_key     text NOT NULL,
    snapshot_id     bigint,
    event_id        bigint,
    task_id         bigint,
    template_id     bigint,
    action          text NOT NULL,
    channel         text,
    reason          text NOT NULL,
    candidates      jsonb NOT NULL,
    inputs          jsonb NOT NULL,
    inputs_hash     bytea NOT NULL,
    policy_id       bigint,
    policy_version  int NOT NULL,
    arbiter         text NOT NULL,
    model_hash      bytea,
    latency_us      bigint NOT NULL,
    wait_until      timestamptz,
    decided_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    arbitration     jsonb,
    archived_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT archive_decision_pkey PRIMARY KEY (tenant_id, decision_id),
    CONSTRAINT archive_decision_trigger_unique UNIQUE (tenant_id, run_id, profile_id, trigger_key)
) PARTITION BY HASH (tenant_id);
CREATE TABLE IF NOT EXISTS archive_delivery (
    tenant_id    uuid NOT NULL,
    delivery_id  bigint NOT NULL,
    decision_id  bigint NOT NULL,
    campaign_id  bigint NOT NULL,
    run_id       bigint NOT NULL,
    profile_id   bigint NOT NULL,
    event_id     bytea NOT NULL,
    channel      text NOT NULL,
    channel_id   bigint NOT NULL,
    through_id   bigint NOT NULL,
    template_id  bigint NOT NULL,
    address      text NOT NULL,
    lane         text NOT NULL,
    status       text NOT NULL,
    attempts     int NOT NULL,
    due_at       timestamptz NOT NULL,
    expires_at   timestamptz,
    provider_id  text,
    code         text,
    class        text,
    response     jsonb,
    settled      jsonb,
    queued_at    timestamptz NOT NULL,
    sent_at      timestamptz,
    updated_at   timestamptz NOT NULL,
    -- Its rows of delivery_attempt, in order.
    tries        jsonb NOT NULL DEFAULT '[]',
    archived_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT archive_delivery_pkey PRIMARY KEY (tenant_id, delivery_id),
    CONSTRAINT archive_delivery_event_id_unique UNIQUE (tenant_id, event_id),
    CONSTRAINT archive_delivery_settled CHECK (status IN ('sent', 'failed', 'expired', 'cancelled', 'dead'))
) PARTITION BY HASH (tenant_id);
DO $$
BEGIN
    FOR i IN 0..15 LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS archive_decision_%s PARTITION OF archive_decision '
                       'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', to_char(i, 'FM00'), i);
        EXECUTE format('CREATE TABLE IF NOT EXISTS archive_delivery_%s PARTITION OF archive_delivery '
                       'FOR VALUES WITH (MODULUS 16, REMAINDER %s)', to_char(i, 'FM00'), i);
    END LOOP;
END $$;
CREATE INDEX IF NOT EXISTS archive_decision_profile_idx ON archive_decision (tenant_id, profile_id, decided_at);
CREATE INDEX IF NOT EXISTS archive_decision_campaign_idx ON archive_decision (tenant_id, campaign_id, decided_at);
CREATE INDEX IF NOT EXISTS archive_decision_event_idx ON archive_decision (tenant_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS archive_delivery_profile_idx ON archive_delivery (tenant_id, profile_id, queued_at);
CREATE INDEX IF NOT EXISTS archive_delivery_decision_idx ON archive_delivery (tenant_id, decision_id);
CREATE INDEX IF NOT EXISTS archive_delivery_run_idx ON archive_delivery (tenant_id, run_id);
CREATE INDEX IF NOT EXISTS archive_delivery_provider_idx ON archive_delivery (tenant_id, through_id, provider_id)
    WHERE provider_id IS NOT NULL;

-- Everything ever decided and delivered, wherever it is now: for counting, traces and audits. Deciding and sending read only
-- the live tables.
CREATE OR REPLACE VIEW all_decision WITH (security_invoker = true) AS
SELECT tenant_id, decision_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, task_id, template_id, action,
       channel, reason, candidates, inputs, inputs_hash, policy_id, policy_version, arbiter, model_hash, latency_us, wait_until,
       decided_at, created_at, arbitration, NULL::timestamptz AS archived_at
FROM decision
UNION ALL
SELECT tenant_id, decision_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, task_id, template_id, action,
       channel, reason, candidates, inputs, inputs_hash, policy_id, policy_version, arbiter, model_hash, latency_us, wait_until,
       decided_at, created_at, arbitration, archived_at
FROM archive_decision;
CREATE OR REPLACE VIEW all_delivery WITH (security_invoker = true) AS
SELECT tenant_id, delivery_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, through_id, template_id,
       address, lane, status, attempts, due_at, expires_at, provider_id, code, class, response, settled, queued_at, sent_at, updated_at,
       NULL::timestamptz AS archived_at
FROM delivery_log
UNION ALL
SELECT tenant_id, delivery_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, through_id, template_id,
       address, lane, status, attempts, due_at, expires_at, provider_id, code, class, response, settled, queued_at, sent_at, updated_at,
       archived_at
FROM archive_delivery;
CREATE OR REPLACE VIEW archive_attempt WITH (security_invoker = true) AS
SELECT d.tenant_id, d.delivery_id, t.number, t.phase, t.worker, t.at, t.status, t.code, t.class, t.detail, t.channel_id
FROM archive_delivery d CROSS JOIN LATERAL jsonb_to_recordset(d.tries) AS t (
    number int, phase text, worker text, at timestamptz, status text, code text, class text, detail text, channel_id bigint);

-- What providers reported, as it was posted: stored before it is read, so that what is not understood can be read again.
CREATE TABLE IF NOT EXISTS callback (
    tenant_id    uuid NOT NULL,
    callback_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    channel_id   bigint NOT NULL,
    -- sha256 of the body: a provider repeats itself word for word.
    body_hash    bytea NOT NULL,
    body         bytea NOT NULL,
    headers      jsonb NOT NULL DEFAULT '{}',
    status       text NOT NULL DEFAULT 'unreadable',
    told         int NOT NULL DEFAULT 1,
    readings     int NOT NULL DEFAULT 0,
    new          int NOT NULL DEFAULT 0,
    duplicate    int NOT NULL DEFAULT 0,
    unknown      int NOT NULL DEFAULT 0,
    error        text,
    due_at       timestamptz,
    received_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT callback_pkey PRIMARY KEY (tenant_id, callback_id),
    CONSTRAINT callback_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES channel,
    CONSTRAINT callback_body_unique UNIQUE (tenant_id, channel_id, body_hash),
    CONSTRAINT callback_body_hash_length CHECK (octet_length(body_hash) = 32),
    CONSTRAINT callback_status_known CHECK (status IN ('read', 'unknown', 'unreadable'))
);
CREATE INDEX IF NOT EXISTS callback_due_idx ON callback (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS callback_received_idx ON callback (tenant_id, received_at);

-- Messages in the inboxes of a web site, until the visitor has seen them and for as long as promised.
CREATE TABLE IF NOT EXISTS chat_message (
    tenant_id    uuid NOT NULL,
    message_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    channel_id   bigint NOT NULL,
    -- The person, if it was written here to a person; a trial is written to an address only.
    profile_id   bigint,
    address      text NOT NULL,
    event_id     bytea NOT NULL,
    subject      text,
    body         text NOT NULL,
    link         text,
    -- [{"title", "url" or "reply"}], as the template's data has them.
    buttons      jsonb NOT NULL DEFAULT '[]',
    created_at   timestamptz NOT NULL DEFAULT now(),
    read_at      timestamptz,
    CONSTRAINT chat_message_pkey PRIMARY KEY (tenant_id, message_id),
    CONSTRAINT chat_message_channel_fkey FOREIGN KEY (tenant_id, channel_id) REFERENCES channel,
    CONSTRAINT chat_message_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles,
    CONSTRAINT chat_message_event_unique UNIQUE (tenant_id, event_id),
    CONSTRAINT chat_message_event_length CHECK (octet_length(event_id) = 32),
    CONSTRAINT chat_message_address_length CHECK (length(address) BETWEEN 1 AND 512),
    CONSTRAINT chat_message_body_length CHECK (length(body) BETWEEN 1 AND 4000)
);
ALTER TABLE chat_message ADD COLUMN IF NOT EXISTS buttons jsonb NOT NULL DEFAULT '[]';
CREATE INDEX IF NOT EXISTS chat_message_address_idx ON chat_message (tenant_id, channel_id, address, message_id);
CREATE INDEX IF NOT EXISTS chat_message_profile_idx ON chat_message (tenant_id, profile_id) WHERE profile_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_message_created_idx ON chat_message (tenant_id, created_at);

-- Where people, events and touchpoints are taken from: a CDP's database, with the map from its fields to ours.
CREATE TABLE IF NOT EXISTS source (
    tenant_id   uuid NOT NULL,
    source_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    key         text NOT NULL,
    kind        text NOT NULL,
    settings    jsonb NOT NULL DEFAULT '{}',
    -- What differs from the map that is delivered for this kind; empty takes that one.
    field_map   jsonb NOT NULL DEFAULT '{}',
    status      text NOT NULL DEFAULT 'connected',
    every_s     int NOT NULL DEFAULT 300,
    due_at      timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT source_pkey PRIMARY KEY (tenant_id, source_id),
    CONSTRAINT source_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT source_key_unique UNIQUE (tenant_id, key),
    CONSTRAINT source_kind_known CHECK (kind IN ('arango')),
    CONSTRAINT source_status_known CHECK (status IN ('connected', 'paused')),
    CONSTRAINT source_every_positive CHECK (every_s >= 1)
);
-- Where the outcomes of this source's people are told (url, token_key, outcomes); NULL: nowhere.
ALTER TABLE source ADD COLUMN IF NOT EXISTS report jsonb;
CREATE INDEX IF NOT EXISTS source_due_idx ON source (tenant_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS source_credential (
    tenant_id   uuid NOT NULL,
    source_id   bigint NOT NULL,
    name        text NOT NULL,
    ciphertext  bytea NOT NULL,
    key_name    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT source_credential_pkey PRIMARY KEY (tenant_id, source_id, name),
    CONSTRAINT source_credential_source_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES source ON DELETE CASCADE
);

-- How far each stream of a source was taken: written with the page it stands for, so a sync that is cut off goes on there.
CREATE TABLE IF NOT EXISTS sync_position (
    tenant_id   uuid NOT NULL,
    source_id   bigint NOT NULL,
    stream      text NOT NULL,
    at          text NOT NULL DEFAULT '',
    key         text NOT NULL DEFAULT '',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_position_pkey PRIMARY KEY (tenant_id, source_id, stream),
    CONSTRAINT sync_position_source_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES source ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS sync_run (
    tenant_id    uuid NOT NULL,
    sync_run_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    source_id    bigint NOT NULL,
    mode         text NOT NULL,
    status       text NOT NULL DEFAULT 'running',
    counts       jsonb NOT NULL DEFAULT '{}',
    error        text,
    started_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_run_pkey PRIMARY KEY (tenant_id, sync_run_id),
    CONSTRAINT sync_run_source_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES source ON DELETE CASCADE,
    CONSTRAINT sync_run_mode_known CHECK (mode IN ('changes', 'full', 'segment')),
    CONSTRAINT sync_run_status_known CHECK (status IN ('running', 'finished', 'failed'))
);
CREATE INDEX IF NOT EXISTS sync_run_source_idx ON sync_run (tenant_id, source_id, started_at);

-- The one scheduler: who rings for jobs that are due, and until when the others believe that it is alive. Belongs to no
-- tenant.
CREATE TABLE IF NOT EXISTS scheduler (
    sole         boolean NOT NULL DEFAULT true,
    owner        text NOT NULL,
    rank         int NOT NULL,
    lease_until  timestamptz NOT NULL,
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT scheduler_pkey PRIMARY KEY (sole),
    CONSTRAINT scheduler_is_one CHECK (sole)
);

-- The period for which each scheduled job was last begun, in numbers of its own: whoever comes first does it.
CREATE TABLE IF NOT EXISTS clock_job (
    job       text NOT NULL,
    slot      bigint NOT NULL,
    begun_by  text NOT NULL,
    begun_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT clock_job_pkey PRIMARY KEY (job)
);
-- When it was finished, and when an unfinished one counts as lost with its worker, so that it is begun again.
ALTER TABLE clock_job
    ADD COLUMN IF NOT EXISTS ended_at timestamptz,
    ADD COLUMN IF NOT EXISTS lost_at timestamptz NOT NULL DEFAULT clock_timestamp();

CREATE TABLE IF NOT EXISTS outbox (
    tenant_id   uuid NOT NULL,
    outbox_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    topic       text NOT NULL,
    payload     jsonb NOT NULL,
    attempts    int NOT NULL DEFAULT 0,
    due_at      timestamptz NOT NULL DEFAULT now(),
    done_at     timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, outbox_id),
    CONSTRAINT outbox_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);
-- Whether the last try may have arrived although nobody said so; what went wrong with it. Due at infinity: given up.
ALTER TABLE outbox ADD COLUMN IF NOT EXISTS may_have_left boolean NOT NULL DEFAULT false, ADD COLUMN IF NOT EXISTS error text;
CREATE INDEX IF NOT EXISTS outbox_due_idx ON outbox (tenant_id, due_at) WHERE done_at IS NULL;

-- Stuck work that somebody took up again: what, why, who, its state, and how much became due; or why nothing could.
CREATE TABLE IF NOT EXISTS take_up (
    tenant_id   uuid NOT NULL,
    take_up_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    what        text NOT NULL,
    record_id   bigint NOT NULL,
    reason      text NOT NULL,
    asked_by    text NOT NULL,
    stood       jsonb NOT NULL,
    refused     text,
    moved       bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT take_up_pkey PRIMARY KEY (tenant_id, take_up_id),
    CONSTRAINT take_up_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT take_up_what_known CHECK (what IN ('run', 'batch', 'message', 'outbox')),
    CONSTRAINT take_up_reason_given CHECK (length(reason) BETWEEN 1 AND 500)
);

-- The audit ledger: up to where every record is final (see engine/sql/ledger.sql, horizon) ...
CREATE TABLE IF NOT EXISTS ledger_horizon (
    tenant_id   uuid NOT NULL,
    settled_id  bigint NOT NULL DEFAULT 0,
    noted_id    bigint NOT NULL,
    noted_at    timestamptz NOT NULL,
    barrier     xid8,
    CONSTRAINT ledger_horizon_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT ledger_horizon_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);

-- ... and what was sealed: decisions, deliveries and outcomes by their ids, their leaves (32 bytes each, in that order), the
-- Merkle root over them and the head that holds the head before.
CREATE TABLE IF NOT EXISTS ledger_batch (
    tenant_id   uuid NOT NULL,
    batch_no    bigint NOT NULL,
    after_id    bigint NOT NULL,
    last_id     bigint NOT NULL,
    record_ids  bigint[] NOT NULL,
    leaves      bytea NOT NULL,
    root        bytea NOT NULL,
    head        bytea NOT NULL,
    sealed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ledger_batch_pkey PRIMARY KEY (tenant_id, batch_no),
    CONSTRAINT ledger_batch_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant,
    CONSTRAINT ledger_batch_last_unique UNIQUE (tenant_id, last_id),
    CONSTRAINT ledger_batch_whole CHECK (octet_length(leaves) = 32 * cardinality(record_ids) AND cardinality(record_ids) > 0),
    CONSTRAINT ledger_batch_ordered CHECK (batch_no > 0 AND last_id > after_id)
);

-- Counts, made where things happen: a few rows per transaction, summed every few seconds (engine/sql/metrics.sql, fold), so
-- that /metrics need not count records, and counts outlive them. No foreign key, because each insert would lock the tenant.
CREATE TABLE IF NOT EXISTS tally (
    tenant_id  uuid NOT NULL,
    tally_id   bigint NOT NULL DEFAULT nextval('leo_id'),
    metric     text NOT NULL,
    labels     jsonb NOT NULL,
    n          bigint NOT NULL,
    CONSTRAINT tally_pkey PRIMARY KEY (tenant_id, tally_id),
    CONSTRAINT tally_positive CHECK (n > 0)
);

-- What the last comparison of a tenant's graph with its tables found.
CREATE TABLE IF NOT EXISTS graph_check (
    tenant_id    uuid NOT NULL,
    differences  bigint NOT NULL,
    checked_at   timestamptz NOT NULL,
    CONSTRAINT graph_check_pkey PRIMARY KEY (tenant_id),
    CONSTRAINT graph_check_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);

-- People who were erased (Law 91/2025/QH15, article 4): who asked, when and why. It contains nothing about the person.
CREATE TABLE IF NOT EXISTS erasure (
    tenant_id   uuid NOT NULL,
    erasure_id  bigint NOT NULL DEFAULT nextval('leo_id'),
    profile_id  bigint NOT NULL,
    reason      text NOT NULL,
    erased_by   text NOT NULL,
    erased      jsonb NOT NULL,
    erased_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, erasure_id),
    CONSTRAINT erasure_profile_fkey FOREIGN KEY (tenant_id, profile_id) REFERENCES cdp_profiles
);
CREATE INDEX IF NOT EXISTS erasure_profile_idx ON erasure (tenant_id, profile_id);

-- The leaves of an erased person's records: `leaf` as the ledger holds or will hold it, `leaf_since` for what is left of it.
CREATE TABLE IF NOT EXISTS erased_record (
    tenant_id   uuid NOT NULL,
    record_id   bigint NOT NULL,
    erased_at   timestamptz NOT NULL DEFAULT now(),
    leaf        bytea NOT NULL,
    leaf_since  bytea NOT NULL,
    CONSTRAINT erased_record_pkey PRIMARY KEY (tenant_id, record_id),
    CONSTRAINT erased_record_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant
);

-- What is sealed of a record, as one text: everything that never changes. A delivery's status, attempts and answer do change
-- and are not in it; documents are represented by their hash, which keeps a proof short. The settings make the text the same
-- for every session.
CREATE OR REPLACE FUNCTION leo_ledger_content(after_id bigint, up_to_id bigint)
RETURNS TABLE (record_id bigint, kind text, content text)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
    SELECT d.decision_id, 'decision', ROW('decision 1', d.tenant_id, d.decision_id, d.run_id, d.campaign_id, d.profile_id, d.trigger_key,
        d.snapshot_id, d.event_id, d.task_id, d.template_id, d.action, d.channel, d.reason, sha256(convert_to(d.candidates::text, 'UTF8')),
        sha256(convert_to(d.inputs::text, 'UTF8')), d.inputs_hash, d.policy_id, d.policy_version, d.arbiter,
        sha256(convert_to(d.arbitration::text, 'UTF8')), d.model_hash, d.latency_us, d.wait_until, d.decided_at, d.created_at)::text
    FROM all_decision d WHERE d.tenant_id = (SELECT leo_tenant()) AND d.decision_id > after_id AND d.decision_id <= up_to_id
    UNION ALL
    SELECT l.delivery_id, 'delivery', ROW('delivery 1', l.tenant_id, l.delivery_id, l.decision_id, l.campaign_id, l.run_id, l.profile_id,
        l.event_id, l.channel, l.channel_id, l.template_id, l.address, l.lane, l.queued_at)::text
    FROM all_delivery l WHERE l.tenant_id = (SELECT leo_tenant()) AND l.delivery_id > after_id AND l.delivery_id <= up_to_id
    UNION ALL
    SELECT o.outcome_id, 'outcome', ROW('outcome 1', o.tenant_id, o.outcome_id, o.delivery_id, o.profile_id, o.campaign_id, o.type,
        o.dedup_key, o.value, o.occurred_at, o.received_at, sha256(convert_to(o.raw::text, 'UTF8')))::text
    FROM outcome o WHERE o.tenant_id = (SELECT leo_tenant()) AND o.outcome_id > after_id AND o.outcome_id <= up_to_id
$$;


-- 3 keeping -----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION update_timestamp() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- Ids are places in the graph, and tenants are borders: neither may change in a record.
CREATE OR REPLACE FUNCTION refuse_key_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'the key of a row of % never changes', TG_TABLE_NAME
        USING ERRCODE = 'LEO02', HINT = 'Insert a new row and delete the old one.';
END $$;

-- leo_drop_tenant() alone may remove what nobody may change. The call stack says who is asking: it cannot be claimed by a
-- role, a setting or a table row. It shows schemas because the search path is pinned to pg_catalog, and it is matched from
-- its top and whole, since it quotes statements: one with these words in a comment would pass a search. The line in the
-- middle is the foreign key that follows a segment to its versions. A superuser who replaces functions or triggers is
-- beyond what a database can refuse.
CREATE OR REPLACE FUNCTION leo_is_dropping(call_stack text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN call_stack ~ ('^PL/pgSQL function public\.\w+\(\) line \d+ at GET DIAGNOSTICS\n'
    '(SQL statement "DELETE FROM ONLY "public"\."\w+" WHERE \$1 OPERATOR\(pg_catalog\.=\) "tenant_id" AND \$2 OPERATOR\(pg_catalog\.=\) "\w+""\n)?'
    'SQL statement "DELETE FROM public\.\w+ WHERE tenant_id = \$1"\n'
    'PL/pgSQL function public\.leo_drop_tenant\(uuid,text\) line \d+ at EXECUTE(\n|$)');

-- leo_erase_profile() alone may empty what nobody may change; recognised in the same way.
CREATE OR REPLACE FUNCTION leo_is_erasing(call_stack text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN call_stack ~ ('^PL/pgSQL function public\.prevent_record_change\(\) line \d+ at GET DIAGNOSTICS\n'
    'SQL statement "UPDATE public\.(decision|delivery_attempt|archive_decision|archive_delivery) SET [^"]*"\n'
    'PL/pgSQL function public\.leo_erase_profile\(bigint,text,text\) line \d+ at SQL statement(\n|$)');

-- leo_archive() alone may take away what it has written into the archive; recognised in the same way.
CREATE OR REPLACE FUNCTION leo_is_archiving(call_stack text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN call_stack ~ ('^PL/pgSQL function public\.prevent_record_change\(\) line \d+ at GET DIAGNOSTICS\n'
    'SQL statement "DELETE FROM public\.(decision|delivery_attempt) WHERE [^"]*"\n'
    'PL/pgSQL function public\.leo_archive\(timestamp with time zone,bigint,integer\) line \d+ at SQL statement(\n|$)');

CREATE OR REPLACE FUNCTION prevent_snapshot_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    call_stack text;
BEGIN
    GET DIAGNOSTICS call_stack = PG_CONTEXT;
    IF TG_OP = 'DELETE' AND current_user = 'leo_owner' AND public.leo_is_dropping(call_stack) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'snapshots are immutable: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'LEO01',
              HINT = 'Create another snapshot; a whole tenant is removed by leo_drop_tenant(tenant_id, reason).';
END $$;

CREATE OR REPLACE FUNCTION prevent_record_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    call_stack text;
BEGIN
    GET DIAGNOSTICS call_stack = PG_CONTEXT;
    IF TG_OP = 'DELETE' AND current_user = 'leo_owner'
       AND (public.leo_is_dropping(call_stack) OR public.leo_is_archiving(call_stack)) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND current_user = 'leo_owner' AND public.leo_is_erasing(call_stack) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'a row of % is a record: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'LEO03', HINT = 'Records are only added to; leo_drop_tenant(tenant_id, reason) removes a tenant.';
END $$;

CREATE OR REPLACE FUNCTION refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of % is refused: it would pass the graph and every tenant by', TG_TABLE_NAME
        USING ERRCODE = 'LEO04', HINT = 'DELETE the rows of one tenant, or call leo_drop_tenant(tenant_id, reason).';
END $$;

-- A snapshot is what one transaction froze, so the writer cannot choose its stamp.
CREATE OR REPLACE FUNCTION stamp_snapshot() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.created_xid := pg_current_xact_id();
    RETURN NEW;
END $$;

-- Members join only in the transaction that made their snapshot, and only people of its tenant; checked once per statement.
CREATE OR REPLACE FUNCTION check_snapshot_members() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    SET work_mem = '128MB' SET enable_indexscan = on SET enable_indexonlyscan = on SET enable_bitmapscan = on AS $$
DECLARE
    previous text := current_setting('leo.tenant', true);
    border   uuid;
    strays   bigint;
    member_ids bigint[];
BEGIN
    FOR border IN SELECT DISTINCT tenant_id FROM new_rows LOOP
        PERFORM set_config('leo.tenant', border::text, true);
        SELECT count(*) INTO strays
        FROM (SELECT DISTINCT snapshot_id FROM new_rows WHERE tenant_id = border) n
        WHERE NOT EXISTS (SELECT FROM segment_snapshot s
                          WHERE s.tenant_id = border AND s.snapshot_id = n.snapshot_id
                            AND s.created_xid = pg_current_xact_id());
        IF strays > 0 THEN
            RAISE EXCEPTION 'members can join a snapshot only in the transaction that creates it'
                USING ERRCODE = 'LEO01', HINT = 'Create another snapshot.';
        END IF;
        -- An array, not a join: without statistics (a new database) the join went by tenant only, 400 us per member.
        member_ids := ARRAY(SELECT DISTINCT profile_id FROM new_rows WHERE tenant_id = border);
        -- A few are found by key; for many it is cheaper to read all people past a hash of the ids (1,000,000: 1.1 s instead
        -- of 4), which the planner does not see.
        IF cardinality(member_ids) > 50000 THEN
            PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true),
                    set_config('enable_bitmapscan', 'off', true);
        END IF;
        SELECT cardinality(member_ids) - count(*) INTO strays
        FROM cdp_profiles p WHERE p.tenant_id = border AND p.profile_id = ANY (member_ids);
        PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_indexonlyscan', 'on', true),
                set_config('enable_bitmapscan', 'on', true);
        IF strays > 0 THEN
            RAISE EXCEPTION '% members of the snapshot are no profiles of its tenant', strays
                USING ERRCODE = 'foreign_key_violation', HINT = 'Insert the profiles first.';
        END IF;
        -- Nor more than its header says: that is checked at commit, but SET CONSTRAINTS can bring the check forward.
        SELECT count(*) INTO strays
        FROM (SELECT DISTINCT snapshot_id FROM new_rows WHERE tenant_id = border) n
        JOIN segment_snapshot s ON s.tenant_id = border AND s.snapshot_id = n.snapshot_id
        WHERE s.member_count < (SELECT count(*) FROM segment_snapshot_member m
                                WHERE m.tenant_id = border AND m.snapshot_id = n.snapshot_id);
        IF strays > 0 THEN
            RAISE EXCEPTION 'a snapshot has more members than its header says'
                USING ERRCODE = 'LEO01', HINT = 'Write header and members from one list, in one transaction.';
        END IF;
    END LOOP;
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN NULL;
END $$;

-- The hash of a snapshot: sha256 over its members' ids in ascending order, 8 bytes big-endian each.
CREATE OR REPLACE FUNCTION leo_members_hash(profile_ids bigint[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT sha256(coalesce(string_agg(int8send(id), ''::bytea ORDER BY id), ''::bytea)) FROM unnest(profile_ids) AS id);

-- At commit the header must agree with its members.
CREATE OR REPLACE FUNCTION check_snapshot_header() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    previous text := current_setting('leo.tenant', true);
    found    record;
BEGIN
    PERFORM set_config('leo.tenant', NEW.tenant_id::text, true);
    SELECT count(*) AS members, leo_members_hash(coalesce(array_agg(profile_id), '{}')) AS hash INTO found
    FROM segment_snapshot_member WHERE tenant_id = NEW.tenant_id AND snapshot_id = NEW.snapshot_id;
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    IF found.members <> NEW.member_count OR found.hash <> NEW.members_hash THEN
        RAISE EXCEPTION 'snapshot % says % members and has %, or their hash differs',
            NEW.snapshot_id, NEW.member_count, found.members
            USING ERRCODE = 'LEO01', HINT = 'Write header and members from one list, in one transaction.';
    END IF;
    RETURN NULL;
END $$;

-- A segment's earlier versions stay readable.
CREATE OR REPLACE FUNCTION keep_segment_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    previous text := current_setting('leo.tenant', true);
BEGIN
    PERFORM set_config('leo.tenant', NEW.tenant_id::text, true);
    INSERT INTO segment_version (tenant_id, segment_id, version, rule)
    VALUES (NEW.tenant_id, NEW.segment_id, NEW.version, NEW.rule);
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN NULL;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'version % of segment % is already kept with another rule', NEW.version, NEW.key
        USING ERRCODE = 'LEO03', HINT = 'Raise the version together with the rule.';
END $$;

CREATE OR REPLACE TRIGGER segment_snapshot_stamp BEFORE INSERT ON segment_snapshot
    FOR EACH ROW EXECUTE FUNCTION stamp_snapshot();
CREATE OR REPLACE TRIGGER segment_snapshot_prevent_removal BEFORE UPDATE OR DELETE OR TRUNCATE ON segment_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION prevent_snapshot_removal();
CREATE OR REPLACE TRIGGER segment_snapshot_member_prevent_removal BEFORE UPDATE OR DELETE OR TRUNCATE ON segment_snapshot_member
    FOR EACH STATEMENT EXECUTE FUNCTION prevent_snapshot_removal();
CREATE OR REPLACE TRIGGER segment_snapshot_member_check AFTER INSERT ON segment_snapshot_member
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION check_snapshot_members();
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'segment_snapshot_header' AND NOT tgisinternal) THEN
        CREATE CONSTRAINT TRIGGER segment_snapshot_header AFTER INSERT ON segment_snapshot
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_snapshot_header();
    END IF;
END $$;
-- ALWAYS: they also hold in a session with session_replication_role = replica.
ALTER TABLE segment_snapshot ENABLE ALWAYS TRIGGER segment_snapshot_prevent_removal;
ALTER TABLE segment_snapshot ENABLE ALWAYS TRIGGER segment_snapshot_stamp;
ALTER TABLE segment_snapshot ENABLE ALWAYS TRIGGER segment_snapshot_header;
ALTER TABLE segment_snapshot_member ENABLE ALWAYS TRIGGER segment_snapshot_member_prevent_removal;
ALTER TABLE segment_snapshot_member ENABLE ALWAYS TRIGGER segment_snapshot_member_check;

CREATE OR REPLACE FUNCTION tally_decisions() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO tally (tenant_id, metric, labels, n)
    SELECT tenant_id, 'leo_decisions_total', jsonb_build_object('arbiter', arbiter, 'action', action, 'gate', reason), count(*)
    FROM new_rows GROUP BY tenant_id, arbiter, action, reason;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER decision_tally AFTER INSERT ON decision
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_decisions();

-- A message is counted when it is queued and at each end; being claimed and given back are not ends.
CREATE OR REPLACE FUNCTION tally_queued() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO tally (tenant_id, metric, labels, n)
    SELECT tenant_id, 'leo_deliveries_total', jsonb_build_object('channel', channel, 'status', 'queued'), count(*)
    FROM new_rows GROUP BY tenant_id, channel;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER delivery_log_tally_queued AFTER INSERT ON delivery_log
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_queued();

CREATE OR REPLACE FUNCTION tally_ended() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO tally (tenant_id, metric, labels, n)
    SELECT n.tenant_id, 'leo_deliveries_total', jsonb_build_object('channel', n.channel, 'status', n.status), count(*)
    FROM new_rows n JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.delivery_id = n.delivery_id
    WHERE n.status NOT IN ('queued', 'sending') AND n.status <> o.status
    GROUP BY n.tenant_id, n.channel, n.status;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER delivery_log_tally_ended AFTER UPDATE ON delivery_log
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_ended();

-- Counted by what the provider's answer means. A message given back untouched was not a call.
CREATE OR REPLACE FUNCTION tally_attempts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO tally (tenant_id, metric, labels, n)
    SELECT a.tenant_id, 'leo_attempts_total',
           jsonb_build_object('channel', d.channel, 'status', a.status, 'class', coalesce(a.class, '')), count(*)
    FROM new_rows a JOIN delivery_log d ON d.tenant_id = a.tenant_id AND d.delivery_id = a.delivery_id
    WHERE a.phase = 'ended' AND a.status <> 'released' GROUP BY a.tenant_id, d.channel, a.status, a.class;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER delivery_attempt_tally AFTER INSERT ON delivery_attempt
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_attempts();

CREATE OR REPLACE TRIGGER segment_keep_first_version AFTER INSERT ON segment
    FOR EACH ROW EXECUTE FUNCTION keep_segment_version();
CREATE OR REPLACE TRIGGER segment_keep_version AFTER UPDATE OF rule, version ON segment
    FOR EACH ROW WHEN (OLD.rule IS DISTINCT FROM NEW.rule OR OLD.version IS DISTINCT FROM NEW.version)
    EXECUTE FUNCTION keep_segment_version();

DO $$
DECLARE
    record_table text;
BEGIN
    FOREACH record_table IN ARRAY ARRAY['decision', 'delivery_attempt', 'segment_version', 'policy', 'task_step', 'ledger_batch', 'erasure', 'erased_record', 'tenant_removal', 'take_up'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION prevent_record_change()',
                       record_table || '_prevent_change', record_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', record_table, record_table || '_prevent_change');
    END LOOP;
END $$;

-- The archive, through its parents and through each partition.
DO $$
DECLARE
    record_table text;
BEGIN
    FOR record_table IN SELECT relid::regclass::text FROM pg_partition_tree('archive_decision')
                        UNION ALL SELECT relid::regclass::text FROM pg_partition_tree('archive_delivery') LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION prevent_record_change()',
                       record_table || '_prevent_change', record_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', record_table, record_table || '_prevent_change');
    END LOOP;
END $$;

-- A late outcome finds its delivery in the archive. The lock keeps a live one in place until the outcome is there; one that
-- is being archived is waited for; a missing one is left to the foreign key to refuse.
CREATE OR REPLACE FUNCTION find_delivery() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM delivery_log WHERE tenant_id = NEW.tenant_id AND delivery_id = NEW.delivery_id FOR KEY SHARE;
    NEW.delivery_archived := NOT FOUND AND EXISTS (
        SELECT FROM archive_delivery WHERE tenant_id = NEW.tenant_id AND delivery_id = NEW.delivery_id);
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER outcome_find_delivery BEFORE INSERT ON outcome
    FOR EACH ROW WHEN (NEW.delivery_id IS NOT NULL) EXECUTE FUNCTION find_delivery();
ALTER TABLE outcome ENABLE ALWAYS TRIGGER outcome_find_delivery;

DO $$
DECLARE
    stamped text;
BEGIN
    FOR stamped IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'updated_at'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION update_timestamp()',
                       stamped || '_update_timestamp', stamped);
    END LOOP;
END $$;

-- Each tenant table's key, as far as its primary key names it, and the ids of those kept unique by something else.
DO $$
DECLARE
    keyed record;
BEGIN
    FOR keyed IN
        SELECT c.relname,
               string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
               string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', a.attname), ' OR ' ORDER BY a.attnum) AS changed
        FROM pg_class c
        LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND (a.attnum = ANY (k.conkey) OR (c.relname, a.attname) IN (
            ('profile_address', 'tenant_id'), ('profile_address', 'address_id'), ('consent', 'tenant_id'), ('consent', 'consent_id'),
            ('profile_relation', 'tenant_id'), ('profile_relation', 'relation_id')))
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
        GROUP BY c.relname
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE OF %s ON %I FOR EACH ROW WHEN (%s) '
                       'EXECUTE FUNCTION refuse_key_change()',
                       keyed.relname || '_keep_key', keyed.columns, keyed.relname, keyed.changed);
        -- ALWAYS: the mirror finds a vertex by its row's id, also in a session that replicates.
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', keyed.relname, keyed.relname || '_keep_key');
    END LOOP;
END $$;
CREATE OR REPLACE TRIGGER tenant_keep_slug BEFORE UPDATE OF slug ON tenant
    FOR EACH ROW WHEN (OLD.slug IS DISTINCT FROM NEW.slug) EXECUTE FUNCTION refuse_key_change();
CREATE OR REPLACE TRIGGER relation_target_keep_kind BEFORE UPDATE OF kind ON relation_target
    FOR EACH ROW WHEN (OLD.kind IS DISTINCT FROM NEW.kind) EXECUTE FUNCTION refuse_key_change();
CREATE OR REPLACE TRIGGER segment_member_keep_id BEFORE UPDATE OF member_id ON segment_member
    FOR EACH ROW WHEN (OLD.member_id IS DISTINCT FROM NEW.member_id) EXECUTE FUNCTION refuse_key_change();
ALTER TABLE tenant ENABLE ALWAYS TRIGGER tenant_keep_slug;
ALTER TABLE relation_target ENABLE ALWAYS TRIGGER relation_target_keep_kind;
ALTER TABLE segment_member ENABLE ALWAYS TRIGGER segment_member_keep_id;


-- References that bulk writers make by the thousand are checked once per statement. A foreign key asks once per row and key,
-- which was a third of the cost of a page of people (3,400 addresses: 23 ms; 4,600 relations: 59 ms; together now 14). As
-- with a foreign key, the parent's row is locked against removal until the transaction ends. `columns` of the child refer to
-- `parent_columns`, both besides tenant_id; `cascades`: the child is removed with its parent, otherwise the parent stays.
CREATE TABLE IF NOT EXISTS reference_kept (
    name            text PRIMARY KEY,
    child           text NOT NULL,
    columns         text[] NOT NULL,
    parent          text NOT NULL,
    parent_columns  text[] NOT NULL,
    cascades        boolean NOT NULL,
    check_sql       text NOT NULL DEFAULT '',
    change_sql      text NOT NULL DEFAULT '',
    removal_sql     text NOT NULL DEFAULT ''
);
DELETE FROM reference_kept;
INSERT INTO reference_kept (name, child, columns, parent, parent_columns, cascades) VALUES
    ('cdp_profiles_tenant_fkey',      'cdp_profiles',     '{}',                      'tenant',           '{}',                true),
    ('profile_address_profile_fkey',  'profile_address',  '{profile_id}',            'cdp_profiles',     '{profile_id}',      true),
    ('consent_profile_fkey',          'consent',          '{profile_id}',            'cdp_profiles',     '{profile_id}',      true),
    ('profile_relation_profile_fkey', 'profile_relation', '{profile_id}',            'cdp_profiles',     '{profile_id}',      true),
    ('profile_relation_knows_fkey',   'profile_relation', '{target_profile_id}',     'cdp_profiles',     '{profile_id}',      true),
    ('profile_relation_target_fkey',  'profile_relation', '{target_id,target_kind}', 'relation_target',  '{target_id,kind}',  true),
    ('decision_run_fkey',             'decision',         '{run_id}',                'campaign_run',     '{run_id}',          false),
    ('decision_campaign_fkey',        'decision',         '{campaign_id}',           'campaign',         '{campaign_id}',     false),
    ('decision_profile_fkey',         'decision',         '{profile_id}',            'cdp_profiles',     '{profile_id}',      false),
    ('decision_snapshot_fkey',        'decision',         '{snapshot_id}',           'segment_snapshot', '{snapshot_id}',     false),
    ('decision_template_fkey',        'decision',         '{template_id}',           'message_template', '{template_id}',     false),
    ('decision_policy_fkey',          'decision',         '{policy_id}',             'policy',           '{policy_id}',       false),
    ('delivery_log_decision_fkey',    'delivery_log',     '{decision_id}',           'decision',         '{decision_id}',     false),
    ('delivery_log_profile_fkey',     'delivery_log',     '{profile_id}',            'cdp_profiles',     '{profile_id}',      false),
    ('delivery_log_channel_fkey',     'delivery_log',     '{channel_id}',            'channel',          '{channel_id}',      false),
    ('delivery_log_template_fkey',    'delivery_log',     '{template_id}',           'message_template', '{template_id}',     false),
    ('archive_decision_run_fkey',     'archive_decision', '{run_id}',                'campaign_run',     '{run_id}',          false),
    ('archive_decision_template_fkey', 'archive_decision', '{template_id}',          'message_template', '{template_id}',     false),
    ('archive_delivery_channel_fkey', 'archive_delivery', '{channel_id}',            'channel',          '{channel_id}',      false);
-- FOR KEY SHARE keeps each look-up one by the parent's key: with it the planner does not turn an EXISTS into a join (nor with
-- OFFSET). A person whom this very transaction wrote needs no lock: nobody else can remove them before it ends, and a sync
-- writes people and everything that belongs to them at once.
UPDATE reference_kept r SET
    check_sql = format(
        'SELECT %1$L AS name, count(*) AS strays '
        'FROM (SELECT DISTINCT %2$s FROM new_rows WHERE tenant_id = border AND (%2$s) IS NOT NULL) n '
        'WHERE ' || CASE WHEN r.cascades AND r.parent = 'cdp_profiles' THEN
            'n.%2$s NOT IN (SELECT p.profile_id FROM public.%3$I p WHERE p.tenant_id = border '
            'AND p.profile_id = ANY (ARRAY(SELECT DISTINCT %2$s FROM new_rows WHERE tenant_id = border)) AND p.xmin = pg_current_xact_id()::xid) AND ' ELSE '' END ||
        'NOT EXISTS (SELECT FROM public.%3$I p WHERE p.tenant_id = border%4$s FOR KEY SHARE) HAVING count(*) > 0',
        -- Not by tenant as well: there is only one here, and it would come first in the sort order.
        r.name, CASE r.columns WHEN '{}' THEN 'tenant_id' ELSE array_to_string(r.columns, ', ') END, r.parent,
        (SELECT string_agg(format(' AND p.%I = n.%I', of_parent, of_child), '')
         FROM unnest(r.parent_columns, r.columns) AS pair (of_parent, of_child))),
    change_sql = format(
        'SELECT CASE WHEN ($1).%2$s IS NULL OR EXISTS (SELECT FROM public.%1$I p WHERE p.tenant_id = ($1).tenant_id%3$s FOR KEY SHARE) '
        'THEN 0 ELSE 1 END',
        r.parent, coalesce(r.columns[1], 'tenant_id'),
        (SELECT string_agg(format(' AND p.%I = ($1).%I', of_parent, of_child), '')
         FROM unnest(r.parent_columns, r.columns) AS pair (of_parent, of_child))),
    removal_sql = format(
        CASE WHEN r.cascades THEN 'WITH gone AS (DELETE FROM public.%1$I c USING old_rows o WHERE c.tenant_id = $1 AND o.tenant_id = $1%2$s) SELECT 0'
             ELSE 'SELECT count(*) FROM old_rows o WHERE o.tenant_id = $1 AND EXISTS (SELECT FROM public.%1$I c WHERE c.tenant_id = $1%2$s)' END,
        r.child,
        (SELECT string_agg(format(' AND c.%I = o.%I', of_child, of_parent), '')
         FROM unnest(r.parent_columns, r.columns) AS pair (of_parent, of_child)));

CREATE OR REPLACE FUNCTION leo_refuse_strays(name text, strays bigint, change text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kept reference_kept;
BEGIN
    SELECT * INTO STRICT kept FROM reference_kept r WHERE r.name = leo_refuse_strays.name;
    IF change = 'DELETE' THEN
        RAISE EXCEPTION '% of % cannot go: % refers to them', strays, kept.parent, kept.child
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = kept.name, TABLE = kept.child;
    END IF;
    RAISE EXCEPTION '% of % refers to no row of % (%)', strays, kept.child, kept.parent, kept.name
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = kept.name, TABLE = kept.child;
END $$;

-- Inserts, of a row or of a page at a time, are checked by statements that a session plans once: one function per child
-- table, built from check_sql. A plan that has to serve every size may not read a whole table, hence enable_seqscan.
DO $make$
DECLARE
    kept record;
BEGIN
    FOR kept IN
        SELECT child, string_agg(check_sql, E'\n            UNION ALL ' ORDER BY name) AS checks FROM reference_kept GROUP BY child
    LOOP
        EXECUTE format($function$
CREATE OR REPLACE FUNCTION %I() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
DECLARE
    previous text := current_setting('leo.tenant', true);
    border   uuid;
    stray    record;
BEGIN
    FOR border IN SELECT DISTINCT tenant_id FROM new_rows LOOP
        PERFORM set_config('leo.tenant', border::text, true);
        SELECT * INTO stray FROM (
            %s) AS strays LIMIT 1;
        IF FOUND THEN
            PERFORM leo_refuse_strays(stray.name, stray.strays, TG_OP);
        END IF;
    END LOOP;
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN NULL;
END $body$$function$, kept.child || '_refer_insert', kept.checks);
    END LOOP;
END $make$;

-- References changed by an UPDATE, row by row, and removals, which may be of a whole tenant: both are rare, and planned each
-- time for the rows at hand.
CREATE OR REPLACE FUNCTION leo_keep_references() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    previous text := current_setting('leo.tenant', true);
    border   uuid;
    kept     reference_kept;
    strays   bigint;
BEGIN
    FOR border IN EXECUTE CASE TG_OP WHEN 'DELETE' THEN 'SELECT DISTINCT tenant_id FROM old_rows' ELSE 'SELECT $1' END
                      USING CASE TG_OP WHEN 'UPDATE' THEN NEW.tenant_id END
    LOOP
        PERFORM set_config('leo.tenant', border::text, true);
        FOR kept IN SELECT * FROM reference_kept r
                    WHERE CASE TG_OP WHEN 'DELETE' THEN r.parent ELSE r.child END = TG_ARGV[0] ORDER BY r.name LOOP
            IF TG_OP = 'UPDATE' THEN
                EXECUTE kept.change_sql INTO strays USING NEW;
            ELSE
                EXECUTE kept.removal_sql INTO strays USING border;
            END IF;
            IF strays <> 0 THEN
                PERFORM leo_refuse_strays(kept.name, strays, TG_OP);
            END IF;
        END LOOP;
    END LOOP;
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN NULL;
END $$;

-- In place of the foreign keys of older databases. An UPDATE then only checks the rows that refer to another parent. ALWAYS:
-- also in a session that replicates.
DO $$
DECLARE
    kept record;
BEGIN
    FOR kept IN SELECT k.conname, k.conrelid::regclass AS child FROM pg_constraint k JOIN reference_kept r ON r.name = k.conname
                WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', kept.child, kept.conname);
    END LOOP;
    FOR kept IN SELECT child AS name, string_agg(DISTINCT format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c), ' OR ') AS changed
                FROM reference_kept, unnest('{tenant_id}' || columns) c GROUP BY child LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %1$I AFTER INSERT ON %2$I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %1$I()', kept.name || '_refer_insert', kept.name);
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER UPDATE ON %I FOR EACH ROW WHEN (%s) '
                       'EXECUTE FUNCTION leo_keep_references(%L)', kept.name || '_refer_update', kept.name, kept.changed, kept.name);
        EXECUTE format('ALTER TABLE %1$I ENABLE ALWAYS TRIGGER %2$I, ENABLE ALWAYS TRIGGER %3$I',
                       kept.name, kept.name || '_refer_insert', kept.name || '_refer_update');
    END LOOP;
    FOR kept IN SELECT DISTINCT parent AS name FROM reference_kept WHERE parent <> 'tenant' LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION leo_keep_references(%L)', kept.name || '_referred_delete', kept.name, kept.name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', kept.name, kept.name || '_referred_delete');
    END LOOP;
END $$;


-- 4 graph mirror ------------------------------------------------------------------------------------------------

-- Which rows are which vertices and edges. Everything about the mirror is generated from this one table: labels, triggers,
-- `leo graph verify` and `leo graph rebuild`. The order of label_id is the order in which AGE numbers labels.
CREATE TABLE IF NOT EXISTS graph_element (
    label         text NOT NULL,
    label_id      int NOT NULL,
    kind          text NOT NULL,
    source        text NOT NULL,
    id_column     text NOT NULL,
    properties    text[] NOT NULL,
    condition     text NOT NULL,
    start_label   text,
    start_column  text,
    end_label     text,
    end_column    text,
    -- What the generator below made of it.
    insert_sql    text NOT NULL DEFAULT '',
    update_sql    text NOT NULL DEFAULT '',
    delete_sql    text NOT NULL DEFAULT '',
    compare_sql   text NOT NULL DEFAULT '',
    CONSTRAINT graph_element_pkey PRIMARY KEY (label),
    CONSTRAINT graph_element_label_id_unique UNIQUE (label_id),
    CONSTRAINT graph_element_kind_known CHECK (kind IN ('vertex', 'edge'))
);

TRUNCATE graph_element;
INSERT INTO graph_element (label_id, label, kind, source, id_column, properties, condition) VALUES
    ( 3, 'Profile',    'vertex', 'cdp_profiles',     'profile_id',  '{ext_id,status}',                        'true'),
    ( 4, 'Event',      'vertex', 'marketing_event',  'event_id',    '{type,occurred_at}',                     'true'),
    ( 5, 'Segment',    'vertex', 'segment',          'segment_id',  '{key,name,version}',                     'true'),
    ( 6, 'Snapshot',   'vertex', 'segment_snapshot', 'snapshot_id', '{segment_version,member_count,created_at}', 'true'),
    ( 7, 'Template',   'vertex', 'message_template', 'template_id', '{key,channel,version}',                  'true'),
    ( 8, 'Campaign',   'vertex', 'campaign',         'campaign_id', '{key,name,purpose}',                     'true'),
    ( 9, 'Run',        'vertex', 'campaign_run',     'run_id',      '{kind,lane,created_at}',                 'true'),
    (10, 'Task',       'vertex', 'agent_task',       'task_id',     '{kind,created_at}',                      'true'),
    (11, 'Decision',   'vertex', 'decision',         'decision_id', '{action,reason,channel,arbiter,decided_at}', 'true'),
    (12, 'Delivery',   'vertex', 'delivery_log',     'delivery_id', '{channel,queued_at}',                    'true'),
    (13, 'Outcome',    'vertex', 'outcome',          'outcome_id',  '{type,occurred_at}',                     'NOT s.delivery_archived'),
    (14, 'Channel',    'vertex', 'channel',          'channel_id',  '{kind,name}',                            'true'),
    (15, 'Topic',      'vertex', 'relation_target',  'target_id',   '{key,name}',                             's.kind = ''Topic'''),
    (16, 'Touchpoint', 'vertex', 'relation_target',  'target_id',   '{key,name}',                             's.kind = ''Touchpoint'''),
    (17, 'Product',    'vertex', 'relation_target',  'target_id',   '{key,name}',                             's.kind = ''Product''');
INSERT INTO graph_element (label_id, label, kind, source, id_column, properties, start_label, start_column, end_label, end_column, condition) VALUES
    (18, 'IN_SEGMENT',    'edge', 'segment_member',   'member_id',   '{joined_at}', 'Profile',  'profile_id',  'Segment',  'segment_id',  'true'),
    (19, 'FROZEN_AS',     'edge', 'segment_snapshot', 'snapshot_id', '{}',          'Segment',  'segment_id',  'Snapshot', 'snapshot_id', 'true'),
    (20, 'TARGETS',       'edge', 'campaign',         'campaign_id', '{}',          'Campaign', 'campaign_id', 'Segment',  'segment_id',  's.segment_id IS NOT NULL'),
    (21, 'HAPPENED_TO',   'edge', 'marketing_event',  'event_id',    '{}',          'Event',    'event_id',    'Profile',  'profile_id',  's.profile_id IS NOT NULL'),
    (22, 'TRIGGERED',     'edge', 'decision',         'decision_id', '{}',          'Event',    'event_id',    'Decision', 'decision_id', 's.event_id IS NOT NULL'),
    (23, 'UNDER',         'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Campaign', 'campaign_id', 'true'),
    (24, 'FROM_SNAPSHOT', 'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Snapshot', 'snapshot_id', 's.snapshot_id IS NOT NULL'),
    (25, 'DECIDED_FOR',   'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Profile',  'profile_id',  'true'),
    (26, 'DECIDED_BY',    'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Task',     'task_id',     's.task_id IS NOT NULL'),
    (27, 'IN_RUN',        'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Run',      'run_id',      'true'),
    (28, 'USED',          'edge', 'decision',         'decision_id', '{}',          'Decision', 'decision_id', 'Template', 'template_id', 's.template_id IS NOT NULL'),
    (29, 'DISPATCHED_AS', 'edge', 'delivery_log',     'delivery_id', '{}',          'Decision', 'decision_id', 'Delivery', 'delivery_id', 'true'),
    (30, 'VIA',           'edge', 'delivery_log',     'delivery_id', '{}',          'Delivery', 'delivery_id', 'Channel',  'channel_id',  'true'),
    (31, 'RESULTED_IN',   'edge', 'outcome',          'outcome_id',  '{}',          'Delivery', 'live_delivery_id', 'Outcome',  'outcome_id',  's.live_delivery_id IS NOT NULL'),
    (32, 'INTERESTED_IN', 'edge', 'profile_relation', 'relation_id', '{weight,occurred_at}', 'Profile', 'profile_id', 'Topic',      'target_id',         's.kind = ''INTERESTED_IN'''),
    (33, 'ENGAGED',       'edge', 'profile_relation', 'relation_id', '{weight,occurred_at}', 'Profile', 'profile_id', 'Touchpoint', 'target_id',         's.kind = ''ENGAGED'''),
    (34, 'BOUGHT',        'edge', 'profile_relation', 'relation_id', '{weight,occurred_at}', 'Profile', 'profile_id', 'Product',    'target_id',         's.kind = ''BOUGHT'''),
    (35, 'KNOWS',         'edge', 'profile_relation', 'relation_id', '{weight,occurred_at}', 'Profile', 'profile_id', 'Profile',    'target_profile_id', 's.kind = ''KNOWS'''),
    (36, 'SAME_AS',       'edge', 'duplicate',        'duplicate_id', '{channel,status}',    'Profile', 'profile_id', 'Profile',    'other_id',          's.status <> ''refused'''),
    (37, 'MERGED_INTO',   'edge', 'cdp_profiles',     'profile_id',  '{}',                   'Profile', 'profile_id', 'Profile',    'merged_into',       's.merged_into IS NOT NULL');

-- Makes each element's statements. They are about the current tenant, and name its graph's tables only by their label:
-- whoever runs them has entered the graph by leo_graph_path(). {rows} stands for the table or transition table that is read
-- as s. Updates and deletes return how many vertices or edges they did not find; they look these up by an array of their ids,
-- which works the same for one row and for many.
DO $$
DECLARE
    e        graph_element;
    ids      jsonb := (SELECT jsonb_object_agg(label, label_id) FROM graph_element);
    map      text;
    own_id   text;
    ends     text;
    named_ends  text;
    begins   text;
BEGIN
    FOR e IN SELECT * FROM graph_element LOOP
        SELECT string_agg(format('%L, %s', p.name,
                   CASE a.atttypid WHEN 'timestamptz'::regtype THEN format('public.leo_iso(s.%I)', p.name)
                                   -- -0 equals 0, so an UPDATE from one to the other is not a change: both show as 0.
                                   WHEN 'float8'::regtype THEN format('(s.%I + 0.0::float8)', p.name)
                                   ELSE format('s.%I', p.name) END), ', ' ORDER BY p.place)
        INTO map
        FROM unnest(CASE WHEN e.kind = 'vertex' THEN e.id_column || e.properties ELSE e.properties END)
             WITH ORDINALITY AS p(name, place)
        JOIN pg_attribute a ON a.attrelid = e.source::regclass AND a.attname = p.name;
        -- Left out if NULL: to Cypher, a property that is null does not exist.
        map := CASE WHEN map IS NULL THEN quote_literal('{}') || '::ag_catalog.agtype'
                    ELSE format('ag_catalog.agtype_build_map_nonull(%s)', map) END;
        own_id := format('ag_catalog._graphid(%s, s.%I)', e.label_id, e.id_column);
        ends := CASE WHEN e.kind = 'edge' THEN
            format('ag_catalog._graphid(%s, s.%I), ag_catalog._graphid(%s, s.%I), ',
                   ids ->> e.start_label, e.start_column, ids ->> e.end_label, e.end_column) ELSE '' END;

        e.insert_sql := format(
            'INSERT INTO %I (id, %s properties) SELECT %s, %s %s FROM {rows} s WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %s',
            e.label, CASE WHEN e.kind = 'edge' THEN 'start_id, end_id,' ELSE '' END, own_id, ends, map, e.condition);
        -- An edge is found by where it begins: few begin at one vertex, and an index of its own id was one of three to
        -- maintain.
        begins := CASE WHEN e.kind = 'edge' THEN
            format('ag_catalog._graphid(%s, s.%I)', ids ->> e.start_label, e.start_column) ELSE 'NULL::ag_catalog.graphid' END;
        e.delete_sql := format(
            'WITH gone AS (SELECT %s AS id, %s AS begins FROM old_rows s WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %s), '
            'done AS (DELETE FROM %I g WHERE %sg.id = ANY (ARRAY(SELECT id FROM gone)) RETURNING 1) '
            'SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM done)',
            own_id, begins, e.condition, e.label,
            CASE WHEN e.kind = 'edge' THEN 'g.start_id = ANY (ARRAY(SELECT begins FROM gone)) AND ' ELSE '' END);
        IF e.kind = 'vertex' AND e.condition = 'true' THEN
            e.update_sql := format(
                'WITH changed AS (SELECT %1$s AS id, %2$s AS properties FROM new_rows s JOIN old_rows o USING (tenant_id, %3$I) '
                'WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %4$s AND ROW(%5$s) IS DISTINCT FROM ROW(%6$s)), '
                'done AS (UPDATE %7$I g SET properties = changed.properties FROM changed '
                '    WHERE g.id = changed.id AND g.id = ANY (ARRAY(SELECT id FROM changed)) RETURNING 1) '
                'SELECT (SELECT count(*) FROM changed) - (SELECT count(*) FROM done)',
                own_id, map, e.id_column, e.condition,
                (SELECT string_agg('s.' || quote_ident(c), ', ') FROM unnest(e.properties) c),
                (SELECT string_agg('o.' || quote_ident(c), ', ') FROM unnest(e.properties) c), e.label);
        ELSE
            -- A changed edge is drawn anew, and removed if its condition no longer holds: one statement, because old and new
            -- share an id.
            named_ends := CASE WHEN e.kind = 'edge' THEN
                format('ag_catalog._graphid(%s, s.%I) AS start_id, ag_catalog._graphid(%s, s.%I) AS end_id, ',
                       ids ->> e.start_label, e.start_column, ids ->> e.end_label, e.end_column) ELSE '' END;
            e.update_sql := format(
                'WITH wanted AS (SELECT %1$s AS id, %2$s %3$s AS properties FROM new_rows s WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %4$s), '
                'known AS (SELECT %1$s AS id, %2$s %3$s AS properties FROM old_rows s WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %4$s), '
                'changed AS (SELECT w.id AS new_id, k.id AS old_id, %10$s %6$s w.properties '
                '    FROM wanted w FULL JOIN known k ON k.id = w.id '
                '    WHERE ROW(w.id, %6$s w.properties::text) IS DISTINCT FROM ROW(k.id, %7$s k.properties::text)), '
                'moved AS (UPDATE %5$I g SET %8$s properties = c.properties '
                '    FROM changed c WHERE g.id = c.old_id AND c.new_id IS NOT NULL AND %11$s g.id = ANY (ARRAY(SELECT old_id FROM changed)) RETURNING 1), '
                'gone AS (DELETE FROM %5$I g WHERE %11$s g.id = ANY (ARRAY(SELECT old_id FROM changed WHERE new_id IS NULL)) RETURNING 1), '
                'made AS (INSERT INTO %5$I (id, %9$s properties) '
                '    SELECT new_id, %9$s properties FROM changed WHERE old_id IS NULL RETURNING 1) '
                'SELECT (SELECT count(*) FROM changed) - (SELECT count(*) FROM moved) - (SELECT count(*) FROM gone) - (SELECT count(*) FROM made)',
                own_id, named_ends, map, e.condition, e.label,
                CASE WHEN e.kind = 'edge' THEN 'w.start_id, w.end_id,' ELSE '' END,
                CASE WHEN e.kind = 'edge' THEN 'k.start_id, k.end_id,' ELSE '' END,
                CASE WHEN e.kind = 'edge' THEN 'start_id = c.start_id, end_id = c.end_id,' ELSE '' END,
                CASE WHEN e.kind = 'edge' THEN 'start_id, end_id,' ELSE '' END,
                CASE WHEN e.kind = 'edge' THEN 'k.start_id AS begins,' ELSE '' END,
                CASE WHEN e.kind = 'edge' THEN 'g.start_id = ANY (ARRAY(SELECT begins FROM changed)) AND' ELSE '' END);
        END IF;
        e.compare_sql := format(
            'SELECT count(*) FILTER (WHERE g.id IS NULL), count(*) FILTER (WHERE t.id IS NULL), '
            'count(*) FILTER (WHERE g.id IS NOT NULL AND t.id IS NOT NULL AND (t.properties::text <> g.properties::text%s)) '
            'FROM (SELECT %s AS id, %s %s AS properties FROM public.%I s WHERE s.tenant_id = (SELECT public.leo_tenant()) AND %s) t '
            'FULL JOIN %I g ON g.id = t.id',
            CASE WHEN e.kind = 'edge' THEN ' OR t.start_id <> g.start_id OR t.end_id <> g.end_id' ELSE '' END,
            own_id,
            CASE WHEN e.kind = 'edge' THEN
                format('ag_catalog._graphid(%s, s.%I) AS start_id, ag_catalog._graphid(%s, s.%I) AS end_id, ',
                       ids ->> e.start_label, e.start_column, ids ->> e.end_label, e.end_column) ELSE '' END,
            map, e.source, e.condition, e.label);
        UPDATE graph_element SET insert_sql = e.insert_sql, update_sql = e.update_sql, delete_sql = e.delete_sql,
               compare_sql = e.compare_sql
        WHERE label = e.label;
    END LOOP;
END $$;

-- Whether this UPDATE touches anything the graph shows. Most do not (a delivery's state, a profile's attributes).
CREATE TABLE IF NOT EXISTS graph_source (
    source       text PRIMARY KEY,
    changed_sql  text NOT NULL
);
TRUNCATE graph_source;
INSERT INTO graph_source (source, changed_sql)
SELECT source, format(
    'SELECT FROM new_rows n JOIN old_rows o USING (tenant_id, %I) WHERE ROW(%s) IS DISTINCT FROM ROW(%s)',
    id_column, string_agg(format('n.%I', shown), ', ' ORDER BY shown), string_agg(format('o.%I', shown), ', ' ORDER BY shown))
FROM (
    SELECT DISTINCT e.source, e.id_column, c.shown
    FROM graph_element e,
         LATERAL unnest(e.properties || ARRAY[e.start_column, e.end_column]) AS c(shown)
    WHERE c.shown IS NOT NULL AND c.shown <> e.id_column
) shown_columns
GROUP BY source, id_column;

-- Where labels without a graph's name are looked up. AGE's own labels begin with an underscore, and only the owner makes
-- tables in these schemas.
CREATE OR REPLACE FUNCTION leo_graph_path(graph text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN format('pg_catalog, public, ag_catalog, %I, pg_temp', graph);

-- Makes `border` the current tenant and its graph the place where labels are looked up, until the calling trigger function
-- ends; for that reason this function pins no search path. False if there is nothing left to mirror into.
CREATE OR REPLACE FUNCTION leo_enter_graph(border uuid, change text, changed name) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    graph text;
BEGIN
    PERFORM pg_catalog.set_config('leo.tenant', border::text, true);
    SELECT t.graph_name INTO graph FROM public.tenant t
    WHERE t.tenant_id = border AND EXISTS (SELECT FROM ag_catalog.ag_graph g WHERE g.name = t.graph_name);
    IF graph IS NOT NULL THEN
        PERFORM pg_catalog.set_config('search_path', public.leo_graph_path(graph), true);
        RETURN true;
    END IF;
    -- leo_drop_tenant() drops the graph first: then nothing is left to remove from it.
    IF change = 'DELETE' THEN
        RETURN false;
    END IF;
    RAISE EXCEPTION 'tenant % has no graph, so this % of % cannot be mirrored', border, change, changed
        USING ERRCODE = 'foreign_key_violation', HINT = 'Create the tenant first, or run: leo graph rebuild';
END $$;

CREATE OR REPLACE FUNCTION leo_refuse_short(label text, short bigint, change text, changed name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % would leave graph % behind: % of its % are missing', change, changed, leo_graph(), short, label
        USING ERRCODE = 'LEO05', HINT = 'The graph was changed by hand. Run: leo graph rebuild';
END $$;

-- After each statement, in its transaction, for every writer, the graph follows the rows. There is one function per source
-- and kind of change, built from its elements' statements, which a session plans once: planning them at every call was two
-- thirds of the cost of a row. It reads the transition tables, and of other data only the tenant's graph name, for one tenant
-- at a time, so that a writer without a tenant (a superuser in psql) is mirrored like any other. A plan that has to serve
-- every size looks up by key, never reads a whole label (enable_seqscan), and compares old and new rows by hash, never each
-- with each (enable_nestloop).
DO $make$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT format('%s_mirror_%s', e.source, lower(c.change)) AS name,
               CASE c.change WHEN 'DELETE' THEN 'old_rows' ELSE 'new_rows' END AS rows_,
               CASE c.change WHEN 'UPDATE' THEN format($guard$
    IF NOT EXISTS (%s) THEN
        RETURN NULL;
    END IF;$guard$, s.changed_sql) ELSE '' END AS guard,
               string_agg(CASE c.change WHEN 'INSERT' THEN format($insert$
        %s;$insert$, replace(e.insert_sql, '{rows}', 'new_rows')) ELSE format($change$
        %s INTO short;
        IF short <> 0 THEN
            PERFORM leo_refuse_short(%L, short, TG_OP, TG_TABLE_NAME);
        END IF;$change$, CASE c.change WHEN 'UPDATE' THEN e.update_sql ELSE e.delete_sql END, e.label) END, '' ORDER BY e.label_id) AS statements
        FROM graph_element e JOIN graph_source s USING (source), (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS c (change)
        GROUP BY e.source, s.changed_sql, c.change
    LOOP
        EXECUTE format($function$
CREATE OR REPLACE FUNCTION %I() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off AS $body$
DECLARE
    previous text := current_setting('leo.tenant', true);
    border   uuid;
    short    bigint;
BEGIN%s
    FOR border IN SELECT DISTINCT tenant_id FROM %s LOOP
        CONTINUE WHEN NOT leo_enter_graph(border, TG_OP, TG_TABLE_NAME);%s
    END LOOP;
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN NULL;
END $body$$function$, made.name, made.guard, made.rows_, made.statements);
    END LOOP;
END $make$;

-- On every source and on every partition: a statement that names a partition fires only the partition's triggers.
DO $$
DECLARE
    mirrored record;
BEGIN
    FOR mirrored IN
        SELECT s.source, c.relname AS name
        FROM graph_source s JOIN pg_class c
          ON c.oid = s.source::regclass OR c.oid IN (SELECT relid FROM pg_partition_tree(s.source::regclass))
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %I()', mirrored.name || '_mirror_insert', mirrored.name, mirrored.source || '_mirror_insert');
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %I()', mirrored.name || '_mirror_update', mirrored.name, mirrored.source || '_mirror_update');
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows '
                       'FOR EACH STATEMENT EXECUTE FUNCTION %I()', mirrored.name || '_mirror_delete', mirrored.name, mirrored.source || '_mirror_delete');
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I, ENABLE ALWAYS TRIGGER %I', mirrored.name,
                       mirrored.name || '_mirror_insert', mirrored.name || '_mirror_update', mirrored.name || '_mirror_delete');
    END LOOP;
END $$;
DROP FUNCTION IF EXISTS leo_mirror();

-- TRUNCATE bypasses row triggers, transition tables and tenants, so it is refused on every tenant table and partition.
DO $$
DECLARE
    guarded text;
BEGIN
    FOR guarded IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname LIKE '%\_prevent\_%')
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate()',
                       guarded || '_refuse_truncate', guarded);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guarded, guarded || '_refuse_truncate');
    END LOOP;
END $$;


-- 5 tenants -----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION leo_graph() RETURNS text
LANGUAGE sql STABLE
RETURN (SELECT graph_name FROM tenant WHERE tenant_id = leo_tenant());

-- The role that the Cypher explorer logs in as for one tenant; it is a member of nothing and may read one graph.
CREATE OR REPLACE FUNCTION leo_reader(border uuid) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN 'leo_reader_' || translate(border::text, '-', '');

-- Labels in the order of graph_element, so that a label has the same id in every graph; AGE before 1.7 creates no indexes. A
-- graph that was made before a label was added gets what it lacks.
CREATE OR REPLACE FUNCTION leo_complete_graph(graph_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    e       graph_element;
    made_id int;
    indexed text;
    reader  text;
BEGIN
    FOR e IN SELECT * FROM graph_element
             WHERE NOT EXISTS (SELECT FROM ag_label l JOIN ag_graph g ON g.graphid = l.graph
                               WHERE g.name = leo_complete_graph.graph_name AND l.name = label)
             ORDER BY label_id LOOP
        IF e.kind = 'vertex' THEN
            EXECUTE format('SELECT ag_catalog.create_vlabel(%L, %L)', graph_name, e.label);
            EXECUTE format('CREATE INDEX ON %I.%I (ag_catalog.agtype_access_operator(properties, %L::ag_catalog.agtype))',
                           graph_name, e.label, to_json(e.id_column)::text);
        ELSE
            EXECUTE format('SELECT ag_catalog.create_elabel(%L, %L)', graph_name, e.label);
        END IF;
        IF e.label = 'Profile' THEN
            EXECUTE format('CREATE INDEX ON %I."Profile" (ag_catalog.agtype_access_operator(properties, %L::ag_catalog.agtype))',
                           graph_name, '"ext_id"');
        END IF;
        SELECT l.id INTO STRICT made_id FROM ag_label l JOIN ag_graph g ON g.graphid = l.graph
        WHERE g.name = leo_complete_graph.graph_name AND l.name = e.label;
        IF made_id <> e.label_id THEN
            RAISE EXCEPTION 'AGE numbered label % of graph % as % where % was expected', e.label, graph_name, made_id, e.label_id
                USING HINT = 'A label of this graph was made by hand, or AGE numbers differently: run leo doctor.';
        END IF;
        FOREACH indexed IN ARRAY CASE WHEN e.kind = 'edge' THEN '{start_id,end_id}'::text[] ELSE '{id}' END LOOP
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                WHERE i.indrelid = format('%I.%I', graph_name, e.label)::regclass AND a.attname = indexed);
            EXECUTE format('CREATE INDEX ON %I.%I (%I)', graph_name, e.label, indexed);
        END LOOP;
        EXECUTE format('GRANT SELECT ON %I.%I TO leo_app', graph_name, e.label);
        FOR reader IN SELECT rolname FROM pg_roles
                      WHERE rolname LIKE 'leo\_reader\_%' AND has_schema_privilege(rolname, graph_name, 'USAGE') LOOP
            EXECUTE format('GRANT SELECT ON %I.%I TO %I', graph_name, e.label, reader);
        END LOOP;
    END LOOP;
    -- What people call a product, a topic or a campaign; patterns begin there.
    FOR e IN SELECT * FROM graph_element WHERE kind = 'vertex' AND 'key' = ANY (properties) ORDER BY label_id LOOP
        EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I.%I (ag_catalog.agtype_access_operator(properties, %L::ag_catalog.agtype))',
                       e.label || '_key_idx', graph_name, e.label, '"key"');
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION leo_create_graph(graph_name text, border uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp SET client_min_messages = warning AS $$
BEGIN
    EXECUTE format('SELECT ag_catalog.create_graph(%L)', graph_name);
    PERFORM leo_complete_graph(graph_name);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO leo_app', graph_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO leo_app', graph_name);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = leo_reader(border)) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', leo_reader(border));
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', graph_name, leo_reader(border));
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', graph_name, leo_reader(border));
END $$;

-- Gives the current tenant's reader a login and its limits; returns its role's name. `verifier` is the SCRAM hash that the
-- caller computed, because a password would appear in the server's log. The owner inherits the reader, never the other way
-- round: so it may stop the reader's sessions, and the reader stays a member of nothing.
CREATE OR REPLACE FUNCTION leo_reader_login(verifier text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    reader text := leo_reader(leo_tenant());
BEGIN
    IF leo_graph() IS NULL THEN
        RAISE EXCEPTION 'no tenant is set' USING ERRCODE = 'no_data_found', HINT = 'Set leo.tenant to a tenant''s id first.';
    END IF;
    IF verifier !~ '^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
        RAISE EXCEPTION 'that is no SCRAM verifier' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
        -- A database restored on another server comes without its roles.
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', reader);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', leo_graph(), reader);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', leo_graph(), reader);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA ag_catalog TO %I', reader);
    EXECUTE format('GRANT %I TO leo_owner WITH INHERIT TRUE, SET FALSE', reader);
    EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L CONNECTION LIMIT 4', reader, verifier);
    EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', reader);
    IF has_parameter_privilege('leo_owner', 'temp_file_limit', 'SET') THEN
        EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''256MB''', reader);
    END IF;
    RETURN reader;
END $$;

-- Stops a session of the current tenant's reader: cancels its query or, as a last resort, ends it. Gives how many there were.
CREATE OR REPLACE FUNCTION leo_reader_stop(query_id bigint, ending boolean) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    stopped int;
BEGIN
    SELECT count(CASE WHEN ending THEN pg_terminate_backend(a.pid) ELSE pg_cancel_backend(a.pid) END) INTO stopped
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = leo_reader(leo_tenant())
      AND a.application_name = 'leo explorer ' || leo_reader_stop.query_id;
    RETURN stopped;
END $$;

-- Ends sessions of the current tenant's reader whose query runs longer than anybody waits: their API process has died. One
-- without a query may be a pooler's.
CREATE OR REPLACE FUNCTION leo_reader_sweep(longest interval) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ended int;
BEGIN
    SELECT count(pg_terminate_backend(a.pid)) INTO ended
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = leo_reader(leo_tenant())
      AND CASE WHEN a.xact_start IS NULL THEN a.state_change < clock_timestamp() - longest - interval '1 hour'
               ELSE a.xact_start < clock_timestamp() - longest END;
    RETURN ended;
END $$;

-- Ends idle sessions of the current tenant's reader, and waits until they are gone: a login that found all places taken needs
-- one.
CREATE OR REPLACE FUNCTION leo_reader_make_room() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ended int;
BEGIN
    SELECT count(pg_terminate_backend(a.pid, 2000)) INTO ended
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = leo_reader(leo_tenant())
      AND a.application_name = 'leo explorer waiting' AND a.state = 'idle';
    RETURN ended;
END $$;

CREATE OR REPLACE FUNCTION leo_tenant_created() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM leo_create_graph(NEW.graph_name, NEW.tenant_id);
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER tenant_created AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION leo_tenant_created();
ALTER TABLE tenant ENABLE ALWAYS TRIGGER tenant_created;

CREATE OR REPLACE FUNCTION refuse_tenant_delete() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    call_stack text;
BEGIN
    GET DIAGNOSTICS call_stack = PG_CONTEXT;
    IF current_user = 'leo_owner' AND public.leo_is_dropping(call_stack) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'a tenant is not deleted row by row'
        USING ERRCODE = 'LEO03', HINT = 'Call leo_drop_tenant(tenant_id, reason), which also drops its graph and is audited.';
END $$;
CREATE OR REPLACE TRIGGER tenant_refuse_delete BEFORE DELETE ON tenant FOR EACH STATEMENT EXECUTE FUNCTION refuse_tenant_delete();
ALTER TABLE tenant ENABLE ALWAYS TRIGGER tenant_refuse_delete;

-- Removes a tenant, everything it owns, its graph and its reader; records what was removed, why and by whom. Raises
-- no_data_found if there is no such tenant.
CREATE OR REPLACE FUNCTION leo_drop_tenant(doomed uuid, reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET client_min_messages = warning AS $$
DECLARE
    previous text := current_setting('leo.tenant', true);
    owner    public.tenant;
    emptied  text;
    rows_    bigint;
    counted  jsonb;
    removed  jsonb := '{}';
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'removing a tenant needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('leo.tenant', doomed::text, true);
    SELECT * INTO owner FROM public.tenant WHERE tenant_id = doomed FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no tenant %', doomed USING ERRCODE = 'no_data_found';
    END IF;
    IF EXISTS (SELECT FROM ag_catalog.ag_graph WHERE name = owner.graph_name) THEN
        EXECUTE format('SELECT ag_catalog.drop_graph(%L, true)', owner.graph_name);
    END IF;
    -- Counts stay, without the tenant's name: a counter that falls back would look like a restart.
    SELECT coalesce(jsonb_agg(one), '[]') INTO counted
    FROM (SELECT metric, labels, sum(n) AS n FROM public.tally WHERE tenant_id = doomed GROUP BY metric, labels) one;
    PERFORM set_config('leo.tenant', '00000000-0000-0000-0000-000000000000', true);
    INSERT INTO public.tally (tenant_id, metric, labels, n)
    SELECT '00000000-0000-0000-0000-000000000000', metric, labels, n
    FROM jsonb_to_recordset(counted) AS one (metric text, labels jsonb, n bigint);
    PERFORM set_config('leo.tenant', doomed::text, true);
    -- Children before parents. Apart from their own keys, tables in this list refer only upwards.
    FOREACH emptied IN ARRAY ARRAY[
        'callback', 'chat_message', 'tally', 'graph_check',
        'query_history', 'saved_query', 'reader_credential', 'erased_record', 'erasure',
        'take_up', 'ledger_batch', 'ledger_horizon', 'outbox', 'sync_run', 'sync_position', 'source_credential', 'source', 'outcome', 'delivery_attempt', 'delivery_log', 'decision', 'archive_delivery', 'archive_decision', 'model_answer', 'task_step',
        'agent_task', 'run_batch', 'campaign_run', 'campaign_spend', 'campaign_template', 'campaign', 'policy', 'message_template', 'channel_token', 'channel_gate', 'channel_credential', 'channel_consent', 'channel',
        'segment_snapshot_member', 'segment_snapshot', 'recheck', 'segment_change', 'segment_refresh', 'segment_member',
        'segment_version', 'segment', 'event_key', 'marketing_event', 'suppression', 'consent', 'duplicate', 'profile_merge',
        'profile_relation', 'relation_target', 'profile_address',
        'profile_embedding', 'cdp_profiles', 'idempotency_key', 'api_key', 'tenant']
    LOOP
        EXECUTE format('DELETE FROM public.%I WHERE tenant_id = $1', emptied) USING doomed;
        GET DIAGNOSTICS rows_ = ROW_COUNT;
        removed := removed || jsonb_build_object(emptied, rows_);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = public.leo_reader(doomed)) THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA ag_catalog FROM %I', public.leo_reader(doomed));
        EXECUTE format('DROP ROLE %I', public.leo_reader(doomed));
    END IF;
    INSERT INTO public.tenant_removal (tenant_id, slug, reason, removed_by, removed)
    VALUES (doomed, owner.slug, reason, session_user, removed);
    PERFORM set_config('leo.tenant', coalesce(previous, ''), true);
    RETURN removed;
END $$;

-- Erases everything that identifies a person of the current tenant, and those merged into them. Records stay as rows with
-- their ids: their leaf is kept, so that the ledger still verifies. Gives how many rows of each kind; raises no_data_found.
CREATE OR REPLACE FUNCTION leo_erase_profile(doomed bigint, why text, who text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    border uuid := public.leo_tenant();
    people bigint[];
    ids    bigint[];
    leaves bytea[];
    counts jsonb := '{}';
    rows_  bigint;
BEGIN
    PERFORM FROM public.cdp_profiles WHERE tenant_id = border AND profile_id = doomed FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no profile %', doomed USING ERRCODE = 'no_data_found';
    END IF;
    WITH RECURSIVE one AS (
        SELECT doomed AS profile_id
        UNION
        SELECT p.profile_id FROM one JOIN public.cdp_profiles p ON p.tenant_id = border AND p.merged_into = one.profile_id)
    SELECT array_agg(profile_id) INTO people FROM one;

    SELECT coalesce(array_agg(r.id), '{}'), coalesce(array_agg(sha256('\x00'::bytea || convert_to(c.content, 'UTF8'))), '{}')
    INTO ids, leaves
    FROM (SELECT decision_id AS id FROM public.all_decision WHERE tenant_id = border AND profile_id = ANY (people)
          UNION ALL
          SELECT delivery_id FROM public.all_delivery WHERE tenant_id = border AND profile_id = ANY (people)
          UNION ALL
          SELECT outcome_id FROM public.outcome WHERE tenant_id = border AND profile_id = ANY (people)) r
    CROSS JOIN LATERAL public.leo_ledger_content(r.id - 1, r.id) c
    WHERE NOT EXISTS (SELECT FROM public.erased_record e WHERE e.tenant_id = border AND e.record_id = r.id);
    counts := counts || jsonb_build_object('records', cardinality(ids));

    UPDATE public.decision SET candidates = '[]', inputs = '{}', arbitration = NULL
    WHERE tenant_id = border AND profile_id = ANY (people);
    UPDATE public.archive_decision SET candidates = '[]', inputs = '{}', arbitration = NULL
    WHERE tenant_id = border AND profile_id = ANY (people);
    -- Callbacks about them, before the values go by which these are recognised: their addresses and the ids of their
    -- messages, in lower case, without a leading +. A body may be about others too; what it said about those is already
    -- stored.
    WITH named AS (
        SELECT c.channel_id, ltrim(lower(a.value), '+') AS value
        FROM public.profile_address a JOIN public.channel c ON c.tenant_id = border
            AND (c.kind = a.channel OR length(a.value) >= 8)
        WHERE a.tenant_id = border AND a.profile_id = ANY (people) AND length(a.value) >= 3
        UNION
        SELECT l.through_id, name FROM public.all_delivery l,
            LATERAL (VALUES (encode(l.event_id, 'hex')), (lower(l.provider_id)), (ltrim(lower(l.address), '+'))) AS n (name)
        WHERE l.tenant_id = border AND l.profile_id = ANY (people) AND length(name) >= 3)
    UPDATE public.callback k SET body = '', headers = '{}', error = NULL, status = 'read', due_at = NULL
    WHERE k.tenant_id = border AND k.body <> '' AND EXISTS (
        SELECT FROM named n WHERE n.channel_id = k.channel_id
          AND strpos(lower(encode(k.body, 'escape')), encode(convert_to(n.value, 'UTF8'), 'escape')) > 0);
    GET DIAGNOSTICS rows_ = ROW_COUNT;
    counts := counts || jsonb_build_object('callbacks', rows_);
    UPDATE public.delivery_attempt SET detail = NULL
    WHERE tenant_id = border AND delivery_id IN (
        SELECT delivery_id FROM public.delivery_log WHERE tenant_id = border AND profile_id = ANY (people));
    UPDATE public.delivery_log
    SET address = 'erased', response = NULL, provider_id = NULL,
        status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END
    WHERE tenant_id = border AND profile_id = ANY (people);
    UPDATE public.archive_delivery SET address = 'erased', response = NULL, provider_id = NULL,
        tries = (SELECT coalesce(jsonb_agg(one.try - 'detail' ORDER BY one.place), '[]')
                 FROM jsonb_array_elements(tries) WITH ORDINALITY AS one (try, place))
    WHERE tenant_id = border AND profile_id = ANY (people);
    UPDATE public.outcome SET raw = '{}', dedup_key = 'erased:' || outcome_id
    WHERE tenant_id = border AND profile_id = ANY (people);
    DELETE FROM public.event_key k USING public.marketing_event e
    WHERE k.tenant_id = border AND e.tenant_id = border AND e.event_id = k.event_id AND e.profile_id = ANY (people);
    UPDATE public.marketing_event SET attributes = '{}', ext_id = NULL WHERE tenant_id = border AND profile_id = ANY (people);
    GET DIAGNOSTICS rows_ = ROW_COUNT;
    counts := counts || jsonb_build_object('events', rows_);
    -- Also what was sent to the address only: nothing else says whose it was.
    DELETE FROM public.chat_message m WHERE m.tenant_id = border AND (m.profile_id = ANY (people) OR m.profile_id IS NULL AND m.address IN (
        SELECT a.value FROM public.profile_address a WHERE a.tenant_id = border AND a.channel = 'chat' AND a.profile_id = ANY (people)));
    DELETE FROM public.profile_address WHERE tenant_id = border AND profile_id = ANY (people);
    GET DIAGNOSTICS rows_ = ROW_COUNT;
    counts := counts || jsonb_build_object('addresses', rows_);
    DELETE FROM public.profile_relation
    WHERE tenant_id = border AND (profile_id = ANY (people) OR target_profile_id = ANY (people));
    GET DIAGNOSTICS rows_ = ROW_COUNT;
    counts := counts || jsonb_build_object('relations', rows_);
    DELETE FROM public.profile_embedding WHERE tenant_id = border AND profile_id = ANY (people);
    DELETE FROM public.suppression WHERE tenant_id = border AND profile_id = ANY (people);
    DELETE FROM public.duplicate WHERE tenant_id = border AND (profile_id = ANY (people) OR other_id = ANY (people));
    DELETE FROM public.recheck WHERE tenant_id = border AND profile_id = ANY (people);
    DELETE FROM public.segment_member WHERE tenant_id = border AND profile_id = ANY (people);
    UPDATE public.profile_merge SET evidence = '[]', reason = 'erased' WHERE tenant_id = border AND loser_id = ANY (people);
    UPDATE public.cdp_profiles
    SET ext_id = 'erased:' || profile_id, name = NULL, locale = NULL, zone = NULL, attributes = '{}', source = 'erased',
        source_updated_at = NULL, source_rev = NULL, source_root = NULL,
        status = CASE WHEN status = 'merged' THEN status ELSE 'deleted' END
    WHERE tenant_id = border AND profile_id = ANY (people);
    GET DIAGNOSTICS rows_ = ROW_COUNT;
    counts := counts || jsonb_build_object('profiles', rows_);

    INSERT INTO public.erased_record (tenant_id, record_id, leaf, leaf_since)
    SELECT border, e.record_id, e.leaf, sha256('\x00'::bytea || convert_to(c.content, 'UTF8'))
    FROM unnest(ids, leaves) AS e (record_id, leaf) CROSS JOIN LATERAL public.leo_ledger_content(e.record_id - 1, e.record_id) c;
    INSERT INTO public.erasure (tenant_id, profile_id, reason, erased_by, erased) VALUES (border, doomed, why, who, counts);
    RETURN counts;
END $$;

-- How far back deciding and sending look in the current tenant: the longest window of a cap or a provider and the longest
-- wait for another channel in the policies in force; at least 35 days, because the score looks back 30, and an answer without
-- a reference is matched with what was sent within 30.
CREATE OR REPLACE FUNCTION leo_archive_least() RETURNS interval
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT make_interval(secs => greatest(35 * 24, ceil(max(looks.hours))) * 3600)
    FROM (SELECT DISTINCT ON (p.key) p.document FROM policy p
          WHERE p.tenant_id = leo_tenant() AND NOT p.draft ORDER BY p.key, p.version DESC) holds
    CROSS JOIN LATERAL (
        SELECT CASE WHEN c ? 'days' THEN (c ->> 'days')::float8 * 24 WHEN c ? 'hours' THEN (c ->> 'hours')::float8
                    ELSE 32 * 24 END AS hours
        FROM jsonb_path_query(holds.document, '$.caps[*]') c
        UNION ALL
        SELECT (w ->> 'hours')::float8 FROM jsonb_path_query(holds.document, '$.windows[*]') w
        UNION ALL
        SELECT (holds.document #>> '{fallback,hours}')::float8) looks
$$;

-- Moves into the archive what was decided before an instant, among the next `most` such decisions of the current tenant after
-- a given one: those that are sealed, whose runs and following runs are over, and whose deliveries are all older too and have
-- ended or were settled. It is one transaction: rows, graph and the outcomes' references change together. `last_id` is where
-- to continue; NULL if there was nothing more to look at.
CREATE OR REPLACE FUNCTION leo_archive(before timestamptz, after_id bigint, most int)
RETURNS TABLE (last_id bigint, decisions bigint, deliveries bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    border   uuid := public.leo_tenant();
    sealed   bigint;
    looked   bigint[];
    runs     bigint[];
    moved    bigint[];
    messages bigint[];
    gone     bigint;
BEGIN
    IF border IS NULL THEN
        RAISE EXCEPTION 'no tenant is set' USING ERRCODE = 'no_data_found', HINT = 'Set leo.tenant to a tenant''s id first.';
    END IF;
    IF before > now() - public.leo_archive_least() THEN
        RAISE EXCEPTION 'what is younger than % is still looked at', public.leo_archive_least()
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Keep more days live: see leo archive status.';
    END IF;
    -- One at a time per tenant: of two, one would wait for each row of the other.
    PERFORM pg_advisory_xact_lock(hashtextextended('archive ' || border::text, 0));
    SELECT max(b.last_id) INTO sealed FROM public.ledger_batch b WHERE b.tenant_id = border;
    SELECT array_agg(o.decision_id), array_agg(DISTINCT o.run_id), max(o.decision_id) INTO looked, runs, last_id
    FROM (SELECT d.decision_id, d.run_id FROM public.decision d
          WHERE d.tenant_id = border AND d.decision_id > after_id AND d.decision_id <= sealed AND d.decided_at < before
          ORDER BY d.decision_id LIMIT most) o;
    IF looked IS NULL THEN
        RETURN QUERY SELECT NULL::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;
    -- Deciding for a run reads the results of the runs above it.
    WITH RECURSIVE family AS (
        SELECT id AS top_id, id AS run_id FROM unnest(runs) AS id
        UNION
        SELECT f.top_id, r.run_id FROM family f JOIN public.campaign_run r ON r.tenant_id = border AND r.parent_id = f.run_id
    )
    SELECT array_agg(id) INTO runs FROM unnest(runs) AS id
    WHERE NOT EXISTS (
        SELECT FROM family f JOIN public.campaign_run r ON r.tenant_id = border AND r.run_id = f.run_id
        WHERE f.top_id = id AND (r.status NOT IN ('finished', 'cancelled') OR EXISTS (
            SELECT FROM public.run_batch b WHERE b.tenant_id = border AND b.run_id = r.run_id AND b.status = 'pending')));
    -- From here on nobody changes a message or an outcome of it, and no person is erased between reading their rows and
    -- moving them.
    PERFORM FROM public.decision d WHERE d.tenant_id = border AND d.decision_id = ANY (looked) ORDER BY d.decision_id FOR UPDATE;
    PERFORM FROM public.delivery_log l WHERE l.tenant_id = border AND l.decision_id = ANY (looked) ORDER BY l.delivery_id FOR UPDATE;
    SELECT coalesce(array_agg(d.decision_id), '{}') INTO moved
    FROM public.decision d
    WHERE d.tenant_id = border AND d.decision_id = ANY (looked) AND d.run_id = ANY (runs)
      AND NOT EXISTS (
          SELECT FROM public.delivery_log l
          WHERE l.tenant_id = border AND l.decision_id = d.decision_id AND (
              l.delivery_id > sealed OR greatest(l.queued_at, l.due_at, l.sent_at) >= before
              OR NOT (l.status IN ('sent', 'expired', 'cancelled') OR l.status IN ('failed', 'dead') AND l.settled IS NOT NULL)
              OR EXISTS (SELECT FROM public.delivery_attempt a
                         WHERE a.tenant_id = border AND a.delivery_id = l.delivery_id AND a.at >= before)));
    SELECT coalesce(array_agg(l.delivery_id), '{}') INTO messages
    FROM public.delivery_log l WHERE l.tenant_id = border AND l.decision_id = ANY (moved);

    INSERT INTO public.archive_decision (
        tenant_id, decision_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, task_id, template_id, action,
        channel, reason, candidates, inputs, inputs_hash, policy_id, policy_version, arbiter, model_hash, latency_us, wait_until,
        decided_at, created_at, arbitration)
    SELECT tenant_id, decision_id, run_id, campaign_id, profile_id, trigger_key, snapshot_id, event_id, task_id, template_id, action,
           channel, reason, candidates, inputs, inputs_hash, policy_id, policy_version, arbiter, model_hash, latency_us, wait_until,
           decided_at, created_at, arbitration
    FROM public.decision WHERE tenant_id = border AND decision_id = ANY (moved);
    INSERT INTO public.archive_delivery (
        tenant_id, delivery_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id, through_id, template_id,
        address, lane, status, attempts, due_at, expires_at, provider_id, code, class, response, settled, queued_at, sent_at,
        updated_at, tries)
    SELECT l.tenant_id, l.delivery_id, l.decision_id, l.campaign_id, l.run_id, l.profile_id, l.event_id, l.channel, l.channel_id,
           l.through_id, l.template_id, l.address, l.lane, l.status, l.attempts, l.due_at, l.expires_at, l.provider_id, l.code,
           l.class, l.response, l.settled, l.queued_at, l.sent_at, l.updated_at,
           (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(a) - '{tenant_id,delivery_id}'::text[])
                                      ORDER BY a.number, a.phase DESC), '[]')
            FROM public.delivery_attempt a WHERE a.tenant_id = border AND a.delivery_id = l.delivery_id)
    FROM public.delivery_log l WHERE l.tenant_id = border AND l.delivery_id = ANY (messages);
    UPDATE public.outcome SET delivery_archived = true WHERE tenant_id = border AND live_delivery_id = ANY (messages);
    DELETE FROM public.delivery_attempt WHERE tenant_id = border AND delivery_id = ANY (messages);
    DELETE FROM public.delivery_log WHERE tenant_id = border AND delivery_id = ANY (messages);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM public.decision WHERE tenant_id = border AND decision_id = ANY (moved);
    IF gone <> cardinality(messages) THEN
        RAISE EXCEPTION 'of % deliveries % went', cardinality(messages), gone;
    END IF;
    decisions := cardinality(moved);
    deliveries := cardinality(messages);
    RETURN NEXT;
END $$;

-- What differs between the tables and the graph of the current tenant, one row per label; labels that are not ours count as
-- extra. The function is STABLE, so all of it uses one snapshot.
CREATE OR REPLACE FUNCTION leo_graph_differences()
RETURNS TABLE (label text, missing bigint, extra bigint, different bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp AS $$
DECLARE
    drawn text := leo_graph();
    e     graph_element;
    alien record;
BEGIN
    IF drawn IS NULL THEN
        RAISE EXCEPTION 'no tenant is set' USING ERRCODE = 'no_data_found', HINT = 'Set leo.tenant to a tenant''s id first.';
    END IF;
    PERFORM set_config('search_path', leo_graph_path(drawn), true);
    FOR e IN SELECT * FROM graph_element ORDER BY label_id LOOP
        label := e.label;
        IF to_regclass(format('%I.%I', drawn, e.label)) IS NULL THEN
            different := 0; extra := 0;
            EXECUTE format('SELECT count(*) FROM public.%I s WHERE s.tenant_id = $1 AND %s', e.source, e.condition) INTO missing USING leo_tenant();
            -- A missing label is a difference even if no row needs it.
            missing := greatest(missing, 1);
        ELSE
            EXECUTE e.compare_sql INTO missing, extra, different;
        END IF;
        RETURN NEXT;
    END LOOP;
    -- AGE finds a graph by its schema's number, which pg_restore does not keep: Cypher then fails, whatever the rows say.
    IF EXISTS (SELECT FROM ag_graph g WHERE g.name = drawn AND g.graphid <> g.namespace::oid) THEN
        label := 'ag_graph'; missing := 0; extra := 0; different := 1;
        RETURN NEXT;
    END IF;
    FOR alien IN
        SELECT l.name FROM ag_label l JOIN ag_graph g ON g.graphid = l.graph
        WHERE g.name = drawn AND NOT EXISTS (SELECT FROM graph_element k WHERE k.label = l.name)
    LOOP
        label := alien.name; missing := 0; different := 0;
        BEGIN
            EXECUTE format('SELECT count(*) FROM ONLY %I.%I', drawn, alien.name) INTO extra;
        EXCEPTION WHEN insufficient_privilege THEN
            extra := 1;  -- a superuser's label, which the owner may not read: the label itself
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- Does at once what autovacuum does within a minute, for the current tenant's graph and the tables behind it: until then the
-- planner treats a graph that was just filled as if it were empty (a trace takes 175 ms instead of 3).
CREATE OR REPLACE FUNCTION leo_analyze() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp AS $$
DECLARE
    drawn  text := leo_graph();
    filled text;
BEGIN
    FOR filled IN
        SELECT format('%I.%I', drawn, label) FROM graph_element WHERE to_regclass(format('%I.%I', drawn, label)) IS NOT NULL
        UNION ALL
        SELECT format('public.%I', source) FROM graph_source
    LOOP
        EXECUTE 'ANALYZE ' || filled;
    END LOOP;
END $$;

-- The same of what a sync writes, while it writes: how many rows there are, and the columns that it looks people up by. What is in
-- attributes takes ten times as long, and waits for autovacuum.
CREATE OR REPLACE FUNCTION leo_analyze_people() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    ANALYZE cdp_profiles (tenant_id, profile_id, ext_id, source, status, merged_into);
    ANALYZE profile_address (tenant_id, profile_id, channel);
    ANALYZE consent (tenant_id, profile_id, purpose);
    ANALYZE profile_relation (tenant_id, profile_id, kind, target_id);
    ANALYZE relation_target;
END $$;

-- Merges the pending entries of the GIN indexes of people, which their writers would otherwise have to do inside their own
-- transactions. Gives how many pages of pending entries were merged.
CREATE OR REPLACE FUNCTION leo_take_in() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT gin_clean_pending_list('public.cdp_profiles_words_idx') + gin_clean_pending_list('public.cdp_profiles_attributes_idx')
$$;

-- Draws the current tenant's graph anew from the tables. Other writers of this tenant wait until it is done.
CREATE OR REPLACE FUNCTION leo_graph_rebuild() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, ag_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    graph text := leo_graph();
    e     graph_element;
    part  bigint;
    total bigint := 0;
BEGIN
    IF graph IS NULL THEN
        RAISE EXCEPTION 'no tenant is set' USING ERRCODE = 'no_data_found', HINT = 'Set leo.tenant to a tenant''s id first.';
    END IF;
    -- Every mirror trigger of this tenant writes here, so no writer is half-way when the tables are read below.
    IF EXISTS (SELECT FROM ag_graph WHERE name = graph) THEN
        EXECUTE format('SELECT ag_catalog.drop_graph(%L, true)', graph);
    END IF;
    PERFORM leo_create_graph(graph, leo_tenant());
    PERFORM set_config('search_path', leo_graph_path(graph), true);
    FOR e IN SELECT * FROM graph_element ORDER BY label_id LOOP
        EXECUTE replace(e.insert_sql, '{rows}', 'public.' || quote_ident(e.source));
        GET DIAGNOSTICS part = ROW_COUNT;
        total := total + part;
    END LOOP;
    PERFORM leo_analyze();
    RETURN total;
END $$;


-- 6 border ------------------------------------------------------------------------------------------------------

-- Default deny: without a tenant in the transaction no row is visible and none can be written, not even by the owner. The
-- tenant is compared once per statement, not once per row: (SELECT leo_tenant()) is an initplan.
DO $$
DECLARE
    fenced text;
BEGIN
    FOR fenced IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', fenced);
        IF NOT EXISTS (SELECT FROM pg_policies WHERE schemaname = 'public' AND tablename = fenced AND policyname = 'tenant_border') THEN
            EXECUTE format('CREATE POLICY tenant_border ON %I USING (tenant_id = (SELECT leo_tenant())) '
                           'WITH CHECK (tenant_id = (SELECT leo_tenant()))', fenced);
        END IF;
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO leo_app', fenced);
    END LOOP;
END $$;
REVOKE ALL ON tenant_removal FROM leo_app;
-- Only leo_archive() writes the archive.
DO $$
DECLARE
    part text;
BEGIN
    FOR part IN SELECT relid::regclass::text FROM pg_partition_tree('archive_decision')
                UNION ALL SELECT relid::regclass::text FROM pg_partition_tree('archive_delivery') LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %I FROM leo_app', part);
    END LOOP;
END $$;
GRANT SELECT ON all_decision, all_delivery, archive_attempt TO leo_app;
GRANT USAGE, SELECT ON SEQUENCE leo_id TO leo_app;
GRANT SELECT ON schema_migration, graph_element, graph_source TO leo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler, clock_job TO leo_app;

REVOKE ALL ON FUNCTION leo_drop_tenant(uuid, text), leo_create_graph(text, uuid), leo_complete_graph(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION leo_enter_graph(uuid, text, name) FROM PUBLIC;
REVOKE ALL ON FUNCTION leo_graph_differences(), leo_graph_rebuild(), leo_analyze(), leo_analyze_people(), leo_take_in() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_graph_differences(), leo_graph_rebuild(), leo_analyze(), leo_analyze_people(), leo_take_in() TO leo_app;
REVOKE ALL ON FUNCTION leo_archive(timestamptz, bigint, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_archive(timestamptz, bigint, int) TO leo_app;
REVOKE ALL ON FUNCTION leo_erase_profile(bigint, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_erase_profile(bigint, text, text) TO leo_app;
REVOKE ALL ON FUNCTION leo_reader_login(text), leo_reader_stop(bigint, boolean), leo_reader_sweep(interval), leo_reader_make_room() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_reader_login(text), leo_reader_stop(bigint, boolean), leo_reader_sweep(interval), leo_reader_make_room() TO leo_app;

-- A tenant that came after the last ANALYZE is not among the most common values, so the planner expects one row of it and
-- considers any index that begins with tenant_id good enough: upserts of 32,000 people then took 14 to 22 s instead of 4 to
-- 6. Without statistics on this one column, every tenant counts as an average one.
DO $$
DECLARE
    bordered record;
BEGIN
    FOR bordered IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attstattarget IS DISTINCT FROM 0
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN tenant_id SET STATISTICS 0', bordered.relname);
    END LOOP;
END $$;

-- What must be known before the tenant is: columns, not tables, and only through the functions below.
GRANT SELECT (tenant_id, slug, status, archive_after_days) ON tenant TO leo_router;
GRANT SELECT (tenant_id, decision_id, decided_at) ON decision TO leo_router;
GRANT SELECT (tenant_id, api_key_id, key_hash, scopes, expires_at, revoked_at) ON api_key TO leo_router;
GRANT SELECT (tenant_id, channel_id, kind, status, webhook_key) ON channel TO leo_router;
GRANT SELECT (tenant_id, lane, status, due_at) ON run_batch TO leo_router;
GRANT SELECT (tenant_id, delivery_id, lane, status, through_id, due_at, lease_until, settled) ON delivery_log TO leo_router;
GRANT SELECT (tenant_id, due_at, done_at) ON outbox TO leo_router;
GRANT SELECT (tenant_id, due_at) ON segment TO leo_router;
GRANT SELECT (tenant_id, due_at) ON recheck TO leo_router;
GRANT SELECT (tenant_id, channel_id, due_at, ends_at) ON channel_token TO leo_router;
GRANT SELECT (tenant_id, channel_id, expires_at) ON channel_credential TO leo_router;
GRANT SELECT (tenant_id, channel_id, circuit) ON channel_gate TO leo_router;
GRANT SELECT (tenant_id, due_at) ON callback TO leo_router;
GRANT SELECT (tenant_id, metric, labels, n) ON tally TO leo_router;
GRANT SELECT (tenant_id, differences, checked_at) ON graph_check TO leo_router;
GRANT SELECT (tenant_id, source_id, status, started_at) ON sync_run TO leo_router;
GRANT SELECT (tenant_id, status, due_at, lease_until) ON agent_task TO leo_router;
GRANT SELECT (tenant_id, source_id, due_at, status, created_at) ON source TO leo_router;
DO $$
DECLARE
    routed text;
BEGIN
    FOREACH routed IN ARRAY ARRAY['tenant', 'api_key', 'channel', 'run_batch', 'decision', 'delivery_log', 'outbox', 'segment', 'recheck', 'channel_token', 'source', 'agent_task',
                                    'channel_credential', 'channel_gate', 'callback', 'sync_run', 'tally', 'graph_check'] LOOP
        IF NOT EXISTS (SELECT FROM pg_policies WHERE schemaname = 'public' AND tablename = routed AND policyname = 'router') THEN
            EXECUTE format('CREATE POLICY router ON %I FOR SELECT TO leo_router USING (true)', routed);
        END IF;
    END LOOP;
END $$;

GRANT CREATE ON SCHEMA public TO leo_router;
SET ROLE leo_router;

CREATE OR REPLACE FUNCTION leo_route_api_key(hash bytea)
RETURNS TABLE (tenant_id uuid, slug text, api_key_id bigint, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id, t.slug, k.api_key_id, k.scopes
    FROM api_key k JOIN tenant t USING (tenant_id)
    WHERE k.key_hash = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AND t.status = 'active'
$$;

CREATE OR REPLACE FUNCTION leo_route_webhook(key text)
RETURNS TABLE (tenant_id uuid, channel_id bigint, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.tenant_id, c.channel_id, c.kind FROM channel c JOIN tenant t USING (tenant_id)
    WHERE c.webhook_key = key AND t.status = 'active'
$$;

CREATE OR REPLACE FUNCTION leo_route_slug(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id FROM tenant t WHERE t.slug = wanted
$$;

CREATE OR REPLACE FUNCTION leo_route_tenants()
RETURNS TABLE (tenant_id uuid, slug text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id, t.slug FROM tenant t WHERE t.status = 'active' ORDER BY t.slug
$$;

-- Tenants with something to do in a lane: people to decide for, messages to send, leases that ran out. One index probe per
-- tenant and kind, however much work there is.
CREATE OR REPLACE FUNCTION leo_route_due(wanted_lane text, at timestamptz)
RETURNS TABLE (tenant_id uuid, batches boolean, deliveries boolean, leases boolean, waiting boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT * FROM (
        SELECT t.tenant_id,
               EXISTS (SELECT FROM run_batch b WHERE b.tenant_id = t.tenant_id AND b.lane = wanted_lane
                       AND b.status = 'pending' AND b.due_at <= at) AS batches,
               EXISTS (SELECT FROM channel c CROSS JOIN LATERAL (
                           SELECT FROM delivery_log d
                           WHERE d.tenant_id = t.tenant_id AND d.lane = wanted_lane AND d.through_id = c.channel_id
                             AND d.status = 'queued' AND d.due_at <= at LIMIT 1) AS due
                       WHERE c.tenant_id = t.tenant_id) AS deliveries,
               EXISTS (SELECT FROM delivery_log d WHERE d.tenant_id = t.tenant_id AND d.lane = wanted_lane
                       AND d.status = 'sending' AND d.lease_until <= at) AS leases,
               EXISTS (SELECT FROM outbox o WHERE o.tenant_id = t.tenant_id AND o.done_at IS NULL AND o.due_at <= at) AS waiting
        FROM tenant t WHERE t.status = 'active'
    ) due WHERE batches OR deliveries OR leases OR waiting
$$;

-- Tenants whose own data needs attention: people to check again, segments to refresh, sources to read from.
CREATE OR REPLACE FUNCTION leo_route_upkeep(at timestamptz)
RETURNS TABLE (tenant_id uuid, rechecks boolean, segments boolean, sources boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT * FROM (
        SELECT t.tenant_id,
               EXISTS (SELECT FROM recheck r WHERE r.tenant_id = t.tenant_id AND r.due_at <= at) AS rechecks,
               EXISTS (SELECT FROM segment s WHERE s.tenant_id = t.tenant_id AND s.due_at <= at) AS segments,
               EXISTS (SELECT FROM source o WHERE o.tenant_id = t.tenant_id AND o.due_at <= at AND o.status = 'connected') AS sources
        FROM tenant t WHERE t.status = 'active'
    ) due WHERE rechecks OR segments OR sources
$$;

-- Some tenants whose graph was not compared with its tables since then, or ever. In random order, so that one whose
-- comparison fails does not keep the others from theirs.
CREATE OR REPLACE FUNCTION leo_route_unchecked(since timestamptz, most int)
RETURNS TABLE (tenant_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id FROM tenant t
    WHERE t.status = 'active' AND NOT EXISTS (
        SELECT FROM graph_check g WHERE g.tenant_id = t.tenant_id AND g.checked_at >= since)
    ORDER BY random() LIMIT most
$$;

-- Tenants with an agent task to work on: due, and held by nobody or by a worker that is gone.
CREATE OR REPLACE FUNCTION leo_route_tasks(at timestamptz)
RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id FROM tenant t
    WHERE t.status = 'active' AND EXISTS (
        SELECT FROM agent_task a WHERE a.tenant_id = t.tenant_id AND a.status IN ('queued', 'thinking', 'acting')
          AND a.due_at <= at AND (a.lease_until IS NULL OR a.lease_until <= at))
$$;

-- Tenants with a token to look at.
CREATE OR REPLACE FUNCTION leo_route_tokens(at timestamptz)
RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT t.tenant_id FROM tenant t
    WHERE t.status = 'active' AND EXISTS (
        SELECT FROM channel_token k WHERE k.tenant_id = t.tenant_id AND k.due_at <= at)
$$;

-- The state of all work, over all tenants and without naming one: what /metrics reports. Long queues are counted up to `most`
-- for each tenant (and channel), so that looking costs the same however much is waiting.
CREATE OR REPLACE FUNCTION leo_route_metrics(most int)
RETURNS TABLE (metric text, labels jsonb, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
WITH lane (name) AS (VALUES ('realtime'), ('bulk')),
active AS MATERIALIZED (SELECT t.tenant_id FROM tenant t WHERE t.status = 'active'),
batch AS MATERIALIZED (
    SELECT lane.name AS lane, sum(b.due) AS due, sum(b.later) AS later, min(b.oldest) AS oldest
    FROM lane LEFT JOIN active t ON true LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE due_at <= now()) AS due, count(*) FILTER (WHERE due_at > now()) AS later,
               min(due_at) FILTER (WHERE due_at <= now()) AS oldest
        FROM (SELECT r.due_at FROM run_batch r
              WHERE r.tenant_id = t.tenant_id AND r.lane = lane.name AND r.status = 'pending' ORDER BY r.due_at LIMIT most) one
    ) b ON true GROUP BY lane.name
),
message AS MATERIALIZED (
    SELECT lane.name AS lane, sum(m.due) FILTER (WHERE c.status = 'connected') AS due, sum(m.later) FILTER (WHERE c.status = 'connected') AS later,
           sum(m.due + m.later) FILTER (WHERE c.status <> 'connected') AS held,
           min(m.oldest) FILTER (WHERE c.status = 'connected') AS oldest
    FROM lane LEFT JOIN (active t JOIN channel c ON c.tenant_id = t.tenant_id) ON true LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE due_at <= now()) AS due, count(*) FILTER (WHERE due_at > now()) AS later,
               min(due_at) FILTER (WHERE due_at <= now()) AS oldest
        FROM (SELECT d.due_at FROM delivery_log d
              WHERE d.tenant_id = c.tenant_id AND d.lane = lane.name AND d.through_id = c.channel_id AND d.status = 'queued'
              ORDER BY d.due_at LIMIT most) one
    ) m ON true GROUP BY lane.name
),
in_hand AS MATERIALIZED (
    SELECT lane.name AS lane, sum(h.held) AS held, sum(h.lost) AS lost
    FROM lane LEFT JOIN active t ON true LEFT JOIN LATERAL (
        SELECT count(*) AS held, count(*) FILTER (WHERE lease_until < now()) AS lost
        FROM (SELECT d.lease_until FROM delivery_log d
              WHERE d.tenant_id = t.tenant_id AND d.lane = lane.name AND d.status = 'sending' LIMIT most) one
    ) h ON true GROUP BY lane.name
),
letter AS MATERIALIZED (
    SELECT l.status, count(*) AS n FROM tenant t CROSS JOIN LATERAL (
        SELECT d.status FROM delivery_log d
        WHERE d.tenant_id = t.tenant_id AND d.status IN ('failed', 'dead', 'uncertain') AND d.settled IS NULL LIMIT most) l
    GROUP BY l.status
),
told AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE due_at < 'infinity') AS waiting, count(*) FILTER (WHERE due_at = 'infinity') AS given_up,
           min(due_at) FILTER (WHERE due_at <= now()) AS oldest
    FROM active t CROSS JOIN LATERAL (
        SELECT o.due_at FROM outbox o WHERE o.tenant_id = t.tenant_id AND o.done_at IS NULL ORDER BY o.due_at LIMIT most) one
),
synced AS MATERIALIZED (
    SELECT max(extract(epoch FROM now() - coalesce(good.at, s.created_at))) AS lag,
           count(*) FILTER (WHERE newest.status = 'failed') AS failing
    FROM active t JOIN source s ON s.tenant_id = t.tenant_id AND s.status = 'connected'
    LEFT JOIN LATERAL (SELECT max(r.started_at) AS at FROM sync_run r
        WHERE r.tenant_id = s.tenant_id AND r.source_id = s.source_id AND r.status = 'finished') good ON true
    LEFT JOIN LATERAL (SELECT r.status FROM sync_run r
        WHERE r.tenant_id = s.tenant_id AND r.source_id = s.source_id AND r.status <> 'running'
        ORDER BY r.started_at DESC LIMIT 1) newest ON true
),
ending AS MATERIALIZED (
    SELECT c.kind, min(e.at) AS at FROM active t JOIN channel c ON c.tenant_id = t.tenant_id AND c.status <> 'disconnected'
    CROSS JOIN LATERAL (
        SELECT k.ends_at AS at FROM channel_token k WHERE k.tenant_id = c.tenant_id AND k.channel_id = c.channel_id
        UNION ALL
        SELECT k.expires_at FROM channel_credential k WHERE k.tenant_id = c.tenant_id AND k.channel_id = c.channel_id) e
    WHERE e.at IS NOT NULL GROUP BY c.kind
),
-- Ids grow with time, so the oldest come first by key.
aged AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE one.decided_at < one.before) AS waiting, max(one.before - one.decided_at) AS overdue,
           min(one.decided_at) AS oldest
    FROM (SELECT now() - make_interval(days => k.archive_after_days) AS before, d.decided_at
          FROM active t JOIN tenant k ON k.tenant_id = t.tenant_id CROSS JOIN LATERAL (
              SELECT o.decided_at FROM decision o WHERE o.tenant_id = t.tenant_id ORDER BY o.decision_id
              LIMIT CASE WHEN k.archive_after_days IS NULL THEN 1 ELSE least(most, 1000) END) d) one
)
SELECT 'leo_backlog_batches', jsonb_build_object('lane', b.lane, 'state', s.state), coalesce(s.n, 0)
FROM batch b CROSS JOIN LATERAL (VALUES ('due', b.due), ('later', b.later)) AS s (state, n)
UNION ALL
SELECT 'leo_backlog_messages', jsonb_build_object('lane', m.lane, 'state', s.state), coalesce(s.n, 0)
FROM message m CROSS JOIN LATERAL (VALUES ('due', m.due), ('later', m.later), ('held', m.held)) AS s (state, n)
UNION ALL
SELECT 'leo_backlog_oldest_seconds', jsonb_build_object('lane', o.lane, 'work', o.work), coalesce(extract(epoch FROM now() - o.oldest), 0)
FROM (SELECT lane, 'batch' AS work, oldest FROM batch UNION ALL SELECT lane, 'message', oldest FROM message) o
UNION ALL
SELECT 'leo_messages_in_hand', jsonb_build_object('lane', lane), coalesce(held, 0) FROM in_hand
UNION ALL
SELECT 'leo_messages_lost', jsonb_build_object('lane', lane), coalesce(lost, 0) FROM in_hand
UNION ALL
SELECT 'leo_letters_unsettled', jsonb_build_object('status', s.status), coalesce(l.n, 0)
FROM unnest(ARRAY['failed', 'dead', 'uncertain']) AS s (status) LEFT JOIN letter l ON l.status = s.status
UNION ALL
SELECT 'leo_outbox_waiting', '{}', waiting FROM told
UNION ALL
SELECT 'leo_outbox_given_up', '{}', given_up FROM told
UNION ALL
SELECT 'leo_outbox_oldest_seconds', '{}', coalesce(extract(epoch FROM now() - oldest), 0) FROM told
UNION ALL
SELECT 'leo_sync_lag_seconds', '{}', coalesce(lag, 0) FROM synced
UNION ALL
SELECT 'leo_sync_failing', '{}', failing FROM synced
UNION ALL
SELECT 'leo_token_ends_seconds', jsonb_build_object('channel', kind), extract(epoch FROM at - now()) FROM ending WHERE at < 'infinity'
UNION ALL
SELECT 'leo_channels', jsonb_build_object('channel', c.kind, 'status', c.status), count(*)
FROM active t JOIN channel c ON c.tenant_id = t.tenant_id GROUP BY c.kind, c.status
UNION ALL
SELECT 'leo_channel_circuits', jsonb_build_object('channel', c.kind, 'circuit', coalesce(g.circuit, 'working')), count(*)
FROM active t JOIN channel c ON c.tenant_id = t.tenant_id AND c.status = 'connected'
LEFT JOIN channel_gate g ON g.tenant_id = c.tenant_id AND g.channel_id = c.channel_id
GROUP BY c.kind, coalesce(g.circuit, 'working')
UNION ALL
SELECT 'leo_tasks_waiting', jsonb_build_object('status', s.status), coalesce(a.n, 0)
FROM unnest(ARRAY['queued', 'thinking', 'acting']) AS s (status) LEFT JOIN (
    SELECT one.status, count(*) AS n FROM active t CROSS JOIN LATERAL (
        SELECT k.status FROM agent_task k
        WHERE k.tenant_id = t.tenant_id AND k.status IN ('queued', 'thinking', 'acting') LIMIT most) one
    GROUP BY one.status) a ON a.status = s.status
UNION ALL
SELECT 'leo_callbacks_waiting', '{}', count(*) FROM active t CROSS JOIN LATERAL (
    SELECT FROM callback c WHERE c.tenant_id = t.tenant_id AND c.due_at IS NOT NULL LIMIT most) one
UNION ALL
SELECT 'leo_graph_differences', '{}', coalesce(sum(g.differences), 0) FROM active t JOIN graph_check g ON g.tenant_id = t.tenant_id
UNION ALL
SELECT 'leo_graph_checked_seconds', '{}', extract(epoch FROM now() - min(g.checked_at))
FROM active t JOIN graph_check g ON g.tenant_id = t.tenant_id HAVING count(*) > 0
UNION ALL
SELECT 'leo_archive_waiting', '{}', waiting FROM aged
UNION ALL
SELECT 'leo_archive_overdue_seconds', '{}', greatest(0, extract(epoch FROM overdue)) FROM aged
UNION ALL
SELECT 'leo_archive_oldest_seconds', '{}', coalesce(extract(epoch FROM now() - oldest), 0) FROM aged
UNION ALL
SELECT n.metric, n.labels, sum(n.n) FROM tally n GROUP BY n.metric, n.labels
UNION ALL
SELECT 'leo_tenants', jsonb_build_object('status', s.status), count(t.tenant_id)
FROM unnest(ARRAY['active', 'suspended']) AS s (status) LEFT JOIN tenant t ON t.status = s.status GROUP BY s.status
$$;

REVOKE ALL ON FUNCTION leo_route_api_key(bytea), leo_route_webhook(text), leo_route_slug(text), leo_route_tenants(),
    leo_route_due(text, timestamptz), leo_route_upkeep(timestamptz), leo_route_tasks(timestamptz),
    leo_route_tokens(timestamptz), leo_route_unchecked(timestamptz, int), leo_route_metrics(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leo_route_api_key(bytea), leo_route_webhook(text), leo_route_slug(text), leo_route_tenants(),
    leo_route_due(text, timestamptz), leo_route_upkeep(timestamptz), leo_route_tasks(timestamptz),
    leo_route_tokens(timestamptz), leo_route_unchecked(timestamptz, int), leo_route_metrics(int) TO leo_app, leo_owner;

RESET ROLE;
SET ROLE leo_owner;
REVOKE CREATE ON SCHEMA public FROM leo_router;

-- Graphs that were made before a label was added get it now, in the order of their numbers. Their edges had an index of their ids.
DO $$
DECLARE
    drawn text;
    edge  text;
BEGIN
    FOR drawn IN SELECT name FROM ag_catalog.ag_graph WHERE name LIKE 'leo\_%' ORDER BY name LOOP
        PERFORM leo_complete_graph(drawn);
        FOR edge IN SELECT label FROM graph_element WHERE kind = 'edge' ORDER BY label_id LOOP
            EXECUTE format('DROP INDEX IF EXISTS %I.%I', drawn, edge || '_id_idx');
        END LOOP;
    END LOOP;
END $$;

INSERT INTO schema_migration (version) VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO schema_migration (version) VALUES (2) ON CONFLICT DO NOTHING;
INSERT INTO schema_migration (version) VALUES (3) ON CONFLICT DO NOTHING;
INSERT INTO schema_migration (version) VALUES (4) ON CONFLICT DO NOTHING;
