-- Trailing blanks of VARCHAR do not count in comparisons, nor in what is built on them: GROUP BY,
-- DISTINCT, joins, IN, ORDER BY. LIKE and lengths do count them. So text is compared by PostgreSQL's
-- own functions for CHAR.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
update pg_catalog.pg_operator set
    oprcode = ('pg_catalog.bpchar' || substr(oprcode::text, length('text') + 1))::regproc
where oprleft = 'text'::regtype and oprright = 'text'::regtype
    and oprcode::text in ('texteq', 'textne');
update pg_catalog.pg_operator set
    oprcode = ('pg_catalog.bpchar' || substr(oprcode::text, length('text_') + 1))::regproc
where oprleft = 'text'::regtype and oprright = 'text'::regtype
    and oprcode::text in ('text_lt', 'text_le', 'text_gt', 'text_ge');
update pg_catalog.pg_amproc as p set amproc = n.instead::regproc
from (values
    ('bttextcmp', 'bpcharcmp'), ('bttextsortsupport', 'bpchar_sortsupport'),
    ('hashtext', 'hashbpchar'), ('hashtextextended', 'hashbpcharextended')
) as n (name, instead)
where p.amproclefttype = 'text'::regtype and p.amprocrighttype = 'text'::regtype
    and p.amproc::text = n.name;
