-- What the gateway checks passwords against; not PostgreSQL's own, which holds another password.
create table if not exists pg_internal.login (
    role_id oid primary key,
    verifier text               -- md5… or sha256|digest|salt; null: no login (PASSWORD DISABLE)
);

-- Users may change their own password, superusers everyone's.
create or replace function pg_internal.set_password(name text, verifier text) returns void
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if name <> session_user and not (
        select rolsuper or rolcreaterole from pg_roles where rolname = session_user
    ) then
        raise exception 'must be superuser to change the password of user "%"', name
            using errcode = '42501';
    end if;
    insert into pg_internal.login as l
    select oid, set_password.verifier from pg_roles where rolname = name
    on conflict (role_id) do update set verifier = excluded.verifier;
    if not found then
        raise exception 'user "%" does not exist', name using errcode = '42704';
    end if;
end $$;

-- A renamed user's MD5 password has the old name in it.
create or replace function pg_internal.forget_md5(name text) returns void
language sql security definer set search_path = pg_catalog as $$
    update pg_internal.login set verifier = null
    where verifier like 'md5%' and role_id = (select oid from pg_roles where rolname = name)
$$;
