-- How far a replica is behind, in places of the log: clocks are not compared.

-- name: written
-- On the primary.
SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS place

-- name: replayed
-- On the replica; NULL where it is none.
SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS place
