-- What one role can reach, as (kind, schema, name, detail, privileges, via, through). `via` is who has the privilege: the role
-- itself, a role that it is a member of, or `public`; an owner's privilege is OWNER. `through` is the direct membership to end.
-- $1 the role, $2 schemas that are published, $3 and $4 schema and name of what is published there, $5 names of dangerous functions.
with recursive me as (select oid from pg_roles where rolname = $1::text),
direct as (select r.oid, r.rolname::text as name, r.rolsuper or r.rolname ~ '^pg_' or r.rolname = current_user as covered
           from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = (select oid from me)),
below as (select oid, name, covered, oid as at from direct
          union select b.oid, b.name, b.covered, m.roleid from below b join pg_auth_members m on m.member = b.at),
-- A membership that is a finding of its own covers what comes through it.
holders as (
  select r.oid, r.rolname::text as name, (select b.name from below b where b.at = r.oid order by b.name limit 1) as through
  from pg_roles r
  where r.oid = (select oid from me)
     or (r.oid in (select at from below) and not exists (select from below b where b.at = r.oid and b.covered)
         and not r.rolsuper and r.rolname !~ '^pg_' and r.rolname <> current_user)
  union all select 0, 'public', null),
published as (select * from unnest($3::text[], $4::text[]) as p (schema, name)),
spaces as (select n.oid, n.nspname::text as name, n.nspowner, n.nspacl from pg_namespace n where n.nspname !~ '^pg_(toast|temp)'),
usable as (
  select s.oid, s.name from spaces s
  where exists (select from holders h where h.oid = s.nspowner)
     or exists (select from aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) a join holders h on h.oid = a.grantee
                where a.privilege_type = 'USAGE')),
extended as (select classid, objid from pg_depend where deptype = 'e'),
relations as (
  select c.oid, u.name as schema, c.relname::text as name, c.relkind::text as kind, c.relowner, c.relacl,
         exists (select from published p where p.schema = u.name and p.name = c.relname and c.relkind = 'v') as is_published,
         exists (select from extended e where e.classid = 'pg_class'::regclass and e.objid = c.oid) as is_extension
  from pg_class c join usable u on u.oid = c.relnamespace
  where c.relkind in ('r', 'v', 'm', 'p', 'f', 'S')
    and (u.name not in ('pg_catalog', 'information_schema')
         or c.relname in ('pg_authid', 'pg_shadow', 'pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_user_mapping',
                          'pg_subscription', 'pg_hba_file_rules', 'pg_file_settings'))),
acl as (
  select 'relation' as kind, r.schema, r.name, r.kind || case when r.is_extension then 'e' else '' end as detail, a.privilege_type,
         a.grantee, r.relowner as owner
  from relations r
  cross join aclexplode(coalesce(r.relacl, acldefault(case r.kind when 'S' then 's' else 'r' end::"char", r.relowner))) a
  where not (r.is_published and a.privilege_type = 'SELECT')
  union all
  select 'column', r.schema, r.name, c.attname::text, a.privilege_type, a.grantee, r.relowner
  from relations r join pg_attribute c on c.attrelid = r.oid cross join aclexplode(c.attacl) a
  where r.schema <> 'pg_catalog' and not (r.is_published and a.privilege_type = 'SELECT')
  union all
  select 'schema', s.name, s.name, case when s.name = any ($2::text[]) then 'published' else '' end, a.privilege_type, a.grantee, s.nspowner
  from spaces s cross join aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) a
  where s.name not in ('pg_catalog', 'information_schema')
  union all
  select 'function', u.name, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
         case when p.prosecdef then 'definer' when p.proname ~ '^dblink' then 'dblink' else 'invoker' end
         || case p.prokind when 'p' then ' procedure' else '' end,
         a.privilege_type, a.grantee, p.proowner
  from pg_proc p join usable u on u.oid = p.pronamespace
  cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  where u.name not in ('pg_catalog', 'information_schema') and p.prorettype::regtype::text not in ('trigger', 'event_trigger')
    and (p.prosecdef or p.proname ~ '^dblink'
         or not exists (select from extended e where e.classid = 'pg_proc'::regclass and e.objid = p.oid))
  union all
  select 'catalogue function', 'pg_catalog', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', '',
         a.privilege_type, a.grantee, p.proowner
  from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname = any ($5::text[])
  union all
  select 'database', '', d.datname::text, '', a.privilege_type, a.grantee, d.datdba
  from pg_database d cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
  where d.datname = current_database() and a.privilege_type <> 'CONNECT'
  union all
  select 'large object', '', l.oid::text, '', a.privilege_type, a.grantee, l.lomowner
  from pg_largeobject_metadata l cross join aclexplode(coalesce(l.lomacl, acldefault('L', l.lomowner))) a
  union all
  select 'default privilege', coalesce((select n.nspname::text from pg_namespace n where n.oid = d.defaclnamespace), ''),
         pg_get_userbyid(d.defaclrole)::text, d.defaclobjtype::text, a.privilege_type, a.grantee, null::oid
  from pg_default_acl d cross join aclexplode(d.defaclacl) a
  where d.defaclobjtype in ('r', 'S', 'n') and a.grantee <> d.defaclrole)
select a.kind, a.schema, a.name, a.detail, string_agg(distinct a.privilege_type, ', ' order by a.privilege_type) as privileges, h.name as via, h.through
from (select kind, schema, name, detail, privilege_type, grantee from acl where grantee is distinct from owner
      union select kind, schema, name, detail, 'OWNER', owner from acl where owner is not null) a
join holders h on h.oid = a.grantee
group by a.kind, a.schema, a.name, a.detail, h.name, h.through
order by a.kind, a.schema, a.name, a.detail, h.name
