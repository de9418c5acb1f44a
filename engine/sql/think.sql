-- Models' answers: found again by the hash of everything they saw, and counted.

-- name: known
SELECT context_hash, arbiter, model, answer, latency_us, prompt_tokens, answer_tokens, cost
FROM model_answer WHERE context_hash = ANY (%(hashes)s)

-- name: remember
-- The first answer in a context stays, because a decision may rest on it.
INSERT INTO model_answer (tenant_id, context_hash, arbiter, model, answer, latency_us, prompt_tokens, answer_tokens, cost)
SELECT leo_tenant(), decode(hash, 'hex'), arbiter, model, answer, latency_us, prompt_tokens, answer_tokens, cost
FROM jsonb_to_recordset(%(answers)s) AS given (
    hash text, arbiter text, model text, answer jsonb, latency_us bigint, prompt_tokens int, answer_tokens int,
    cost double precision)
ORDER BY hash
ON CONFLICT ON CONSTRAINT model_answer_pkey DO NOTHING

-- name: forget
-- A limited number at once; a tenant with more is tidied again soon.
DELETE FROM model_answer WHERE context_hash IN (
    SELECT context_hash FROM model_answer
    WHERE arbiter = ANY (%(arbiters)s) AND created_at < %(before)s LIMIT %(most)s)

-- name: speed
-- From the newest answers of an arbiter: how long one takes and costs.
SELECT count(*) AS answers,
       coalesce(avg(latency_us) / 1e6, 0)::double precision AS mean_s,
       coalesce(avg(cost), 0)::double precision AS cost
FROM (SELECT latency_us, cost FROM model_answer WHERE arbiter = %(arbiter)s ORDER BY created_at DESC LIMIT %(newest)s) AS one

-- name: usage
-- What models were used for, by day (UTC) and model: choices, by arbiter, and agent tasks' requests, which have none.
SELECT (at AT TIME ZONE 'UTC')::date AS day, arbiter, model, count(*) AS answers, sum(prompt_tokens)::bigint AS prompt_tokens,
       sum(answer_tokens)::bigint AS answer_tokens, sum(cost) AS cost
FROM (
    SELECT created_at AS at, arbiter, model, prompt_tokens, answer_tokens, cost
    FROM model_answer WHERE created_at >= %(since)s
    UNION ALL
    SELECT at, NULL, document ->> 'model', (document ->> 'prompt_tokens')::int, (document ->> 'answer_tokens')::int,
           (document ->> 'cost')::double precision
    FROM task_step WHERE kind = 'answered' AND at >= %(since)s
) AS used
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
