-- Agent tasks: what is asked, who works on it, each step of it. A task is only changed while its row is locked, and each
-- change is reported by a step of the same transaction.

-- name: ask
-- A new task; no row if one with this key already exists.
INSERT INTO agent_task (tenant_id, kind, request, key, locale, asked_by, due_at)
VALUES (%(tenant_id)s, %(kind)s, %(request)s, %(key)s, %(locale)s, %(asked_by)s, %(now)s)
ON CONFLICT (tenant_id, key) WHERE key IS NOT NULL DO NOTHING
RETURNING task_id

-- name: by_key
SELECT task_id, request - 'scopes' AS request, locale FROM agent_task WHERE tenant_id = %(tenant_id)s AND key = %(key)s

-- name: task
SELECT task_id, kind, status, request, locale, key, asked_by, attempts, due_at, plan, approval, result, summary,
       created_at, finished_at
FROM agent_task WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s

-- name: tasks
-- The newest first; those before an id, of one status if it is given.
SELECT task_id, kind, status, request, locale, key, asked_by, attempts, due_at, plan, approval, result, summary,
       created_at, finished_at
FROM agent_task
WHERE tenant_id = %(tenant_id)s AND (%(before)s::bigint IS NULL OR task_id < %(before)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
ORDER BY task_id DESC LIMIT %(limit)s

-- name: steps
SELECT place, kind, document, at FROM task_step
WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s AND place > %(after)s
ORDER BY place LIMIT %(limit)s

-- name: lock
-- The task as it is now, locked for this transaction.
SELECT task_id, kind, status, request, locale, key, asked_by, attempts, due_at, plan, approval, result, summary,
       created_at, finished_at, lease_owner, traceparent
FROM agent_task WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s
FOR NO KEY UPDATE

-- name: claim
-- The task that has been due the longest, held by nobody or by a worker that is gone.
SELECT task_id, kind, status, request, locale, key, asked_by, attempts, due_at, plan, approval, result, summary,
       created_at, finished_at, lease_owner, traceparent
FROM agent_task
WHERE tenant_id = %(tenant_id)s AND status IN ('queued', 'thinking', 'acting') AND due_at <= %(now)s
  AND (lease_until IS NULL OR lease_until <= %(now)s)
ORDER BY due_at, task_id LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED

-- name: lease
UPDATE agent_task SET lease_owner = %(owner)s, lease_until = %(until)s
WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s

-- name: renew
-- No row if another worker has the task by now, or it needs none.
UPDATE agent_task SET lease_until = %(until)s
WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s AND lease_owner = %(owner)s AND lease_until IS NOT NULL
RETURNING task_id

-- name: write
-- What a change of a task may set; with `is_free` nobody holds it any more.
UPDATE agent_task
SET status = %(status)s, attempts = %(attempts)s, due_at = %(due_at)s, plan = %(plan)s, approval = %(approval)s,
    result = %(result)s, summary = %(summary)s, finished_at = %(finished_at)s,
    lease_owner = CASE WHEN %(is_free)s THEN NULL ELSE lease_owner END,
    lease_until = CASE WHEN %(is_free)s THEN NULL ELSE lease_until END
WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s

-- name: tell
-- Steps in the order given, after the existing ones.
INSERT INTO task_step (tenant_id, task_id, place, kind, document)
SELECT %(tenant_id)s, %(task_id)s,
       (SELECT coalesce(max(place), 0) FROM task_step WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s) + told.place,
       told.step ->> 'kind', told.step -> 'document'
FROM jsonb_array_elements(%(steps)s) WITH ORDINALITY AS told (step, place)

-- name: times_lost
SELECT count(*) AS times FROM task_step
WHERE tenant_id = %(tenant_id)s AND task_id = %(task_id)s AND kind = 'resumed'

-- name: due
-- Tenants with a task to work on.
SELECT tenant_id FROM leo_route_tasks(%(now)s)
