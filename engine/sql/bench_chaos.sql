-- What `leo bench chaos` asks of the log.

-- name: in_hand
-- Messages that somebody is sending, by a pattern of the owner's name.
SELECT count(*) AS messages FROM delivery_log WHERE status = 'sending' AND lease_owner LIKE %(owner)s;

-- name: log
-- Every message, and whether an attempt of it was logged as begun.
SELECT encode(d.event_id, 'hex') AS event_id, d.profile_id, d.status,
       EXISTS (SELECT FROM delivery_attempt a WHERE a.tenant_id = d.tenant_id AND a.delivery_id = d.delivery_id
               AND a.phase = 'started') AS started
FROM delivery_log d;
