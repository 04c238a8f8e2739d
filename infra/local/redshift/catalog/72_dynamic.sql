-- EXECUTE of a computed text within a procedure: the gateway, which is PostgreSQL's client, is asked
-- for the translation by a message that it keeps to itself, and answers in a file of PostgreSQL's
-- data folder, because a statement that runs cannot be sent anything. See session/questions.py.
create or replace function pg_internal.gateway_answer(number text) returns jsonb
language plpgsql security definer set search_path = pg_catalog as $$
declare
    file text := 'redshift_answers/' || pg_backend_pid() || '.' || number;
    answer text;
begin
    if number !~ '^\d{1,20}$' or not coalesce((pg_stat_file('redshift_answers', true)).isdir, false) then
        raise exception 'EXECUTE, COPY and UNLOAD in procedures are not supported where the gateway cannot write PostgreSQL''s data folder'
            using errcode = '0A000';
    end if;
    loop
        answer := pg_read_file(file, true);
        exit when answer is not null;
        perform pg_sleep(0.0003);  -- ends when the gateway has gone (client_connection_check_interval)
    end loop;
    return answer::jsonb;
end $$;

-- The rows of a query, each as the text of a record.
create or replace function pg_internal.rows_as_texts(query text) returns jsonb
language plpgsql as $$
declare
    found_rows jsonb;
begin
    execute 'select coalesce(jsonb_agg(r::text), ''[]'') from (' || query || ') as r' into found_rows;
    return found_rows;
end $$;

-- What COPY in a procedure loads, and UNLOAD writes, lies in a file beside the answers.
create or replace function pg_internal.rows_file(number text) returns text
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if number !~ '^\d{1,20}$' then
        raise exception 'no number: %', number;
    end if;
    return format('%s/redshift_answers/%s.%s.rows', current_setting('data_directory'), pg_backend_pid(), number);
end $$;
create or replace function pg_internal.load_rows(target regclass, column_names text[], number text)
returns bigint language plpgsql security definer set search_path = pg_catalog as $$
declare
    loaded bigint;
begin
    if not has_table_privilege(session_user, target, 'insert') then
        raise exception 'permission denied for relation %', (select relname from pg_class where oid = target)
            using errcode = '42501';
    end if;
    execute format(
        'copy %s (%s) from %L (format binary)', target,
        (select string_agg(quote_ident(c), ', ') from unnest(column_names) as c),
        pg_internal.rows_file(number)
    );
    get diagnostics loaded = row_count;
    return loaded;
end $$;
create or replace function pg_internal.write_rows(query text, number text) returns bigint
language plpgsql as $$
declare
    written bigint;
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        raise exception 'UNLOAD in a procedure of a user who is no superuser is not supported by the local Redshift gateway'
            using errcode = '0A000';
    end if;
    execute format('copy (%s) to %L', query || e'\n', pg_internal.rows_file(number));
    get diagnostics written = row_count;
    return written;
end $$;
-- Names, type oids and modifiers of a query's columns.
create or replace function pg_internal.query_shape(query text)
returns table (column_name text, type_id oid, modifier integer) language plpgsql as $$
begin
    execute 'create temp view rs_shape_of as select * from (' || query || e'\n) as unloaded';
    return query
        select a.attname::text, a.atttypid, a.atttypmod from pg_catalog.pg_attribute as a
        where a.attrelid = 'pg_temp.rs_shape_of'::regclass and a.attnum > 0 order by a.attnum;
    execute 'drop view pg_temp.rs_shape_of';
end $$;

-- PostgreSQL's form of a statement, whose names the gateway looks up by queries that run here, in
-- the procedure's transaction.
create or replace function pg_internal.translated(statement text) returns text
language plpgsql strict as $$
declare
    question jsonb := jsonb_build_object('text', statement);
    number text;
    answer jsonb;
begin
    loop
        number := (extract(epoch from clock_timestamp()) * 1000000)::bigint;
        raise info using errcode = 'RSASK', message = format('%s', question), detail = number;
        answer := pg_internal.gateway_answer(number);
        if answer ? 'error' then
            raise exception using
                errcode = answer ->> 'error',
                message = answer ->> 'message',
                detail = coalesce(answer ->> 'detail', ''),
                hint = coalesce(answer ->> 'hint', '');
        end if;
        exit when answer ? 'sql';
        question := jsonb_build_object('rows', pg_internal.rows_as_texts(answer ->> 'query'));
    end loop;
    perform set_config('redshift.commit_due', answer ->> 'commits', false);
    return answer ->> 'sql';
end $$;

-- Whether the text that has just run commits, as TRUNCATE does.
create or replace function pg_internal.commit_due() returns boolean
language plpgsql as $$
begin
    if current_setting('redshift.commit_due', true) is distinct from 'true' then
        return false;
    end if;
    perform set_config('redshift.commit_due', 'false', false);
    return true;
end $$;
