-- How far a replica is behind, by positions in the write-ahead log: clocks are not compared.

-- name: written
-- On the primary.
SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS place

-- name: replayed
-- On the replica; NULL if it is not one.
SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS place
