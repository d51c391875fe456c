-- Definitions that PostgreSQL spells otherwise after a dump, heirs whose columns move, and other harmless changes.
create table c1(id int primary key, s varchar(10) check (s in ('a','b')), t text check (t in ('x','y')), ch char(3) check (ch in ('aa','bb')),
 n numeric check (n between 1 and 2 and n > 0), f float4 default 1.5, ts timestamptz default now() check (ts > '2000-01-01'), i int check (i in (1,2,3)),
 b bool default (not true), arr int[] default '{1,2}', arr2 text[] default array['a','b'], v varchar default 'x'::varchar, neg int default -1, big bigint default -9223372036854775808,
 iv interval default '1 day', j jsonb default '{"a": 1}', d date default current_date, u uuid default gen_random_uuid(), m money default 5, 
 check (s like 'a%' or (n > 1 and i > 2 and b)), check (not (i = 1 and s = 'a') or t is null), check (s <> 'q' and i between 1 and 5 and t not in ('a','b')),
 check (coalesce(s,'')||'x' <> any(array['a','b']::varchar[])), check (lower(s) in ('a','b','c')), check (s similar to 'a|b'), check (s ~ '^a' and s !~ 'b'), check (extract(year from ts) > 2000 and ts at time zone 'UTC' > '2000-01-01'::timestamp),
 check (num_nonnulls(s,t) >= 0), check (f::numeric(10,2) > 0), check ((i,n) > (1,2)), check (i is distinct from 7), check (case when i=1 then true when i=2 then s='a' else b end), check (s is not null and t is not null or i is not null and (n is null or n > 1)));
create table c2(like c1 including all);
create domain dom as varchar(5) check (value in ('a','b') and length(value) between 1 and 3);
create domain dom2 as text default 'q' not null constraint cx check (value in ('q','r'));
create table c3(id int generated always as identity, d dom, d2 dom2, e int generated always as (case when id in (1,2) then 1 else 2 end) stored, p point, bx box, ci cidr, ma macaddr, bi bit(3), vb varbit default b'101', x xml, tsv tsvector generated always as (to_tsvector('english', coalesce(d2,''))) stored, exclude using gist (p with ~=));
create index on c1(s) where s in ('a','b') and i between 1 and 2 and b;
create index on c1((s||t)); create index on c1(lower(s) text_pattern_ops desc nulls last, i) include (n); create index on c1((i+1), (coalesce(s,'x')));
create view v1 as select *, case s when 'a' then 1 else 2 end as k from c1 where s in ('a','b') and i between 1 and 3 and b;
create view v2 as select c1.id, c2.s as s2 from c1 join c2 using (id) left join c3 on c3.id = c1.id and c3.d in ('a','b') where exists (select 1 from c3 where c3.id = c1.id) group by 1,2 having count(*) between 1 and 2 order by 1 limit 5;
create view v3 as with recursive r(n) as (values (1) union all select n+1 from r where n < 10) select n, sum(n) over (partition by n%2 order by n rows between 1 preceding and current row) from r window w as (order by n);
create view v4 with (security_barrier) as select s from c1 union select t from c1 union all (select 'x' intersect select 'y');
create view v5 as select id, x.* from c1, lateral (select c1.i + 1 as y, array_agg(z order by z desc) filter (where z > 1) from unnest(arr) z) x;
create view v6 as select (c1).s, c1 as whole, array[1,2] as a, '{1,2}'::int[] as b, interval '1 day' as iv, date '2020-01-01' as d, timestamp '2020-01-01 00:00' as t, current_user as cu, 1.5 as n, -1 as neg, 'x' as unk, s::char(3) as c, t collate "C" as tc from c1;
create view v7 as select * from c1 natural join c2;
create view v8 as select distinct on (s) s, i from c1 order by s, i desc nulls last;
create view v9 as select * from generate_series(1,3) with ordinality g(a,b), json_each('{"a":1}') je(k,v), rows from (unnest(array[1]), unnest(array[2])) as rf(x,y), xmltable('/a' passing '<a/>' columns z int) xt;
create view v10 as select grouping(s), s, t, count(*) from c1 group by grouping sets ((s),(t),()) ;
create materialized view mv as select * from v1;
create table c1x(a int, b int, s varchar); alter table c1x rename a to aa; create view v11 as select * from c1x; alter table c1x rename aa to zz; alter view v11 rename column aa to qq;
alter table c1x add column later varchar default 'z' check (later in ('z','y') and b between 1 and 2 and s in ('u','v'));
create rule r1 as on insert to c1x where new.s in ('a','b') and new.b between 1 and 2 do also update c1x set b = 3 where zz = new.zz and s in ('a','b');
create rule r2 as on update to v11 do instead update c1x set b = new.b where zz = old.qq and s in ('a','c');
create function tf() returns trigger language plpgsql as 'begin return new; end';
create trigger t1 before insert or update of s, b on c1x for each row when (new.s in ('a','b') and new.b between 1 and 2) execute function tf('x','y''z');
create constraint trigger t2 after insert on c1x deferrable initially deferred for each row execute function tf();
create trigger t3 after update on c1x referencing old table as o new table as n for each statement execute function tf();
create trigger t4 instead of insert on v1 for each row execute function tf();
alter table c1x enable row level security; create policy p1 on c1x using (s in ('a','b') and b between 1 and 2) with check (s not in ('c') );
create function fa(a varchar, b int default 1, variadic c text[] default '{}') returns table(x int, y text) language sql begin atomic select fa.b, a from c1 where s in ('a','b') and i between 1 and fa.b and fa.b > 1; end;
create function fb(inout a int, out b text) language plpgsql security definer set search_path = public, pg_temp set work_mem='8MB' cost 7 as $$ begin b := 'x'; end $$;
create function fc() returns setof c1 language sql stable rows 7 as 'select * from c1';
create procedure pa(inout x int) language sql begin atomic select case when x in (1,2) and x between 1 and 2 and x > 0 then 1 else 2 end; end;
create statistics st1 on s, (i+1), (lower(s)) from c1;
create table par(id int, k varchar, created date) partition by list ((lower(k))); create table par_a partition of par for values in ('a','b') partition by range (created); create table par_a1 partition of par_a for values from (minvalue) to ('2020-01-01'); create table par_d partition of par default;
create table par_x(created date, id int, zz int, k varchar); alter table par_x drop column zz; insert into par_x values ('2021-01-01', 5, 'a'); alter table par_a attach partition par_x for values from ('2020-01-01') to (maxvalue);
create index on par(id); create table hp(id int primary key, x text) partition by hash(id); create table hp0 partition of hp for values with (modulus 2, remainder 0); create table hp1 partition of hp for values with (modulus 2, remainder 1);
create table ref(id int references hp, c1 int references c1 on update cascade on delete set null); insert into hp select i, 'x' from generate_series(1,10) i; insert into ref select i from generate_series(1,5) i;
create index hx_only on only hp(x);
create table inh_p(a int, constraint pc check (a > 0)); create table inh_c(c int, d text) inherits (inh_p); alter table inh_p add column b text default 'bb'; insert into inh_c values (1,2,'d','b'),(3,4,'e','f'); create table inh_c2() inherits (inh_c); insert into inh_c2 values (1,2,'x','y');
alter table inh_c alter column b set default 'child'; alter table inh_c add constraint own check (d in ('d','e') or a between 1 and 2 and c > 0); alter table inh_p add constraint noin check (a < 100) no inherit;
create table lob(id int, o oid); insert into lob values (1, lo_from_bytea(0, '\x00ff'));
create type comp as (a varchar(3), b numeric(5,2), c int[]); create table typed of comp (a not null, primary key (a));  insert into typed values ('a', 1, '{1}');
create type enu as enum ('b','a'); create table en(e enu default 'a' check (e in ('a','b')), e2 enu[]); create index on en(e) where e in ('a');
create type rng as range(subtype=text, collation="C", multirange_type_name=mymulti); create table rr(r rng, m mymulti, n int4multirange); insert into rr values ('[a,b)', '{[a,b)}', '{[1,2),[5,9)}');
create sequence s1 as smallint increment 5 cache 20; select nextval('s1'); create sequence s2 owned by c1.i; create unlogged sequence us; 
create function fnotvalid() returns int language sql as 'select 1'; 
create table badidx(a int); insert into badidx values (1),(1);
create unique index concurrently bad on badidx(a);
create table toasty(a text, b text) with (toast.autovacuum_enabled=false, autovacuum_vacuum_scale_factor=0.1, fillfactor=50, toast_tuple_target=256); alter table toasty alter a set storage external, alter b set compression lz4, alter a set statistics 7, alter a set (n_distinct = 5);
insert into toasty select repeat('x',10000), repeat(md5(i::text), 1000) from generate_series(1,3) i;
comment on view v1 is 'v'; comment on trigger t1 on c1x is 't'; comment on policy p1 on c1x is 'p'; comment on rule r1 on c1x is 'r'; comment on domain dom is 'd'; comment on constraint cx on domain dom2 is 'cx'; comment on type comp is 'c'; comment on column comp.a is 'ca';
create role app_own; create role "Odd-Role" login; create role adm createrole; grant app_own to adm with admin option; set role adm; grant app_own to "Odd-Role"; reset role;
alter table c1 owner to app_own; grant select on c1 to "Odd-Role" with grant option; set role "Odd-Role"; grant select on c1 to adm; reset role; revoke all on c2 from postgres; grant usage on schema public to adm; grant all on all sequences in schema public to adm; grant execute on function fb to adm; revoke all on function fb from public; grant usage on type enu to adm; revoke usage on domain dom from public; revoke usage on language plpgsql from public; grant usage on language plpgsql to adm; grant select on pg_authid to adm; revoke select on pg_settings from public; grant set on parameter work_mem to adm; grant alter system on parameter log_min_messages to adm;
alter default privileges for role app_own grant select on tables to adm; alter default privileges for role app_own in schema public grant all on functions to adm with grant option; alter default privileges for role app_own revoke usage on types from public; alter default privileges for role adm grant usage on schemas to app_own;
alter function fb owner to app_own; create schema s2 authorization app_own; create table s2.c1(a int); insert into s2.c1 values (1); alter schema s2 owner to adm;
create operator === (leftarg=int,rightarg=int,function=int4eq,commutator= ===, negator = !==, restrict=eqsel, join=eqjoinsel, hashes, merges); create operator !== (leftarg=int,rightarg=int,function=int4ne,negator= ===, commutator = !==);
create operator class myops for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int,int); create index on c1(i myops);
create aggregate agg1(int) (sfunc=int4pl, stype=int, initcond='0', combinefunc=int4pl, parallel=safe); create aggregate pct(order by anyelement) (sfunc=ordered_set_transition, stype=internal, finalfunc=mode_final, finalfunc_extra);
create collation nd (provider=icu, locale='und-u-ks-level2', deterministic=false); create table cit(a text collate nd primary key); insert into cit values ('A'),('b');
create text search dictionary tsd (template=snowball, language='english', stopwords='english'); create text search configuration tsc (parser=default); alter text search configuration tsc add mapping for asciiword, word with tsd, simple;
create conversion myconv for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create access method heap2 type table handler heap_tableam_handler; create table am2(a int) using heap2; insert into am2 values (1);
create extension citext; create extension btree_gist schema s2; create extension pg_trgm; create table ct(a citext check (a in ('x','y')));
insert into ct values ('X'); insert into cit values ('zz');
create publication p for table c1 where (id in (1,2) and id between 1 and 5 and id > 0), tables in schema s2 with (publish='insert');
alter table c1 replica identity full; alter table c2 set without cluster; alter table c2 cluster on c2_pkey; alter index c2_pkey set (fillfactor=60); alter table c2 set (parallel_workers=2);
create function fd() returns text language sql begin atomic select 'x'; end; create function fe() returns record language sql begin atomic select 1, 'x'::varchar, '1'::numeric(5,2), -1, (select null::date), b'1' from c1; end;
