-- EXECUTE of a computed text within a procedure: the gateway, which is PostgreSQL's client, is asked
-- for the translation by a message that it keeps to itself, and answers in a file of PostgreSQL's
-- data folder, because a statement that runs cannot be sent anything. See session/questions.py.
create or replace function pg_internal.gateway_answer(number text) returns jsonb
language plpgsql security definer set search_path = pg_catalog as $$
declare
    file text := 'redshift_answers/' || pg_backend_pid() || '.' || number;
    patience timestamptz := clock_timestamp() + interval '120 s';
    answer text;
begin
    if number !~ '^\d{1,20}$' or not coalesce((pg_stat_file('redshift_answers', true)).isdir, false) then
        raise exception 'EXECUTE of a computed text is not supported where the gateway cannot write PostgreSQL''s data folder'
            using errcode = '0A000';
    end if;
    loop
        answer := pg_read_file(file, true);
        exit when answer is not null;
        if clock_timestamp() > patience then
            raise exception 'the local Redshift gateway does not answer' using errcode = 'XX000';
        end if;
        perform pg_sleep(0.0003);
    end loop;
    return answer::jsonb;
end $$;

-- The rows of a query, as arrays of texts.
create or replace function pg_internal.rows_as_texts(query text) returns jsonb
language plpgsql as $$
declare
    found_rows jsonb;
begin
    execute
        'select coalesce(jsonb_agg((select jsonb_agg(e.value order by e.place) '
        'from json_each_text(to_json(r)) with ordinality as e (key, value, place))), ''[]'') '
        'from (' || query || ') as r'
        into found_rows;
    return found_rows;
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
