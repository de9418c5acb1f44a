-- What the tests ask of PostgreSQL's catalogs.

-- name: everything
-- All that a schema is, as one text, for servers without pg_dump beside them.
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT format('relation %s %s %s %s %s %s', c.oid, c.relname, c.relkind, c.relacl, c.relrowsecurity, c.relforcerowsecurity) AS line
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('column %s %s %s %s', a.attrelid::regclass, a.attname, a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
    UNION ALL
    SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT format('trigger %s %s', tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT tgisinternal
    UNION ALL
    SELECT format('function %s %s %s', p.oid, proacl, pg_get_functiondef(p.oid))
    FROM pg_proc p JOIN pg_language l ON l.oid = prolang
    WHERE pronamespace = 'public'::regnamespace AND lanname IN ('sql', 'plpgsql')
    UNION ALL
    SELECT format('policy %s', p) FROM pg_policies p WHERE schemaname = 'public'
    UNION ALL
    SELECT format('element %s', e) FROM public.graph_element e
    UNION ALL
    SELECT format('source %s', s) FROM public.graph_source s
    UNION ALL
    SELECT format('role %s %s %s %s', rolname, rolsuper, rolbypassrls, rolconfig) FROM pg_roles
    WHERE rolname IN ('leo_owner', 'leo_app', 'leo_router')
) catalog;

-- name: constraints
SELECT conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u') AND NOT relispartition AND conparentid = 0;

-- name: keys_without_tenant
-- Primary keys, and both sides of every foreign key.
SELECT conname FROM pg_constraint k
JOIN pg_attribute t ON t.attrelid = k.conrelid AND t.attname = 'tenant_id'
LEFT JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attname = 'tenant_id'
WHERE k.connamespace = 'public'::regnamespace AND contype IN ('p', 'f')
  AND (k.conkey[1] <> t.attnum OR (contype = 'f' AND k.confkey[1] <> f.attnum));

-- name: partition_bounds
SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'marketing_event'::regclass;

-- name: cascades_without_index
SELECT k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.connamespace = 'public'::regnamespace AND k.contype = 'f' AND k.confdeltype IN ('c', 'n') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND k.conkey[1:2] <@ (i.indkey::int2[])[0:1]);

-- name: unstamped
-- Tables with updated_at that nothing writes.
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'updated_at'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgfoid = 'update_timestamp'::regproc);

-- name: labels_numbered_otherwise
SELECT e.label FROM graph_element e
LEFT JOIN (ag_label l JOIN ag_graph g ON g.graphid = l.graph AND g.name = %s) ON l.name = e.label
WHERE l.id IS DISTINCT FROM e.label_id;

-- name: tenant_tables
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1;

-- name: fenced
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relforcerowsecurity;

-- name: policies
SELECT tablename, policyname, cmd, permissive, qual, with_check, roles FROM pg_policies WHERE schemaname = 'public';

-- name: memberships
SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE m.member = 'leo_app'::regrole;

-- name: tables
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1;

-- name: trusted_functions
-- What leo_app may call that acts with its owner's rights; triggers cannot be called.
SELECT DISTINCT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosecdef AND prorettype <> 'trigger'::regtype
  AND has_function_privilege('leo_app', oid, 'EXECUTE') ORDER BY 1;

-- name: loose_functions
-- A search path that the caller may choose makes a function with its owner's rights run the caller's code.
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosecdef
  AND NOT EXISTS (SELECT FROM unnest(proconfig) setting WHERE starts_with(setting, 'search_path='));

-- name: router_columns
SELECT table_name, array_agg(column_name::text) FROM information_schema.column_privileges
WHERE grantee = 'leo_router' AND table_schema = 'public' AND privilege_type = 'SELECT' GROUP BY table_name;

-- name: rights_beyond_columns
-- What leo_router has on whole tables, or may do with a column but read it.
SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants WHERE grantee = 'leo_router'
UNION SELECT table_name || ' ' || privilege_type FROM information_schema.column_privileges
WHERE grantee = 'leo_router' AND privilege_type <> 'SELECT';
