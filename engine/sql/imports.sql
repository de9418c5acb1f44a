-- name: held
-- What is known about people whom a file describes only in part; locked in the order of their keys, as the following upsert
-- does, so that nobody changes them in between.
SELECT p.ext_id, p.attributes,
       (SELECT jsonb_agg(jsonb_build_object('channel', a.channel, 'value', a.value) ORDER BY a.address_id)
        FROM profile_address a WHERE a.profile_id = p.profile_id) AS addresses,
       (SELECT jsonb_agg(jsonb_build_array(c.channel, c.granted, c.at))
        FROM (SELECT DISTINCT ON (one.channel) one.channel, one.granted, one.at
              FROM consent one
              WHERE one.profile_id = p.profile_id AND one.purpose = 'marketing'
              ORDER BY one.channel, one.at DESC, one.granted) c) AS consents
FROM cdp_profiles p
WHERE p.tenant_id = %(tenant_id)s AND p.ext_id = ANY (%(ext_ids)s)
ORDER BY p.ext_id FOR NO KEY UPDATE OF p

-- name: known
SELECT ext_id FROM cdp_profiles WHERE tenant_id = %(tenant_id)s AND ext_id = ANY (%(ext_ids)s)
