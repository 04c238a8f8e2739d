"""Statements for fuzz tests: real ones with words deleted, doubled and swapped, and plain noise."""

from __future__ import annotations

import random
import re

REAL = [
    "select a, nvl(b, 1) as c, datediff(day, d, getdate()) from t where e like 'x%' order by 1",
    "select a, b + 1 as c, c * 2 as d from t qualify row_number() over (partition by a) = 1",
    "with x as (select 1 as a), y as (select a from x) select * from y join x using (a) limit 3",
    "select top 3 a from t",
    "select listagg(a, ',') within group (order by b), median(c) from t group by 1 having 1 = 1",
    "select * from (select a, b from t) pivot (sum(b) for a in (1, 2))",
    'select s.a[0].b, s."C" from t as u, u.s as v',
    "select a from t, u where t.a = u.a(+)",
    "insert into t (a, b) values (1, 'it''s'), (2, E'\\n'), (null, $x$y$x$)",
    "update t set a = b from u where t.id = u.id",
    "delete from t using u where t.id = u.id and a in (select 1)",
    "merge into t using u on t.id = u.id when matched then update set a = u.a "
    "when not matched then insert values (u.id, u.a)",
    "create table if not exists s.t (a int identity(1, 1), b varchar(10) encode zstd not null, "
    "primary key (a)) diststyle key distkey (a) compound sortkey (a, b)",
    "create temp table #x as select 1::numeric(10, 2) as a, 'x'::varchar(max) as b",
    "create or replace view v as select a from s.t with no schema binding",
    "alter table t add column c varchar(3) default 'x'",
    "alter table t alter column c type varchar(30)",
    "drop table if exists s.t cascade",
    "grant select, insert on table s.t to group g, public with grant option",
    "copy t from 's3://b/k' iam_role 'arn:aws:iam::1:role/x' csv gzip delimiter ',' ignoreheader 1",
    "unload ('select 1') to 's3://b/k' iam_role default parquet partition by (a)",
    "set search_path to a, b",
    "set enable_case_sensitive_identifier to true",
    "show tables from schema d.s like 'x%' limit 10",
    "begin isolation level serializable read only",
    "lock table a, b",
    "truncate table s.t",
    "vacuum full s.t to 75 percent boost",
    "analyze s.t (a, b)",
    "comment on column s.t.a is 'it''s'",
    "create user u password 'Secret-1z' in group g valid until '2030-01-01'",
    "select starlift_gateway.fail_next('serializable_isolation', '^nothing$', 1)",
    "explain verbose select 1",
    "declare c cursor for select 1",
    "fetch forward 5 from c",
    "select approximate count(distinct a), ratio_to_report(b) over (partition by c) from t",
]
_NOISE = r"""
( ) [ ] { } , ; . : :: = <> != || + - * / % @ # $1 $0 $99 ? ! ~ ^ & |
'x' 'it''s' '\' ' " "q""q" "" $$ $x$y$x$ -- /* */ 1 1.5e9 .5 0x1f 1e é 語
select from where as on in is not null case when then else end over partition by
a b t s.t count(*) cast int varchar(3) max distinct top qualify unpivot super
"""
NOISE = [*_NOISE.split(), "\0", "x" * 300, "\t\n"]
_WORD = re.compile(r"\s*(?:\w+|'[^']*'|\S)")


def mutated(rng: random.Random) -> str:
    """A real statement with up to five changes to its words."""
    words = _WORD.findall(rng.choice(REAL))
    for _ in range(rng.randrange(6)):
        place = rng.randrange(len(words)) if words else 0
        match rng.randrange(5):
            case 0:
                del words[place : place + rng.randrange(1, 4)]
            case 1:
                words.insert(place, " " + rng.choice(NOISE))
            case 2:
                words[place:place] = words[place : place + rng.randrange(1, 6)]
            case 3:
                words[place : place + 1] = [" " + rng.choice(NOISE)]
            case _:
                words = words[: place + 1] + _WORD.findall(" " + rng.choice(REAL))[place:]
    return "".join(words)


def soup(rng: random.Random, openings: list[str]) -> str:
    """The beginning of a statement, then noise."""
    noise = rng.choices(NOISE, k=rng.randrange(12))
    return " ".join([rng.choice(openings), *noise])
