-- The one scheduler and the jobs it rings for by the clock. Neither belongs to a tenant.

-- name: take
-- Take the lease, or renew it; no row if another process holds it. A process that only schedules takes precedence over one
-- that also works.
INSERT INTO scheduler AS s (owner, rank, lease_until)
VALUES (%(owner)s, %(rank)s, clock_timestamp() + %(lease)s)
ON CONFLICT ON CONSTRAINT scheduler_pkey DO UPDATE
    SET owner = EXCLUDED.owner, rank = EXCLUDED.rank, lease_until = EXCLUDED.lease_until,
        since = CASE WHEN s.owner = EXCLUDED.owner THEN s.since ELSE EXCLUDED.since END
    WHERE s.owner = EXCLUDED.owner OR s.rank < EXCLUDED.rank OR s.lease_until < clock_timestamp()
RETURNING extract(epoch FROM clock_timestamp())::float8 AS at

-- name: release
DELETE FROM scheduler WHERE owner = %(owner)s

-- name: begun
-- The slot that each job was last begun for, without those that were lost with their worker.
SELECT job, slot FROM clock_job WHERE ended_at IS NOT NULL OR lost_at > clock_timestamp()

-- name: begin
-- Begin a job for a slot: the first caller gets a row, and one more after a worker that was lost with it.
INSERT INTO clock_job AS c (job, slot, begun_by, lost_at)
VALUES (%(job)s, %(slot)s, %(owner)s, clock_timestamp() + %(longest)s)
ON CONFLICT ON CONSTRAINT clock_job_pkey DO UPDATE
    SET slot = EXCLUDED.slot, begun_by = EXCLUDED.begun_by, begun_at = EXCLUDED.begun_at, lost_at = EXCLUDED.lost_at,
        ended_at = NULL
    WHERE c.slot < EXCLUDED.slot OR (c.slot = EXCLUDED.slot AND c.ended_at IS NULL AND c.lost_at <= clock_timestamp())
RETURNING slot

-- name: end
-- The job is done for its slot; or, if its worker stops in the middle, it is lost from now on.
UPDATE clock_job
SET ended_at = CASE WHEN %(is_done)s THEN clock_timestamp() END, lost_at = CASE WHEN %(is_done)s THEN lost_at ELSE clock_timestamp() END
WHERE job = %(job)s AND slot = %(slot)s AND begun_by = %(owner)s
