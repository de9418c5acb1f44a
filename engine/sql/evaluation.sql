-- name: examples
-- Tasks asked for in words that succeeded, each text once and with its newest task; if only those are wanted, tasks that a
-- human approved.
SELECT task_id, text, scopes, calls FROM (
    SELECT DISTINCT ON (request ->> 'text') task_id, request ->> 'text' AS text, request -> 'scopes' AS scopes,
           result -> 'calls' AS calls
    FROM agent_task
    WHERE tenant_id = %(tenant_id)s AND kind = 'text' AND status = 'succeeded' AND (NOT %(approved)s OR approval ? 'approved_by')
    ORDER BY request ->> 'text', task_id DESC) newest
ORDER BY task_id
