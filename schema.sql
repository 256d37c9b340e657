-- GenPy's database for Supabase: paste it into the SQL editor and run it.
--
-- It may be run any number of times, beside programs that use it, on an empty database or on one of
-- an earlier version, whose rows all stay. It commits in steps. For each it waits at most 5 seconds
-- for the tables; run it again when that was not enough. The tables hold the conversations; the schema "genpy", which no API shows, holds
-- what the functions share; the functions "genpy_…" are what the server calls, one for each method
-- of genpy_server/stores/base.py. Nobody but the secret key may call them.

-- Tables --------------------------------------------------------------------------------------

create table if not exists public.sessions (
  id bigserial primary key,
  session_id uuid not null unique,
  user_id text not null,
  status text not null default 'active',
  start_time timestamptz not null default now(),
  end_time timestamptz,
  summary text,
  topics jsonb default '[]',
  sentiment text,
  metrics jsonb default '{}',
  user_rating integer check (user_rating between 1 and 5),
  rated_at timestamptz,
  key_outcomes text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table if not exists public.session_logs (
  id bigserial primary key,
  session_id uuid not null references public.sessions (session_id) on delete cascade,
  event_type text not null check (event_type in ('user', 'ai', 'system')),
  message text not null,
  metadata jsonb default '{}',
  created_at timestamptz not null default now()
);

create schema if not exists genpy;
grant usage on schema genpy to service_role;

-- Runs a statement where what it makes does not stand yet; a second run, which has nothing to change,
-- takes no lock. Both tables are locked first. Programs lock them in either order, so a lock that is
-- not there in 0.3 s is given up before anybody calls it a deadlock, and tried again for 5 s, in the other
-- order: one of the two waits for no program that waits for the other table.
create or replace function genpy.ensure(stands boolean, statement text) returns void
language plpgsql set search_path = '' set lock_timeout = '300ms' as $$
declare
  give_up constant timestamptz := clock_timestamp() + interval '5 seconds';
  messages_first boolean := false;
begin
  if coalesce(stands, false) then
    return;
  end if;
  loop
    begin
      if messages_first then
        lock table public.session_logs, public.sessions in access exclusive mode;
      else
        lock table public.sessions, public.session_logs in access exclusive mode;
      end if;
      exit;
    exception when lock_not_available then
      if clock_timestamp() > give_up then
        raise;
      end if;
    end;
    messages_first := not messages_first;
    perform pg_sleep(0.1 * random());
  end loop;
  execute statement;
end
$$;

create or replace function genpy.has_column(p_table text, p_column text) returns boolean
language sql stable set search_path = '' as $$
  select exists (select 1 from pg_catalog.pg_attribute
    where attrelid = ('public.' || p_table)::regclass and attname = p_column and not attisdropped)
$$;

create or replace function genpy.has_trigger(p_name text) returns boolean
language sql stable set search_path = '' as $$
  select exists (select 1 from pg_catalog.pg_trigger where tgname = p_name and not tgisinternal)
$$;

-- How words are cut today, as core/words.py says; rows that others cut are indexed again.
create or replace function genpy.cut() returns smallint
language sql immutable parallel safe set search_path = '' as $$ select 4::smallint $$;

-- key_outcomes holds a JSON list of texts; plain text of earlier versions is read as well. `terms` is
-- null until the server has indexed a row, and so is `search` of a session that has changed; `cut` says
-- how its words were cut (core/words.py); `pending_server` is where a question waits for its reply, null for
-- most messages; `counts` is null where messages of earlier versions were not counted yet.
select genpy.ensure(
  bool_and(genpy.has_column(tab, name)),
  string_agg(format('alter table public.%I add column if not exists %I %s', tab, name, kind), '; '))
from (values
  ('sessions', 'title', 'text'),
  ('sessions', 'note', 'text'),
  ('sessions', 'last_message_id', 'bigint not null default 0'),
  ('sessions', 'message_count', 'integer not null default 0'),
  ('sessions', 'live_until', 'timestamptz'),
  ('sessions', 'ending_token', 'text'),
  ('sessions', 'ending_until', 'timestamptz'),
  ('sessions', 'memory', 'text'),
  ('sessions', 'memory_upto', 'bigint not null default 0'),
  ('sessions', 'hosted_by', 'text'),
  ('sessions', 'ending_server', 'text'),
  ('sessions', 'ending_attempts', 'integer not null default 0'),
  ('sessions', 'search', 'tsvector'),
  ('sessions', 'cut', 'smallint'),
  ('sessions', 'counts', 'jsonb'),
  ('sessions', 'settings', $kind$jsonb not null default '{}'$kind$),
  ('session_logs', 'client_id', 'text'),
  ('session_logs', 'uid', 'uuid'),
  ('session_logs', 'words', 'integer'),
  ('session_logs', 'terms', 'tsvector'),
  ('session_logs', 'cut', 'smallint'),
  ('session_logs', 'pending_server', 'text'),
  ('session_logs', 'about_records', 'boolean not null default false')
) _ (tab, name, kind);

commit;

-- A column with such a default would be written into every row while everybody waits.
select genpy.ensure(
  (select atthasdef from pg_catalog.pg_attribute
    where attrelid = 'public.session_logs'::regclass and attname = 'uid'),
  'alter table public.session_logs alter column uid set default gen_random_uuid()');
commit;
do $$
begin
  if not (select attnotnull from pg_catalog.pg_attribute
    where attrelid = 'public.session_logs'::regclass and attname = 'uid')
  then
    update public.session_logs set uid = gen_random_uuid() where uid is null;
  end if;
end
$$;
commit;
select genpy.ensure(
  (select attnotnull from pg_catalog.pg_attribute
    where attrelid = 'public.session_logs'::regclass and attname = 'uid'),
  'alter table public.session_logs alter column uid set not null');
commit;

-- The index of the first three versions.
select genpy.ensure(
  not genpy.has_column('session_logs', 'search'),
  'alter table public.session_logs drop column search');
drop function if exists genpy.plain(text);

-- The secret behind the ids of named sessions, the servers on this database, and the parts of the
-- replies that they are writing.
create table if not exists genpy.installation (
  only_one boolean primary key default true check (only_one),
  secret text not null
);
insert into genpy.installation (secret)
  values (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''))
  on conflict do nothing;

create table if not exists genpy.servers (
  id text primary key,
  alive_until timestamptz not null
);

-- Which servers host a session, each until its lease runs out.
create table if not exists genpy.hosts (
  session_id uuid not null references public.sessions (session_id) on delete cascade,
  server text not null,
  until timestamptz not null,
  primary key (session_id, server)
);

create table if not exists genpy.reply_journal (
  run text not null,
  position integer not null,
  session_id uuid not null references public.sessions (session_id) on delete cascade,
  reply_to bigint not null,
  message text not null,
  metadata jsonb not null,
  server text not null,
  primary key (run, position)
);

-- The tools that a user allowed for good, each as it was defined then.
create table if not exists genpy.tool_approvals (
  user_id text not null,
  name text not null,
  digest text not null,
  created_at timestamptz not null default now(),
  primary key (user_id, name)
);

-- Records a server that is late, or was not recorded yet, as alive.
create or replace function genpy.record(p_server text, p_alive_seconds double precision) returns void
language sql set search_path = '' as $$
  insert into genpy.servers as s (id, alive_until)
    select p_server, clock_timestamp() + p_alive_seconds * interval '1 second' where p_server <> ''
    on conflict (id) do update set alive_until = excluded.alive_until
      where s.alive_until <= clock_timestamp()
$$;

create or replace function genpy.keep_search() returns trigger
language plpgsql set search_path = '' as $$
begin
  if (new.title, new.summary, new.topics) is distinct from (old.title, old.summary, old.topics)
    and new.search is not distinct from old.search or new.user_id <> old.user_id
  then
    new.search := null;
  end if;
  if new.user_id <> old.user_id then  -- every term begins with its owner
    update public.session_logs set terms = null where session_id = new.session_id;
  end if;
  return new;
end
$$;

-- updated_at follows what a person can see; hosting, endings and memory are no change to them.
-- The first version had a trigger for every update, under whatever name.
do $$
declare
  old record;
begin
  for old in
    select t.tgname from pg_catalog.pg_trigger t
      join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = 'public.sessions'::regclass and not t.tgisinternal
      and p.prosrc ilike '%updated_at%' and t.tgname <> 'sessions_updated_at'
  loop
    perform genpy.ensure(false, format('drop trigger %I on public.sessions', old.tgname));
  end loop;
end
$$;

create or replace function genpy.keep_updated_at() returns trigger
language plpgsql set search_path = '' as $$
begin
  if new.updated_at is not distinct from old.updated_at
    and coalesce(current_setting('genpy.upgrading', true), '') <> 'on'
  then
    new.updated_at := clock_timestamp();
  end if;
  return new;
end
$$;

-- Whatever program inserts a message, its session's count, order and metrics follow.

-- A number of tokens; what another program wrote that is none counts nothing.
create or replace function genpy.tokens(value jsonb) returns bigint
language sql immutable parallel safe set search_path = '' as $$
  select case jsonb_typeof(value) when 'number' then
    case when (value #>> '{}')::numeric between 0 and 1e15 and (value #>> '{}')::numeric % 1 = 0
      then (value #>> '{}')::numeric::bigint else 0 end
  else 0 end
$$;

-- The metrics so far, null where another program left something else: then they are counted anew.
create or replace function genpy.known_counts(counts jsonb) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  if (
    select bool_and(jsonb_typeof(value) is not distinct from 'number'
      and value = to_jsonb(genpy.tokens(value)))
    from (
      select counts -> name as value from unnest(array['total_messages', 'user_messages',
        'ai_messages', 'user_words', 'assistant_words', 'prompt_tokens', 'completion_tokens',
        'cached_tokens']) name
      union all
      select inner_value from unnest(array['tools', 'intents']) name,
        jsonb_each(case jsonb_typeof(counts -> name) when 'object' then counts -> name
          else '{"": null}' end) _ (_, inner_value)
    ) _
  ) then
    return case when isfinite(coalesce((counts ->> 'first_at')::timestamptz, now()))
      and isfinite(coalesce((counts ->> 'last_at')::timestamptz, now())) then counts end;
  end if;
  return null;
exception when data_exception then
  return null;
end
$$;

create or replace function genpy.counted(counts jsonb, message public.session_logs) returns jsonb
language plpgsql stable set search_path = '' as $$
declare
  meta jsonb := case jsonb_typeof(message.metadata) when 'object' then message.metadata else '{}' end;
  is_reply boolean := message.event_type = 'ai';
  words integer := greatest(coalesce(message.words, regexp_count(message.message, '\S+')), 0);
  at text := to_char(message.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  tools jsonb := coalesce(counts -> 'tools', '{}');
  intents jsonb := coalesce(counts -> 'intents', '{}');
  name text;
begin
  if is_reply and jsonb_typeof(meta -> 'tools') = 'array' then
    for name in
      select t ->> 'name' from jsonb_array_elements(meta -> 'tools') t
      where jsonb_typeof(t -> 'name') = 'string'
    loop
      tools := tools || jsonb_build_object(name, coalesce((tools ->> name)::bigint, 0) + 1);
    end loop;
  end if;
  name := meta ->> 'intent';
  if is_reply and jsonb_typeof(meta -> 'intent') = 'string' then
    intents := intents || jsonb_build_object(name, coalesce((intents ->> name)::bigint, 0) + 1);
  end if;
  return jsonb_build_object(
    'total_messages', coalesce((counts ->> 'total_messages')::bigint, 0) + 1,
    'user_messages', coalesce((counts ->> 'user_messages')::bigint, 0)
      + (message.event_type = 'user')::integer,
    'ai_messages', coalesce((counts ->> 'ai_messages')::bigint, 0) + is_reply::integer,
    'user_words', coalesce((counts ->> 'user_words')::bigint, 0)
      + case when message.event_type = 'user' then words else 0 end,
    'assistant_words', coalesce((counts ->> 'assistant_words')::bigint, 0)
      + case when is_reply then words else 0 end,
    'first_at', coalesce(counts ->> 'first_at', at),
    'last_at', at,
    'tools', tools,
    'intents', intents,
    'prompt_tokens', coalesce((counts ->> 'prompt_tokens')::bigint, 0)
      + genpy.tokens(meta #> '{usage,prompt_tokens}'),
    'completion_tokens', coalesce((counts ->> 'completion_tokens')::bigint, 0)
      + genpy.tokens(meta #> '{usage,completion_tokens}'),
    'cached_tokens', coalesce((counts ->> 'cached_tokens')::bigint, 0)
      + genpy.tokens(meta #> '{usage,cached_tokens}'));
end
$$;

-- A session has its place in lists by its last message, whatever another program writes.
create or replace function genpy.keep_order() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.last_message_id := coalesce(
    (select max(id) from public.session_logs where session_id = new.session_id), 0);
  return new;
end
$$;

create or replace function genpy.count_message() returns trigger
language plpgsql set search_path = '' as $$
declare
  known jsonb;
begin
  select genpy.known_counts(counts) into known from public.sessions
    where session_id = new.session_id for no key update;
  update public.sessions set
      message_count = least(greatest(message_count, 0), 2147483646) + 1,
      last_message_id = new.id,
      counts = case when known is not null or message_count = 0 then genpy.counted(known, new) end
    where session_id = new.session_id;
  return null;
end
$$;

-- A message that another program changed or removed is counted and indexed anew.
create or replace function genpy.keep_message() returns trigger
language plpgsql set search_path = '' as $$
begin
  if new.message <> old.message then
    new.words := nullif(new.words, old.words);
  end if;
  if (new.message, new.session_id) is distinct from (old.message, old.session_id) then
    new.terms := null;
  end if;
  update public.sessions set counts = null
    where session_id in (old.session_id, new.session_id) and counts is not null;
  return new;
end
$$;

create or replace function genpy.move_message() returns trigger
language plpgsql set search_path = '' as $$
begin
  update public.sessions set
      message_count = greatest(message_count + case session_id when new.session_id then 1 else -1 end, 0),
      last_message_id = 0
    where session_id in (old.session_id, new.session_id);
  return null;
end
$$;

create or replace function genpy.uncount_messages() returns trigger
language plpgsql set search_path = '' as $$
begin
  update public.sessions s set
      message_count = greatest(s.message_count - gone.messages, 0), last_message_id = 0, counts = null
    from (select session_id, count(*) as messages from removed group by 1) gone
    where s.session_id = gone.session_id;
  return null;
end
$$;

-- Ids that another program chose itself may be ahead of the sequences, which would give them again.
create or replace function genpy.pass_taken_ids() returns void
language plpgsql set search_path = '' as $$
begin
  if (select max(id) from public.session_logs)
    >= (select last_value + is_called::integer from public.session_logs_id_seq)
  then
    perform setval('public.session_logs_id_seq', greatest(max(id),
      (select last_value from public.session_logs_id_seq))) from public.session_logs;
  end if;
  if (select max(id) from public.sessions)
    >= (select last_value + is_called::integer from public.sessions_id_seq)
  then
    perform setval('public.sessions_id_seq', greatest(max(id),
      (select last_value from public.sessions_id_seq))) from public.sessions;
  end if;
end
$$;

-- Where a message stands among all, beside its terms, so that the index finds the newest with a term without
-- reading of all that have it: '#10:7' has messages 7 * 2^10 to 8 * 2^10 - 1.
create or replace function genpy.places(p_id bigint) returns tsvector
language sql immutable parallel safe set search_path = '' as $$
  select array_to_tsvector(array_agg('#' || level || ':' || (p_id >> level)))
  from generate_series(10, 16) level
$$;

-- What has so many messages up to one, and no more than four times as many; null for too many.
create or replace function genpy.newest(p_last bigint, p_ids double precision) returns tsquery
language sql immutable parallel safe set search_path = '' as $$
  select format($q$'#%1$s:%2$s' | '#%1$s:%3$s'$q$, level, p_last >> level, (p_last >> level) - 1)::tsquery
  from generate_series(10, 16) level where p_ids <= 1 << level order by level limit 1
$$;

create or replace function genpy.place_message() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.terms := new.terms || genpy.places(new.id);
  return new;
end
$$;

select genpy.ensure(genpy.has_trigger('session_logs_changed'), $$
  drop trigger if exists sessions_search on public.sessions;
  create trigger sessions_search before update of title, summary, topics, user_id
  on public.sessions for each row execute function genpy.keep_search();
  create trigger session_logs_changed before update of session_id, event_type, message, metadata, created_at
  on public.session_logs for each row execute function genpy.keep_message();
  create trigger session_logs_uncounted after delete on public.session_logs
  referencing old table as removed for each statement execute function genpy.uncount_messages()
$$);
select genpy.ensure(genpy.has_trigger('sessions_updated_at'), $$
  create trigger sessions_updated_at
  before update of user_id, status, start_time, end_time, summary, topics, sentiment, metrics,
    user_rating, rated_at, key_outcomes, title, note
  on public.sessions for each row execute function genpy.keep_updated_at()
$$);

-- Rows of the first version, which knew neither count nor title, and metrics that version 2 named
-- otherwise. None of it is a change that a person sees. They are counted, and what was inserted meanwhile
-- while nobody inserts; each insert is counted from then on.
create or replace function genpy.count_all() returns void
language sql set search_path = '' as $$
  update public.sessions s set message_count = counted.messages, last_message_id = counted.last_id
    from (
      select session_id, count(*) as messages, max(id) as last_id
      from public.session_logs group by session_id
    ) counted
    where s.session_id = counted.session_id and s.message_count <> counted.messages
$$;
commit;
select genpy.count_all() where not genpy.has_trigger('session_logs_counted');
commit;
select genpy.ensure(genpy.has_trigger('session_logs_counted'), $$
  select genpy.count_all();
  create trigger session_logs_counted
  after insert on public.session_logs for each row execute function genpy.count_message()
$$);
commit;

-- Version 18: before, no message had its place. Those of each user's newest suffice: where too few have
-- one, all that have a term are read. Rows that a reply changes are left out, so that none waits.
select genpy.ensure(genpy.has_trigger('session_logs_placed'), $$
  create trigger session_logs_placed before insert or update of terms
  on public.session_logs for each row execute function genpy.place_message();
  create trigger session_logs_moved after update of session_id on public.session_logs
  for each row when (old.session_id <> new.session_id) execute function genpy.move_message()
$$);
commit;
do $$
begin
  if obj_description('genpy.place_message()'::regprocedure) is null then
    update public.session_logs m set terms = terms
      from public.sessions s join (
        select user_id, max(last_message_id) as last from public.sessions group by user_id
      ) u using (user_id)
      where m.session_id = s.session_id and m.terms is not null and m.pending_server is null
        and m.id > u.last - 20000;
    comment on function genpy.place_message() is 'the newest have it';
  end if;
end
$$;
commit;

-- Version 15: before, another program could give a session any place, and the last questions of a session
-- waited at the server that hosted it last.
do $$
begin
  if not genpy.has_trigger('sessions_ordered') then
    update public.sessions s set last_message_id = coalesce(last_id, 0)
      from public.sessions l left join (
        select session_id, max(id) as last_id from public.session_logs group by session_id
      ) newest using (session_id)
      where s.id = l.id and s.last_message_id is distinct from coalesce(last_id, 0);
    update public.session_logs q set pending_server = s.hosted_by
      from (
        select session_id, hosted_by, coalesce((
          select max(genpy.tokens(r.metadata -> 'reply_to'))
          from public.session_logs r where r.session_id = l.session_id), 0) as answered
        from public.sessions l where status = 'active' and hosted_by is not null
      ) s
      where q.session_id = s.session_id and q.event_type = 'user' and q.id > s.answered;
  end if;
end
$$;
commit;
select genpy.ensure(genpy.has_trigger('sessions_ordered'), $$
  create trigger sessions_ordered before insert or update of last_message_id
  on public.sessions for each row execute function genpy.keep_order();
  create index session_logs_pending
  on public.session_logs (session_id) where pending_server is not null
$$);
commit;
do $$
begin
  perform set_config('genpy.upgrading', 'on', true);
  if exists (select 1 from public.sessions where title is null) then
    update public.sessions s
      set title = coalesce(left(btrim(regexp_replace(message, '\s+', ' ', 'g')), 60), 'Untitled')
      from public.sessions l left join (
        select distinct on (session_id) session_id, message from public.session_logs
        where event_type = 'user' order by session_id, id
      ) asked using (session_id)
      where s.id = l.id and s.title is null;
  end if;
  update public.sessions
    set metrics = metrics - 'messages' - 'assistant_messages' || jsonb_build_object(
      'total_messages', metrics -> 'messages', 'ai_messages', metrics -> 'assistant_messages')
    where metrics ? 'messages' and metrics ? 'assistant_messages';
  perform set_config('genpy.upgrading', '', true);
end
$$;

commit;

-- Indexes. Those of the first version keep their names; three of them have more columns, or are the
-- unique one that the table had anyway, so that no two indexes do the same.
do $$
declare
  wanted record;
  standing text;
begin
  for wanted in
    select * from (values
      ('idx_sessions_session_id', 'sessions_session_id_key', 'unique%(session_id)'),
      ('idx_sessions_user_id', 'sessions_by_activity', '%(user_id, last_message_id desc)'),
      ('idx_session_logs_session_id', 'session_logs_by_session', '%(session_id, id)')
    ) _ (name, former, definition)
  loop
    select indexdef into standing from pg_catalog.pg_indexes
      where schemaname = 'public' and indexname = wanted.name;
    if standing not ilike 'create ' || wanted.definition then
      perform genpy.ensure(false, format('drop index public.%I', wanted.name));
      standing := null;
    end if;
    if standing is null and to_regclass('public.' || wanted.former) is not null then
      perform genpy.ensure(
        false, format('alter index public.%I rename to %I', wanted.former, wanted.name));
    end if;
  end loop;
end
$$;

select genpy.ensure(to_regclass('genpy.hosts_by_server') is not null,
  'create index hosts_by_server on genpy.hosts (server)');
select genpy.ensure(to_regclass('genpy.reply_journal_by_session') is not null,
  'create index reply_journal_by_session on genpy.reply_journal (session_id)');
select genpy.ensure(to_regclass('public.idx_sessions_status') is not null,
  'create index idx_sessions_status on public.sessions (status)');
commit;
select genpy.ensure(to_regclass('public.idx_sessions_start_time') is not null,
  'create index idx_sessions_start_time on public.sessions (start_time desc)');
commit;
select genpy.ensure(to_regclass('public.idx_sessions_user_id') is not null,
  'create index idx_sessions_user_id on public.sessions (user_id, last_message_id desc)');
commit;
select genpy.ensure(to_regclass('public.sessions_active') is not null,
  'create index sessions_active on public.sessions (last_message_id) where status = ''active''');
commit;
select genpy.ensure(to_regclass('public.idx_session_logs_created_at') is not null,
  'create index idx_session_logs_created_at on public.session_logs (created_at desc)');
commit;
select genpy.ensure(to_regclass('public.idx_session_logs_session_id') is not null,
  'create index idx_session_logs_session_id on public.session_logs (session_id, id)');
commit;
select genpy.ensure(to_regclass('public.session_logs_uid') is not null,
  'create unique index session_logs_uid on public.session_logs (session_id, uid)');
commit;
select genpy.ensure(to_regclass('public.session_logs_client_id') is not null,
  'create unique index session_logs_client_id on public.session_logs (session_id, client_id) where client_id is not null');
commit;
select genpy.ensure(to_regclass('public.session_logs_terms') is not null,
  'create index session_logs_terms on public.session_logs using gin (terms) with (fastupdate = off)');
commit;
select genpy.ensure(to_regclass('public.session_logs_unindexed') is not null,
  'create index session_logs_unindexed on public.session_logs (id) where terms is null');
commit;
select genpy.ensure(to_regclass('public.sessions_search') is not null,
  'create index sessions_search on public.sessions using gin (search) with (fastupdate = off)');
commit;
-- Before version 18 new rows waited in a list, all of which every look into the index reads.
select genpy.ensure(
  (select 'fastupdate=off' = any (reloptions) from pg_catalog.pg_class
    where oid = ('public.' || name)::regclass),
  format('alter index public.%I set (fastupdate = off)', name))
from (values ('session_logs_terms'), ('sessions_search')) _ (name);
commit;
select gin_clean_pending_list('public.session_logs_terms'), gin_clean_pending_list('public.sessions_search');
commit;
select genpy.ensure(to_regclass('public.sessions_unindexed') is not null,
  'create index sessions_unindexed on public.sessions (id) where search is null');
commit;
do $$
declare
  tab text;
begin
  foreach tab in array array['session_logs', 'sessions'] loop
    perform genpy.ensure(
      (select indexdef like format('%%FROM ''%s''::smallint)', genpy.cut())
        from pg_catalog.pg_indexes where schemaname = 'public' and indexname = tab || '_cut'),
      format('drop index if exists public.%1$s_cut;
        create index %1$s_cut on public.%1$s (id) where cut is distinct from %2$s::smallint',
        tab, genpy.cut()));
  end loop;
end
$$;
commit;

-- Shapes of core/models.py; times are ISO 8601 in UTC with six digits, as in every store ---------

select genpy.ensure(
  obj_description(to_regclass('genpy.sessions'), 'pg_class') is not distinct from 'version 6', $$
drop view if exists genpy.messages, genpy.sessions;

create view genpy.messages with (security_invoker = true) as
select
  id,
  session_id,
  case event_type when 'ai' then 'assistant' else event_type end as role,
  message as text,
  to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
  client_id,
  metadata as meta,
  uid
from public.session_logs;

create view genpy.sessions with (security_invoker = true) as
select
  session_id,
  user_id,
  coalesce(title, 'Untitled') as title,
  case status when 'active' then 'active' else 'completed' end as status,
  to_char(start_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as start_time,
  to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as updated_at,
  last_message_id,
  message_count,
  to_char(end_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as end_time,
  summary,
  note,
  topics,
  sentiment,
  key_outcomes,
  metrics,
  user_rating,
  to_char(rated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as rated_at,
  settings
from public.sessions;

comment on view genpy.sessions is 'version 6'
$$);

-- Messages ----------------------------------------------------------------------------------------

drop function if exists
  public.genpy_append(text, uuid, text, text, text, text, jsonb, uuid, integer, double precision),
  public.genpy_append(
    text, uuid, text, text, text, text, jsonb, uuid, integer, double precision, bigint),
  public.genpy_append(
    text, uuid, text, text, text, text, jsonb, uuid, integer, double precision, bigint, text),
  public.genpy_append(
    text, uuid, text, text, text, text, jsonb, uuid, integer, double precision, bigint, text, text,
    boolean, text),
  public.genpy_append(
    text, uuid, text, text, text, text, jsonb, uuid, integer, double precision, bigint, text, text,
    boolean, text, jsonb);

-- One round trip: the session is made if there is none and locked, so that its ids rise in the
-- order of commits. Only a person's message makes one, and nothing whose writer knows of messages
-- there up to one (`p_known`, 0 for none) that are gone: neither brings a deleted session back. The same
-- client_id, or the same uid (a call that was repeated after its answer was lost), is stored once.
create or replace function public.genpy_append(
  p_user_id text, p_session_id uuid, p_event_type text, p_message text, p_title text,
  p_client_id text, p_metadata jsonb, p_uid uuid, p_words integer, p_live_seconds double precision,
  p_known bigint default 0, p_server text default '', p_terms text default null,
  p_about_records boolean default false, p_search text default null, p_settings jsonb default '{}',
  p_cut smallint default null
) returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  owner text;
  previous bigint;
  stored record;
  now_ timestamptz;
begin
  select user_id, last_message_id into owner, previous
    from public.sessions where session_id = p_session_id for update;
  if not found and p_event_type = 'user' and p_known = 0 then
    perform genpy.pass_taken_ids();
    insert into public.sessions (session_id, user_id, title, search, cut, settings)
      values (p_session_id, p_user_id, p_title, p_search::tsvector, p_cut, p_settings)
      on conflict (session_id) do nothing;
    select user_id, last_message_id into owner, previous
      from public.sessions where session_id = p_session_id for update;
  end if;
  if owner is distinct from p_user_id or p_known not in (0, previous) and not exists (
    select 1 from public.session_logs where id <= p_known and session_id = p_session_id
  ) then
    return '{"refused": "not_found"}';
  end if;

  select id, message, uid into stored from public.session_logs
    where session_id = p_session_id and (client_id = p_client_id or uid = p_uid) limit 1;
  if found then
    if stored.message <> p_message then
      return '{"refused": "conflict"}';
    end if;
    return jsonb_build_object(
      'message', (select to_jsonb(m) from genpy.messages m where m.id = stored.id),
      'duplicate', stored.uid <> p_uid,
      'previous_id', (
        select coalesce(max(id), 0) from public.session_logs
        where session_id = p_session_id and id < stored.id));
  end if;

  now_ := clock_timestamp();
  if (select max(id) from public.session_logs)  -- here, since a function for each message takes longer
    >= (select last_value + is_called::integer from public.session_logs_id_seq)
  then
    perform genpy.pass_taken_ids();
  end if;
  insert into public.session_logs
      (session_id, event_type, message, metadata, created_at, client_id, uid, words, terms,
        about_records, cut, pending_server)
    values (p_session_id, p_event_type, p_message, p_metadata, now_, p_client_id, p_uid, p_words,
      p_terms::tsvector, p_about_records, p_cut,
      case when p_event_type = 'user' then nullif(p_server, '') end)
    returning id into stored;
  if p_metadata ?| array['reply_to', 'replaces'] then
    update public.session_logs set pending_server = null
      where session_id = p_session_id and pending_server is not null and id in (
        genpy.tokens(p_metadata -> 'reply_to'), genpy.tokens(p_metadata -> 'replaces'));
  end if;
  update public.sessions set
      updated_at = now_,
      status = 'active', end_time = null, ending_token = null, ending_until = null,
      ending_attempts = 0, hosted_by = coalesce(nullif(p_server, ''), hosted_by),
      live_until = case when p_live_seconds > 0
        then greatest(live_until, now_ + p_live_seconds * interval '1 second')
        else live_until end
    where session_id = p_session_id;
  if p_server <> '' and p_live_seconds > 0 then
    perform genpy.record(p_server, p_live_seconds);
    insert into genpy.hosts (session_id, server, until)
      values (p_session_id, p_server, now_ + p_live_seconds * interval '1 second')
      on conflict (session_id, server) do update set until = excluded.until;
  end if;
  delete from genpy.reply_journal where run = p_client_id;
  return jsonb_build_object(
    'message', (select to_jsonb(m) from genpy.messages m where m.id = stored.id),
    'duplicate', false,
    'previous_id', previous);
end
$$;

create or replace function public.genpy_find_client_id(
  p_user_id text, p_session_id uuid, p_client_id text
) returns jsonb language sql stable security invoker set search_path = '' as $$
  select to_jsonb(m) from genpy.messages m join public.sessions s using (session_id)
  where session_id = p_session_id and s.user_id = p_user_id and m.client_id = p_client_id
$$;

create or replace function public.genpy_messages(
  p_user_id text, p_session_id uuid, p_limit integer, p_before bigint, p_after bigint
) returns jsonb language plpgsql stable security invoker set search_path = '' as $$
declare
  ids bigint[];
begin
  if not exists (
    select 1 from public.sessions where session_id = p_session_id and user_id = p_user_id
  ) then
    return '[]';
  end if;
  if p_after is null then
    ids := array(
      select id from public.session_logs
      where session_id = p_session_id and (p_before is null or id < p_before)
      order by id desc limit p_limit);
  else
    ids := array(
      select id from public.session_logs
      where session_id = p_session_id and id > p_after and (p_before is null or id < p_before)
      order by id limit p_limit);
  end if;
  return coalesce(
    (select jsonb_agg(to_jsonb(m) order by m.id) from genpy.messages m where m.id = any (ids)), '[]');
end
$$;

-- The metrics of a session, counted over all its messages.
create or replace function genpy.count_messages(p_session_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  with m as (
    select l.*,
      greatest(coalesce(l.words, regexp_count(l.message, '\S+')), 0) as counted_words,
      case jsonb_typeof(l.metadata) when 'object' then l.metadata else '{}' end as meta
    from public.session_logs l
    where session_id = p_session_id
  ), ends as (
    select
      (select created_at from m where isfinite(created_at) order by id limit 1) as first_at,
      (select created_at from m where isfinite(created_at) order by id desc limit 1) as last_at
  ), tools as (
    select t.value ->> 'name' as name, count(*) as times
    from m, jsonb_array_elements(
      case jsonb_typeof(meta -> 'tools') when 'array' then meta -> 'tools' else '[]' end) t
    where event_type = 'ai' and jsonb_typeof(t.value -> 'name') = 'string' group by 1
  ), intents as (
    select meta ->> 'intent' as name, count(*) as times
    from m where event_type = 'ai' and jsonb_typeof(meta -> 'intent') = 'string' group by 1
  )
  select jsonb_build_object(
    'total_messages', count(*),
    'user_messages', count(*) filter (where event_type = 'user'),
    'ai_messages', count(*) filter (where event_type = 'ai'),
    'user_words', coalesce(sum(counted_words) filter (where event_type = 'user'), 0),
    'assistant_words', coalesce(sum(counted_words) filter (where event_type = 'ai'), 0),
    'first_at', (select to_char(first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      from ends),
    'last_at', (select to_char(last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      from ends),
    'duration_seconds', coalesce((
      select greatest(0, round(extract(epoch from last_at - first_at), 3)) from ends), 0),
    'tools', coalesce((select jsonb_object_agg(name, times) from tools), '{}'),
    'intents', coalesce((select jsonb_object_agg(name, times) from intents), '{}'),
    'prompt_tokens', coalesce(sum(genpy.tokens(meta #> '{usage,prompt_tokens}')), 0),
    'completion_tokens', coalesce(sum(genpy.tokens(meta #> '{usage,completion_tokens}')), 0),
    'cached_tokens', coalesce(sum(genpy.tokens(meta #> '{usage,cached_tokens}')), 0)
  ) from m
$$;

-- Tokens of a user's replies by day, model and session; days begin some minutes before UTC's.
create or replace function public.genpy_usage(
  p_user_id text, p_since text, p_session_id uuid, p_utc_offset integer
) returns jsonb language sql stable security invoker set search_path = '' set timezone = 'UTC' as $$
  with replies as (
    select l.session_id, coalesce(s.title, 'Untitled') as title, l.metadata ->> 'model' as model,
      to_char(l.created_at + p_utc_offset * interval '1 minute', 'YYYY-MM-DD') as day,
      l.metadata -> 'usage' as usage
    from public.session_logs l join public.sessions s using (session_id)
    where s.user_id = p_user_id and l.event_type = 'ai' and l.created_at >= p_since::timestamptz
      and l.created_at < '9999-01-01'
      and (p_session_id is null or l.session_id = p_session_id)
      and jsonb_typeof(l.metadata -> 'usage') = 'object'
  ), rows as (
    select day, coalesce(model, '') as model, session_id, title, count(*) as replies,
      coalesce(sum(genpy.tokens(usage -> 'prompt_tokens')), 0) as prompt_tokens,
      coalesce(sum(genpy.tokens(usage -> 'completion_tokens')), 0)
        as completion_tokens,
      coalesce(sum(genpy.tokens(usage -> 'cached_tokens')), 0) as cached_tokens
    from replies group by 1, 2, 3, 4
  )
  select coalesce(jsonb_agg(to_jsonb(r) order by day, model, session_id), '[]') from rows r
$$;

create or replace function public.genpy_metrics(p_user_id text, p_session_id uuid)
returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  known jsonb;
begin
  -- Locked, so that no message is added between the counting and the writing.
  select counts into known from public.sessions
    where session_id = p_session_id and user_id = p_user_id
      and genpy.known_counts(counts) is null for update;
  if found then
    update public.sessions set counts = genpy.count_messages(p_session_id)
      where session_id = p_session_id;
  end if;
  select counts into known from public.sessions
    where session_id = p_session_id and user_id = p_user_id;
  return coalesce(known, '{}') || jsonb_build_object('duration_seconds', coalesce(greatest(0, round(
    extract(epoch from (known ->> 'last_at')::timestamptz - (known ->> 'first_at')::timestamptz), 3)), 0));
end
$$;

-- Search ------------------------------------------------------------------------------------------

drop function if exists
  genpy.ranked(text, uuid, tsquery, tsquery[], double precision[], integer, integer),
  genpy.ranked(text, uuid, bigint, tsquery, tsquery[], double precision[], integer, integer),
  genpy.told_once(bigint[], double precision[], integer),
  genpy.frequencies(tsquery[], boolean, double precision),
  genpy.known_terms(text, jsonb, double precision),
  genpy.meant(text, text),
  genpy.title_query(text, jsonb),
  genpy.held_terms(text, jsonb, double precision),
  genpy.held_forms(text, jsonb, double precision),
  genpy.held_forms(text, jsonb, double precision, bigint),
  genpy.mended(text, text),
  genpy.neighbours(bigint[]),
  public.genpy_neighbours(text, jsonb),
  public.genpy_search(text, jsonb, integer, uuid, boolean),
  public.genpy_search(text, jsonb, integer, uuid, boolean, bigint, boolean),
  public.genpy_search(
    text, text, jsonb, jsonb, integer, uuid, bigint, boolean, boolean, boolean, jsonb);

-- A word, and what is left of it without any one letter: two words that share one of these differ
-- by a letter too many, missing, wrong or swapped with the next.
create or replace function genpy.pieces(word text) returns setof text
language sql immutable parallel safe set search_path = '' as $$
  select word union select left(word, place - 1) || substr(word, place + 1)
  from generate_series(1, length(word)) as place
$$;

-- What an unknown word may stand for: words that begin like it and differ by little, or go on where it
-- ends; those first, and of each the most used, from the newest of the owner's messages, or the titles and
-- summaries, that hold any such word.
create or replace function genpy.meant(p_owner text, word text, p_titles boolean) returns setof text
language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
declare
  beginning text := p_owner || left(word, case when length(word) < 6 then 2 else 3 end);
  derived text := p_owner || '≈' || substr(beginning, length(p_owner) + 1);
  any_such tsquery := quote_literal(beginning) || ':* | ' || quote_literal(derived) || ':*';
  typed text[] := array(select genpy.pieces(word));
begin
  return query
  select known.lexeme
  from (
    select said.lexeme, count(*) as times
    from (
      (select m.terms as held from public.session_logs m
        where not p_titles and m.terms @@ any_such order by m.id desc limit 2000)
      union all
      (select s.search from public.sessions s
        where p_titles and s.search @@ any_such order by s.id desc limit 2000)
    ) newest, unnest(newest.held) as said
    where starts_with(said.lexeme, beginning) or starts_with(said.lexeme, derived)
    group by said.lexeme
  ) known,
    lateral (select ltrim(substr(known.lexeme, length(p_owner) + 1), '≈') as form) bare,
    lateral (select exists (
      select 1 from genpy.pieces(bare.form) piece where piece = any (typed)) as near) alike
  where alike.near or length(word) >= 5 and starts_with(bare.form, word)
  order by alike.near desc, known.times desc, known.lexeme limit 3;
end
$$;

-- The forms of a query's terms that the owner's messages hold, or that mistyped ones may stand for, the
-- rarest first, with the term's weight (BM25's idf), what the form scores, and the messages that hold it:
-- where many of the newest do, those, else `most` at most. If there are more, how many is estimated from the
-- part of the owner's ids (`p_span`, up to `p_last`) among which these were read, up to 5,000. `so_far` counts
-- the messages of this form and of rarer ones, as long as all of them were read. A form that was not
-- asked for scores 0.7 of the term.
create or replace function genpy.held_forms(
  p_owner text, p_terms jsonb, documents double precision, p_span bigint, p_last bigint
)
returns table (
  asked text, term tsquery, weight double precision, worth double precision, ids bigint[],
  so_far bigint)
language plpgsql stable set search_path = '' set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
  most constant integer := 1000;
  many constant integer := 64;
  newest constant tsquery := case when p_span > 10000 then genpy.newest(p_last, 1024) end;
begin
  return query
  with wanted as materialized (
    select w.asked, bool_or(w.mend) as mend, bool_or(f.place = 1) as as_asked,
      (quote_literal(p_owner || f.form) || case when w.prefix then ':*' else '' end)::tsquery as term
    from jsonb_to_recordset(p_terms) as w(asked text, forms jsonb, prefix boolean, mend boolean),
      jsonb_array_elements_text(w.forms) with ordinality as f(form, place)
    group by w.asked, f.form, w.prefix
  ), held as materialized (
    select w.*, found.ids, cardinality(found.ids) < most and cardinality(among.ids) < many as are_all
    from wanted w,
      lateral (select array(
        select m.id from public.session_logs m where m.terms @@ (w.term && newest)) as ids
        offset 0) among,  -- reads once, however often it is named
      lateral (select case when cardinality(among.ids) >= many then among.ids else array(
        select m.id from public.session_logs m where m.terms @@ w.term limit most) end as ids
        offset 0) found
  ), all_forms as (
    select asked, term, as_asked, ids, are_all from held where ids <> '{}'
    union all
    select u.asked, k.term, true, k.ids, cardinality(k.ids) < most
    from (select asked from held where mend group by asked having bool_and(ids = '{}') limit 3) u,
      lateral (
        select meant.term, array(
          select m.id from public.session_logs m where m.terms @@ meant.term limit most) as ids
        from (
          select quote_literal(said)::tsquery as term
          from genpy.meant(p_owner, u.asked, false) said
        ) meant
      ) k
  ), counted as (
    select *, case when are_all then cardinality(ids) else (
      select greatest(most, least(5000, count(*) * p_span / (max(id) - min(id) + 1)))
      from unnest(ids) id) end as frequency
    from all_forms
  ), weighed as (
    select *, sum(frequency) over (partition by asked) as together from counted
  ), worths as (
    select *, ln(1 + (greatest(documents, together) - together + 0.5) / (together + 0.5)) as weight
    from weighed
  )
  select asked, term, weight, power(weight, 1.2) * case when as_asked then 1 else 0.7 end,
    ids, case when are_all
      then sum(frequency) over (order by frequency, term::text)::bigint end
  from worths order by frequency, term::text;
end
$$;

-- What holds every word of a query, each in one of its ways; `p_held` has the forms to look for by term
-- where they are not those of `p_terms`. As asked, the first way and the first form of each term.
create or replace function genpy.every_word(
  p_owner text, p_terms jsonb, p_held jsonb, p_as_asked boolean
) returns tsquery language sql immutable set search_path = '' as $$
  select string_agg('(' || ways || ')', ' & ')::tsquery
  from (
    select word, string_agg('(' || terms || ')', ' | ') as ways
    from (
      select w.word, w.way, string_agg('(' || coalesce(p_held ->> w.asked, (
          select string_agg(quote_literal(p_owner || f.form)
            || case when w.prefix then ':*' else '' end, ' | ')
          from jsonb_array_elements_text(w.forms) with ordinality as f(form, place)
          where f.place = 1 or not p_as_asked)) || ')', ' & ') as terms
      from jsonb_to_recordset(p_terms) as w(
        word integer, way integer, asked text, forms jsonb, prefix boolean)
      where w.way = 0 or not p_as_asked
      group by w.word, w.way
    ) _
    group by word
  ) _
$$;

-- The sessions whose title ('t') or summary ('s') a query is about: those that hold all of its words.
create or replace function genpy.title_query(p_owner text, p_terms jsonb) returns tsquery
language sql stable set search_path = '' as $$
  select genpy.every_word(p_owner, p_terms, coalesce(jsonb_object_agg(w.asked, (
      select string_agg(quote_literal(said), ' | ') from genpy.meant(p_owner, w.asked, true) said))
    filter (where w.mend and not exists (
      select 1 from public.sessions s, jsonb_array_elements_text(w.forms) form
      where s.search @@ quote_literal(p_owner || form)::tsquery)), '{}'), false)
  from jsonb_to_recordset(p_terms) as w(asked text, forms jsonb, mend boolean)
$$;

-- The ranking is that of core/context/recall.py: BM25 (k1 = 1.2, b = 0.35) by the owner's own weights
-- to the power of 1.2; messages lend 0.4 of their score to those beside them and 0.1 to the next, and
-- a session's three best a quarter to all of it. With `p_distinct` messages beside the best are ranked
-- as well, with terms or without. ts_rank of one word is 1 + 1/4 + 1/9 + … over pi^2/6, as often as the
-- word occurs: a frequency that saturates, as BM25's does. Rare terms are read whole; of frequent
-- ones the newest messages with three, two and one of them, as far as they may score more than what
-- the rare ones found. `p_terms` are the terms of core/words.py, by word and way to write it; every lexeme
-- begins with the owner. What
-- is not indexed yet is looked for by `p_words`. Nobody waits for it longer than the time-out.
create or replace function public.genpy_search(
  p_user_id text, p_owner text, p_terms jsonb, p_words jsonb, p_limit integer, p_session_id uuid,
  p_before bigint, p_distinct boolean, p_titles boolean, p_about_records boolean, p_left_out jsonb,
  p_asked jsonb
) returns jsonb language plpgsql stable security invoker set search_path = ''
set plan_cache_mode = force_custom_plan set jit = off set statement_timeout = '5s' as $$
#variable_conflict use_column
declare
  most constant integer := 6000;
  counted constant integer := greatest(case when p_distinct then 300 else 160 end, 2 * p_limit);
  documents double precision;
  span bigint;
  last bigint;
  left_out bigint[] := array(
    select value::bigint from jsonb_array_elements_text(p_left_out)
    union all select id from public.session_logs
      where session_id = (p_asked ->> 0)::uuid and client_id = p_asked ->> 1);
  spelled text[] := array(select value from jsonb_array_elements_text(p_words));
  hits jsonb := '[]';
  candidate record;
  taken bigint[] := '{}';
  shown bigint[] := '{}';
  variants text[] := '{}';
  chosen jsonb := '[]';
  held tsquery[];
  weights double precision[];
  known_asked text[];
  unknown double precision;
  waiting boolean;
begin
  select sum(greatest(message_count, 0)), max(last_message_id) - min(last_message_id) + 1, max(last_message_id)
    into documents, span, last from public.sessions where user_id = p_user_id;
  if documents is null then
    return jsonb_build_object('hits', hits, 'waiting', false);
  end if;
  unknown := ln(1 + (documents + 0.5) / 0.5);
  -- Servers of version 13 and before send the terms alone.
  if not p_terms -> 0 ? 'forms' then
    select jsonb_agg(term || jsonb_build_object(
        'word', number, 'way', 0, 'forms', jsonb_build_array(term -> 'asked')))
      into p_terms from jsonb_array_elements(p_terms) with ordinality as _(term, number);
  end if;
  select exists (select 1 from public.session_logs where terms is null)
    or exists (select 1 from public.session_logs where cut is distinct from genpy.cut())
    or exists (select 1 from public.sessions where search is null)
    or exists (select 1 from public.sessions where cut is distinct from genpy.cut()) into waiting;

  if p_titles and p_session_id is null then
    for candidate in
      select s.session_id, coalesce(s.title, 'Untitled') as title, kind.name, (
          select to_jsonb(m) from genpy.messages m
          where m.session_id = s.session_id order by m.id limit 1) as message
      from (values ('title', 't'), ('summary', 's')) kind (name, letter),
        lateral genpy.title_query(left(p_owner, -1) || kind.letter, p_terms) as wanted,
        public.sessions s
      where s.user_id = p_user_id and (
        s.search @@ wanted
        or s.search is null and not exists (
          select 1 from unnest(spelled) word
          where strpos(lower(case kind.letter when 't' then s.title
            else concat_ws(' ', s.summary, s.topics::text) end), word) = 0))
      order by kind.letter desc, s.last_message_id desc limit p_limit
    loop
      continue when candidate.message is null
        or hits @> jsonb_build_array(jsonb_build_object('session_id', candidate.session_id));
      hits := hits || jsonb_build_object(
        'session_id', candidate.session_id, 'message', candidate.message,
        'session_title', candidate.title, 'score', 0, 'coverage', 1, 'terms', 1,
        'found_in', candidate.name, 'before', null, 'after', null);
    end loop;
  end if;

  for candidate in
    with known as materialized (
      select * from genpy.held_forms(p_owner, p_terms, documents, span, last)
    ), every as materialized (
      select genpy.every_word(p_owner, p_terms, '{}', true) as as_asked,
        genpy.every_word(p_owner, p_terms, (
          select jsonb_object_agg(asked, terms) from (
            select asked, string_agg('(' || term::text || ')', ' | ') as terms
            from known group by asked) _), false) as any_form
    ), rare as materialized (
      select id, sum(worth) as worth
      from (select unnest(ids) as id, worth from known where so_far <= most) r
      where (p_before is null or id < p_before) and (p_session_id is null or exists (
        select 1 from public.session_logs m where m.id = r.id and m.session_id = p_session_id))
      group by id
    ), enough as (
      select coalesce((
        select worth from rare order by worth desc offset counted - 1 limit 1), 0) as worth
    ), all_frequent as (
      select string_agg(term::text, ' | ')::tsquery as term, max(worth) as worth,
        max((select count(*) / 2.0 / (percentile_disc(0.75) within group (order by id)
          - percentile_disc(0.25) within group (order by id) + 1) from unnest(ids) id)) as share
      from known where so_far is null or so_far > most group by asked
    ), frequent as (
      select term, worth, share from all_frequent order by worth desc limit 3
    ), looked_for as (
      select term, worth, share from all_frequent
      union all
      select a.term && b.term, a.worth + b.worth, a.share * b.share
      from frequent a join frequent b on a.term::text < b.term::text
      union all
      select a.term && b.term && c.term, a.worth + b.worth + c.worth, a.share * b.share * c.share
      from frequent a join frequent b on a.term::text < b.term::text
        join frequent c on b.term::text < c.term::text
      union all
      select (select any_form from every), sum(worth), exp(sum(ln(share))) from all_frequent
      having not p_distinct and count(*) = (select count(distinct asked) from known)
    ), places as materialized (
      select id, sum(worth) as worth
      from (
        select * from rare
        union all
        select m.id, l.worth
        from looked_for l, lateral (
          -- Of the newest messages, where enough of them should have the term; else of all that have it.
          with near as materialized (
            select m.id from public.session_logs m
            where p_session_id is null and l.share * span > 2 * counted
              and m.terms @@ (l.term && genpy.newest(least(p_before - 1, last), 1.2 * counted / l.share))
              and (m.id < p_before) is not false  -- not by the index of ids
          )
          (select id from near where (select count(*) from near) >= counted
            order by id desc limit counted)
          union all
          select * from (
            select found.id from (
              select m.id from public.session_logs m
              where m.terms @@ l.term and (select count(*) from near) < counted
                and (p_session_id is null or m.session_id = p_session_id)
                and (p_before is null or m.id < p_before)
              offset 0  -- keeps the planner from reading every message, newest first
            ) found
            order by found.id desc limit counted
          ) _
        ) m
        where l.worth > (select worth from enough)
      ) _
      where id <> all (left_out)
      group by id
    ), lengths as (
      select id, session_id, terms, message, length
      from (
        select m.id, m.session_id, m.terms, m.message,
          greatest(m.words, length(m.terms) - 7)::double precision as length,
          case when p_distinct then row_number() over (
            partition by translate(left(m.message, 64), '0123456789', ''), octet_length(m.message) / 32
            order by p.worth desc, m.id desc) else 0 end as variant
        from (select * from places order by worth desc, id desc limit counted) p
          join public.session_logs m using (id)
        where p_about_records or not m.about_records
      ) _
      where variant <= 12
    ), usual as (
      select greatest(avg(length), 1) as length from lengths
    ), scored as materialized (
      select l.id, l.session_id, l.message, held.score,
        case when p_distinct then 0 when l.terms @@ every.as_asked then 2
          when l.terms @@ every.any_form then 1 else 0 end as whole
      from lengths l, usual, every, lateral (
        select sum(worth * often * 2.2 / (often + 1.2 * (0.65 + 0.35 * l.length / usual.length))) as score
        from (
          select asked, worth, 1.644934 * ts_rank('{1, 1, 1, 1}', l.terms, term) as often
          from known
          where l.terms @@ term
        ) _
      ) held
    ), best as materialized (
      select s.*, translate(lower(s.message), E' \t\r\n', '') as form, near.*
      from (
          select * from scored order by whole desc, score desc, id desc
          limit greatest(160, 2 * p_limit)
        ) s,
        lateral (select
          array(select n.id from public.session_logs n
            where n.session_id = s.session_id and n.id < s.id order by n.id desc limit 2) as earlier,
          array(select n.id from public.session_logs n
            where n.session_id = s.session_id and n.id > s.id order by n.id limit 2) as later) near
    ), added as (
      select n.id, n.session_id, n.message, coalesce(p.worth, 0) as score, 0 as whole,
        translate(lower(concat(n.message,
          (select string_agg(b.message, '' order by b.id) from best b
            where b.id in (near.earlier[1], near.later[1])))), E' \t\r\n', '') as form,
        near.earlier, near.later
      from (
          select distinct unnest(array[earlier[1], later[1]]) as id
          from (
            select * from (select distinct on (form) * from best order by form, score desc, id desc) _
            order by score desc, id desc limit 2 * p_limit
          ) _
        ) beside
        join public.session_logs n using (id)
        left join places p using (id),
        lateral (select
          array(select m.id from public.session_logs m
            where m.session_id = n.session_id and m.id < n.id order by m.id desc limit 2) as earlier,
          array(select m.id from public.session_logs m
            where m.session_id = n.session_id and m.id > n.id order by m.id limit 2) as later) near
      where p_distinct and n.id not in (select id from best) and n.id <> all (left_out)
        and n.terms is not null and (p_before is null or n.id < p_before)
        and (p_about_records or not n.about_records)
    ), pool as materialized (
      select * from best union all select * from added
    ), worths as (
      select id, score from scored
      union all
      select p.id, p.worth from places p where not exists (select 1 from scored s where s.id = p.id)
    ), lent as (
      select o.id, sum(o.share * w.score) as score
      from (
        select id, unnest(earlier || later) as other,
          unnest(array_fill(0.4, array[least(cardinality(earlier), 1)])
            || array_fill(0.1, array[greatest(cardinality(earlier) - 1, 0)])
            || array_fill(0.4, array[least(cardinality(later), 1)])
            || array_fill(0.1, array[greatest(cardinality(later) - 1, 0)])) as share
        from pool
      ) o join worths w on w.id = o.other
      group by o.id
    ), beside as (
      select p.*, p.score + coalesce(l.score, 0) as lent from pool p left join lent l using (id)
    ), sessions as (
      select session_id, 0.25 * sum(lent) as boost
      from (select session_id, lent,
          row_number() over (partition by session_id order by lent desc) as place
        from beside) _
      where place <= 3 group by session_id
    )
    select id, before, after, form,
      case when p_distinct then best_of_form else score end as score,
      (select array_agg(term) from known) as held, (select array_agg(weight) from known) as weights,
      (select array_agg(asked) from known) as asked
    from (
      select f.*, max(score) over (partition by form) as best_of_form,
        row_number() over (partition by form order by id desc) as newest
      from (
        select b.id, b.whole, b.earlier[1] as before, b.later[1] as after,
          b.lent + s.boost as score, b.form
        from beside b join sessions s using (session_id)
      ) f
    ) _
    where not p_distinct or newest = 1
    order by whole desc, score desc, id desc
  loop
    held := candidate.held;
    weights := candidate.weights;
    known_asked := candidate.asked;
    exit when cardinality(taken) >= p_limit;
    if p_distinct then
      continue when candidate.id = any (shown);
      variants := variants || translate(candidate.form, '0123456789', '');
      continue when (
        select count(*) from unnest(variants) v
        where v = translate(candidate.form, '0123456789', '')) > 3;
    end if;
    taken := taken || candidate.id;
    shown := shown || array[candidate.id, candidate.before, candidate.after];
    chosen := chosen || jsonb_build_object('id', candidate.id, 'before', candidate.before,
      'after', candidate.after, 'score', candidate.score);
  end loop;

  if waiting and cardinality(spelled) > 0 then
    select chosen || coalesce(jsonb_agg(to_jsonb(w)), '[]') into chosen
    from (
      select m.id, (select max(id) from public.session_logs n
          where n.session_id = m.session_id and n.id < m.id) as before,
        (select min(id) from public.session_logs n
          where n.session_id = m.session_id and n.id > m.id) as after,
        0 as score
      from (
        select m.* from public.session_logs m join public.sessions s using (session_id)
        where m.terms is null and s.user_id = p_user_id
          and (p_session_id is null or m.session_id = p_session_id)
          and (p_before is null or m.id < p_before) and m.id <> all (left_out)
        order by m.id desc limit 20000
      ) m
      where exists (select 1 from unnest(spelled) word where strpos(lower(m.message), word) > 0)
      order by m.id desc limit p_limit
    ) w;
  end if;

  return jsonb_build_object('waiting', waiting, 'hits', hits || coalesce((
    select jsonb_agg(jsonb_build_object(
      'message', (select to_jsonb(n) from genpy.messages n where n.id = m.id),
      'session_title', coalesce(s.title, 'Untitled'),
      'score', hit.score,
      'coverage', case when m.terms is null then 1 else covered.share end,
      'terms', case when m.terms is null then 1 else covered.terms end,
      'found_in', 'message',
      'before', (select to_jsonb(n) from genpy.messages n where n.id = b.id),
      'after', (select to_jsonb(n) from genpy.messages n where n.id = a.id)
    ) order by hit.place)
    from (
      select place, (value ->> 'id')::bigint as id, (value ->> 'before')::bigint as before,
        (value ->> 'after')::bigint as after, (value ->> 'score')::double precision as score
      from jsonb_array_elements(chosen) with ordinality as _(value, place)
    ) hit
      join public.session_logs m on m.id = hit.id
      join public.sessions s on s.session_id = m.session_id and s.user_id = p_user_id
      left join public.session_logs b on b.id = hit.before and b.id <> all (left_out)
        and (p_before is null or b.id < p_before)
        and (p_about_records or not b.about_records)
      left join public.session_logs a on a.id = hit.after and a.id <> all (left_out)
        and (p_before is null or a.id < p_before)
        and (p_about_records or not a.about_records)
      cross join lateral (
        select sum(least(found, least_way)) / nullif(sum(least_way), 0) as share,
          coalesce(sum(terms), 0) as terms
        from (
          select word, max(found) as found, max(terms) as terms, min(weight) as least_way
          from (
            select word, way, sum(coalesce(k.weight, unknown)) as weight,
              coalesce(sum(k.weight) filter (where k.here), 0) as found,
              count(*) filter (where k.here) as terms
            from jsonb_to_recordset(p_terms) as w(word integer, way integer, asked text)
              left join (
                select asked, max(weight) as weight, bool_or(
                  coalesce(m.terms @@ term or b.terms @@ term or a.terms @@ term, false)) as here
                from unnest(known_asked, held, weights) as _(asked, term, weight) group by asked
              ) k using (asked)
            group by word, way
          ) _ group by word
        ) _
      ) covered
  ), '[]'));
end
$$;

-- What is not indexed yet: rows of earlier versions and of other programs, and sessions whose title
-- or summary changed; for a server that cuts words as this version does, what others cut as well. The
-- server cuts the texts into terms and writes them back.
drop function if exists public.genpy_unindexed(integer);
create or replace function public.genpy_unindexed(p_limit integer, p_cut smallint default null)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'messages', (
      select coalesce(jsonb_agg(to_jsonb(m) || jsonb_build_object('user_id', s.user_id)), '[]')
      from (
        (select id from public.session_logs where terms is null order by id desc limit p_limit)
        union
        (select id from public.session_logs
          where p_cut = genpy.cut() and cut is distinct from genpy.cut()
          order by id desc limit p_limit)
        order by id desc limit p_limit) l
        join genpy.messages m using (id) join public.sessions s using (session_id)),
    'sessions', (
      select coalesce(jsonb_agg(jsonb_build_object('session_id', session_id, 'user_id', user_id,
        'title', title, 'summary', summary, 'topics', topics)), '[]')
      from (
        (select id from public.sessions where search is null order by id desc limit p_limit)
        union
        (select id from public.sessions
          where p_cut = genpy.cut() and cut is distinct from genpy.cut()
          order by id desc limit p_limit)
        order by id desc limit p_limit) l
        join public.sessions s using (id)))
$$;

create or replace function public.genpy_index(p_messages jsonb, p_sessions jsonb)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.session_logs m
    set terms = i.terms::tsvector, about_records = i.about_records, cut = i.cut
    from jsonb_to_recordset(p_messages) as i(
      id bigint, terms text, about_records boolean, cut smallint)
    where m.id = i.id;
  update public.sessions s set search = i.search::tsvector, cut = i.cut
    from jsonb_to_recordset(p_sessions) as i(
      session_id uuid, search text, title text, summary text, topics jsonb, cut smallint)
    where s.session_id = i.session_id
      and (s.title, s.summary, s.topics) is not distinct from (i.title, i.summary, i.topics);
  return 'true';
end
$$;

-- Sessions ----------------------------------------------------------------------------------------

create or replace function public.genpy_session(p_user_id text, p_session_id uuid)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select to_jsonb(s) from genpy.sessions s where s.session_id = p_session_id and s.user_id = p_user_id
$$;

create or replace function public.genpy_sessions(
  p_user_id text, p_limit integer, p_before bigint, p_status text, p_query text, p_id_prefix text,
  p_since text, p_until text
) returns jsonb language sql stable security invoker set search_path = '' set timezone = 'UTC' as $$
  with page as (
    select session_id, last_message_id from public.sessions
    where user_id = p_user_id
      and (p_before is null or last_message_id < p_before)
      and (p_status is null or (status = 'active') = (p_status = 'active'))
      and (p_id_prefix is null or starts_with(session_id::text, lower(p_id_prefix)))
      and (p_since is null and p_until is null or exists (
        select 1 from public.session_logs m
        where m.session_id = sessions.session_id
          and (p_since is null or m.created_at >= p_since::timestamptz)
          and (p_until is null or m.created_at < p_until::timestamptz)))
      and (
        p_query is null
        or strpos(lower(title), lower(p_query)) > 0
        or strpos(lower(summary), lower(p_query)) > 0
        or exists (
          select 1 from jsonb_array_elements_text(
            case jsonb_typeof(topics) when 'array' then topics else '[]' end) topic
          where strpos(lower(topic), lower(p_query)) > 0))
    order by last_message_id desc limit p_limit
  )
  select coalesce(jsonb_agg(to_jsonb(s) order by s.last_message_id desc), '[]')
  from genpy.sessions s join page using (session_id)
$$;

create or replace function public.genpy_rename(p_user_id text, p_session_id uuid, p_title text)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set title = p_title
    where session_id = p_session_id and user_id = p_user_id;
  return public.genpy_session(p_user_id, p_session_id);
end
$$;

create or replace function public.genpy_configure(
  p_user_id text, p_session_id uuid, p_settings jsonb
) returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set settings = p_settings, updated_at = clock_timestamp()
    where session_id = p_session_id and user_id = p_user_id;
  return public.genpy_session(p_user_id, p_session_id);
end
$$;

create or replace function public.genpy_rate(p_user_id text, p_session_id uuid, p_rating integer)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set user_rating = p_rating, rated_at = clock_timestamp()
    where session_id = p_session_id and user_id = p_user_id;
  return public.genpy_session(p_user_id, p_session_id);
end
$$;

create or replace function public.genpy_delete(p_user_id text, p_session_id uuid)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  delete from public.sessions where session_id = p_session_id and user_id = p_user_id;
  return to_jsonb(found);
end
$$;

-- The end of a session ----------------------------------------------------------------------------

do $$
begin
  if exists (select 1 from pg_catalog.pg_proc
    where pronamespace = 'public'::regnamespace and proname = 'genpy_touch'
      and 'p_session_ids' = any (proargnames)) then
    drop function if exists public.genpy_touch(jsonb, double precision, text);
  end if;
end
$$;
drop function if exists
  genpy.is_gone(text),
  public.genpy_touch(jsonb, double precision),
  public.genpy_abandoned(integer),
  public.genpy_interrupted(integer),
  public.genpy_claim_ending(text, uuid, text, double precision, boolean, boolean),
  public.genpy_claim_ending(text, uuid, text, double precision, boolean, boolean, text),
  public.genpy_claim_ending(text, uuid, text, double precision, boolean, boolean, boolean, text),
  public.genpy_release_ending(text, uuid, text);

-- A server that is not in genpy.servers is gone. One whose time is over is late: it may come back.
create or replace function genpy.has_left(p_server text) returns boolean
language sql stable set search_path = '' as $$
  select p_server is not null and not exists (select 1 from genpy.servers where id = p_server)
$$;

create or replace function genpy.is_late(p_server text) returns boolean
language sql stable set search_path = '' as $$
  select exists (
    select 1 from genpy.servers where id = p_server and alive_until <= clock_timestamp())
$$;

-- Whether another server hosts a session too.
create or replace function genpy.is_elsewhere(p_session_id uuid, p_server text) returns boolean
language sql stable set search_path = '' as $$
  select exists (select 1 from genpy.hosts
    where session_id = p_session_id and server <> p_server
      and (until > clock_timestamp() or genpy.is_late(server)))
$$;

-- Whether a server that is gone left something in a session; see genpy_take_over.
create or replace function genpy.left_behind(p_session_id uuid) returns boolean
language sql stable set search_path = '' as $$
  select exists (select 1 from genpy.reply_journal
      where session_id = p_session_id and genpy.has_left(server))
    or exists (select 1 from public.session_logs
      where session_id = p_session_id and pending_server is not null
        and genpy.has_left(pending_server))
$$;

-- `p_known` has the `known_state` of each session, see stores/base.py. Returns those that have another
-- one, those that are deleted, those that another server hosts too, and those in which one left something.
create or replace function public.genpy_touch(
  p_known jsonb, p_live_seconds double precision, p_server text
) returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  ids uuid[] := array(select key::uuid from jsonb_object_keys(p_known) key);
begin
  perform genpy.record(p_server, p_live_seconds);
  -- Locked in one order, so that two servers never wait for each other.
  perform 1 from public.sessions where session_id = any (ids) order by id for no key update;
  update public.sessions
    set live_until = clock_timestamp() + p_live_seconds * interval '1 second',
      hosted_by = coalesce(nullif(p_server, ''), hosted_by)
    where session_id = any (ids);
  delete from genpy.hosts
    where session_id = any (ids) and until < clock_timestamp() and not genpy.is_late(server);
  insert into genpy.hosts (session_id, server, until)
    select session_id, p_server, clock_timestamp() + p_live_seconds * interval '1 second'
    from public.sessions where session_id = any (ids) and p_server <> ''
    on conflict (session_id, server) do update set until = excluded.until;
  return (
    select coalesce(jsonb_agg(to_jsonb(h)), '[]')
    from (
      select k.key as session_id, s.session_id is null and k.value <> '' as deleted,
        genpy.is_elsewhere(k.key::uuid, p_server) as elsewhere,
        genpy.left_behind(k.key::uuid) as left,
        case when state.changed then to_jsonb(s) end as session,
        case when state.changed then public.genpy_memory(s.user_id, s.session_id) end as memory
      from jsonb_each_text(p_known) k
        left join genpy.sessions s on s.session_id = k.key::uuid
        left join public.sessions m on m.session_id = s.session_id
        cross join lateral (select s.session_id is not null and k.value <> concat_ws(' ',
          s.updated_at, s.last_message_id, s.status, coalesce(s.user_rating, 0), s.title,
          md5(coalesce(m.memory_upto || ' ' || m.memory, ''))) as changed) state
    ) h
    where h.deleted or h.elsewhere or h.left or h.session is not null);
end
$$;

create or replace function public.genpy_attach(
  p_user_id text, p_session_id uuid, p_limit integer, p_live_seconds double precision, p_server text
) returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  hosting jsonb := public.genpy_hosting(p_user_id, p_session_id);
begin
  if exists (
    select 1 from public.sessions where session_id = p_session_id and user_id = p_user_id
  ) then
    perform public.genpy_touch(
      jsonb_build_object(p_session_id, ''), p_live_seconds, p_server);
  end if;
  return jsonb_build_object(
    'session', public.genpy_session(p_user_id, p_session_id),
    'messages', public.genpy_messages(p_user_id, p_session_id, p_limit, null, null),
    'memory', public.genpy_memory(p_user_id, p_session_id),
    'hosting', hosting,
    'elsewhere', genpy.is_elsewhere(p_session_id, p_server),
    'left', genpy.left_behind(p_session_id) or exists (
      select 1 from public.session_logs
      where session_id = p_session_id and pending_server is not null
        and pending_server = nullif(p_server, '')));
end
$$;

create or replace function public.genpy_abandoned(
  p_limit integer, p_users jsonb, p_never_hosted boolean
) returns jsonb language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(user_id, session_id) order by last_message_id), '[]')
  from (
    select user_id, session_id, last_message_id from public.sessions
    where status = 'active' and last_message_id > 0
      and user_id in (select jsonb_array_elements_text(p_users))
      and (live_until < clock_timestamp() or live_until is null and p_never_hosted)
      and (ending_until is null or ending_until <= clock_timestamp()
        or genpy.has_left(ending_server))
    order by last_message_id limit p_limit
  ) found
$$;

-- An empty token is that of an end whose next attempt is to wait. A claim that is repeated after its
-- answer was lost counts once. Returns the number of the attempt, and what was said.
create or replace function public.genpy_claim_ending(
  p_user_id text, p_session_id uuid, p_token text, p_lease_seconds double precision,
  p_abandoned_only boolean, p_again boolean, p_leaving boolean, p_server text, p_messages integer
) returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  attempt integer;
  said jsonb;
begin
  if p_leaving then
    -- One server after the other, so that of those that leave at the same time the last one ends it.
    perform 1 from public.sessions where session_id = p_session_id for no key update;
    delete from genpy.hosts where session_id = p_session_id and server = p_server;
    if genpy.is_elsewhere(p_session_id, p_server) then
      return 'null';
    end if;
  end if;
  update public.sessions set
      ending_attempts = least(ending_attempts, 2147483646)
        + (ending_token is distinct from p_token)::integer,
      ending_token = p_token,
      ending_until = clock_timestamp() + p_lease_seconds * interval '1 second',
      ending_server = nullif(p_server, ''),
      hosted_by = case when p_abandoned_only then hosted_by end
    where session_id = p_session_id and user_id = p_user_id and (status = 'active' or p_again)
      and (ending_token is null or ending_token = p_token or ending_until <= clock_timestamp()
        or genpy.has_left(ending_server) or ending_token = '' and not p_abandoned_only)
      and (not p_abandoned_only or live_until is null or live_until < clock_timestamp())
      and not (p_abandoned_only and genpy.is_elsewhere(p_session_id, p_server))
    returning ending_attempts into attempt;
  if attempt is null then
    return '{"attempt": null}';
  end if;
  perform genpy.record(p_server, p_lease_seconds);  -- the right of one that is not is anybody's
  if p_messages > 0 then
    begin
      said := jsonb_build_object(
        'metrics', public.genpy_metrics(p_user_id, p_session_id),
        'messages', public.genpy_messages(p_user_id, p_session_id, p_messages, null, null),
        'memory', public.genpy_memory(p_user_id, p_session_id),
        'first', (select message from public.session_logs
          where session_id = p_session_id order by id limit 1));
    exception when others then
      null;  -- a row that cannot be counted is no reason to keep a session from its end
    end;
  end if;
  return jsonb_build_object('attempt', attempt, 'said', said);
end
$$;

create or replace function public.genpy_finish_ending(
  p_user_id text, p_session_id uuid, p_token text, p_result jsonb
) returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set
      status = 'completed', end_time = clock_timestamp(), updated_at = clock_timestamp(),
      ending_token = null, ending_until = null, ending_server = null, ending_attempts = 0,
      summary = p_result ->> 'summary', note = p_result ->> 'note',
      topics = p_result -> 'topics', sentiment = p_result ->> 'sentiment',
      key_outcomes = (p_result -> 'outcomes')::text, metrics = p_result -> 'metrics',
      title = case when p_result ->> 'title' <> '' and title = p_result ->> 'title_before'
        then p_result ->> 'title' else title end,
      search = case when title = p_result ->> 'title_before'
        then (p_result ->> 'search')::tsvector end
    where session_id = p_session_id and user_id = p_user_id
      and ending_token = p_token and ending_until > clock_timestamp();
  return case when found then public.genpy_session(p_user_id, p_session_id) end;
end
$$;

create or replace function public.genpy_release_ending(
  p_user_id text, p_session_id uuid, p_token text, p_wait_seconds double precision default 0
) returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set
      ending_token = case when p_wait_seconds > 0 then '' end,
      ending_until = case when p_wait_seconds > 0
        then clock_timestamp() + p_wait_seconds * interval '1 second' end,
      ending_server = null
    where session_id = p_session_id and user_id = p_user_id and ending_token = p_token;
  return to_jsonb(found);
end
$$;

-- Servers, and the replies in progress that they leave behind ----------------------------------------

create or replace function public.genpy_secret()
returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object('secret', secret) from genpy.installation
$$;

create or replace function public.genpy_beat(p_server text, p_alive_seconds double precision)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  if p_alive_seconds > 0 then
    insert into genpy.servers as s (id, alive_until)
      values (p_server, clock_timestamp() + p_alive_seconds * interval '1 second')
      on conflict (id) do update set alive_until = excluded.alive_until;
  else
    delete from genpy.servers where id = p_server;
    delete from genpy.hosts where server = p_server;
  end if;
  return (select coalesce(jsonb_object_agg(id, alive_until <= clock_timestamp()), '{}')
    from genpy.servers where id <> p_server);
end
$$;

create or replace function public.genpy_journal(p_server text, p_pieces jsonb)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  insert into genpy.reply_journal as j
      (run, position, session_id, reply_to, message, metadata, server)
    select piece ->> 'run', (piece ->> 'position')::integer, s.session_id,
      (piece ->> 'reply_to')::bigint, piece ->> 'text', piece -> 'meta', p_server
    from jsonb_array_elements(p_pieces) piece
    join public.sessions s on s.session_id = (piece ->> 'session_id')::uuid
    where not exists (
      select 1 from public.session_logs m
      where m.session_id = s.session_id and m.client_id = piece ->> 'run')
    order by s.id
    on conflict (run, position) do update
      set message = excluded.message, metadata = excluded.metadata, server = excluded.server;
  return to_jsonb(found);
end
$$;

-- What servers that are gone left in a session: the replies as far as they came, and with `p_server` the
-- questions that nobody began to answer, which wait there from now on.
create or replace function public.genpy_take_over(
  p_user_id text, p_session_id uuid, p_server text
) returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  perform 1 from public.sessions
    where session_id = p_session_id and user_id = p_user_id for no key update;
  if not found then
    return '{"replies": [], "questions": []}';
  end if;
  if p_server <> '' then
    update public.session_logs set pending_server = p_server
      where session_id = p_session_id and pending_server is not null
        and genpy.has_left(pending_server)
        and id not in (select reply_to from genpy.reply_journal where session_id = p_session_id);
  end if;
  return jsonb_build_object(
    'replies', (
      select coalesce(jsonb_agg(to_jsonb(r) order by r.reply_to, r.run), '[]')
      from (
        select run, reply_to, string_agg(message, '' order by position) as text,
          (array_agg(metadata order by position desc))[1] as meta
        from genpy.reply_journal
        where session_id = p_session_id and genpy.has_left(server)
        group by run, reply_to
      ) r),
    'questions', (
      select coalesce(jsonb_agg(to_jsonb(m) order by m.id), '[]') from genpy.messages m
      where m.id in (
        select id from public.session_logs where session_id = p_session_id
          and pending_server is not null and pending_server = nullif(p_server, ''))));
end
$$;

-- Servers of version 14 and before ask this instead. They answer what waits without claiming it: where
-- such a server and one of this version open a session at the same time, a question may get two replies,
-- of which the newest counts.
create or replace function public.genpy_hosting(p_user_id text, p_session_id uuid)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'server', hosted_by,
    'alive', hosted_by is not null and not genpy.has_left(hosted_by) and not genpy.is_late(hosted_by),
    'replies', public.genpy_take_over(p_user_id, p_session_id, '') -> 'replies')
  from public.sessions where session_id = p_session_id and user_id = p_user_id
  union all
  select '{"server": null, "alive": false, "replies": []}'
  where not exists (
    select 1 from public.sessions where session_id = p_session_id and user_id = p_user_id)
$$;

create or replace function public.genpy_interrupted(p_limit integer, p_users jsonb)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_array(user_id, session_id)), '[]')
  from (
    select distinct s.user_id, s.session_id
    from genpy.reply_journal j join public.sessions s using (session_id)
    where (genpy.has_left(j.server) or genpy.is_late(j.server)) and s.user_id in (select jsonb_array_elements_text(p_users))
    limit p_limit
  ) found
$$;

-- Memory ------------------------------------------------------------------------------------------

create or replace function public.genpy_memory(p_user_id text, p_session_id uuid)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object('text', memory, 'upto', memory_upto) from public.sessions
  where session_id = p_session_id and user_id = p_user_id and memory is not null
$$;

drop function if exists public.genpy_extend_memory(text, uuid, text, bigint, bigint);

create or replace function public.genpy_extend_memory(
  p_user_id text, p_session_id uuid, p_text text, p_upto bigint, p_previous_upto bigint,
  p_previous_text text
) returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  update public.sessions set memory = p_text, memory_upto = p_upto
    where session_id = p_session_id and user_id = p_user_id
      and memory is not distinct from p_previous_text
      and (memory is null or memory_upto = p_previous_upto);
  return to_jsonb(found);
end
$$;

-- Tools that a user allowed for good --------------------------------------------------------------

create or replace function public.genpy_approved_tools(p_user_id text)
returns jsonb language sql stable security invoker set search_path = '' as $$
  select coalesce(jsonb_agg(jsonb_build_object('name', name, 'digest', digest, 'at',
    to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by name), '[]')
  from genpy.tool_approvals where user_id = p_user_id
$$;

create or replace function public.genpy_approve_tool(p_user_id text, p_name text, p_digest text)
returns jsonb language sql security invoker set search_path = '' as $$
  insert into genpy.tool_approvals (user_id, name, digest) values (p_user_id, p_name, p_digest)
    on conflict (user_id, name) do update
    set digest = excluded.digest, created_at = excluded.created_at
  returning 'true'::jsonb
$$;

create or replace function public.genpy_revoke_tool(p_user_id text, p_name text)
returns jsonb language plpgsql security invoker set search_path = '' as $$
begin
  delete from genpy.tool_approvals where user_id = p_user_id and name = p_name;
  return to_jsonb(found);
end
$$;

-- Moving ------------------------------------------------------------------------------------------

-- Of two states of one session the one changed last stays; messages are never removed. `reply_to`
-- and `replaces` are put in the terms of this database; returns how many messages were new.
create or replace function public.genpy_import(p_session jsonb, p_messages jsonb)
returns jsonb language plpgsql security invoker set search_path = '' as $$
declare
  target uuid := (p_session ->> 'session_id')::uuid;
  value jsonb;
  meta jsonb;
  key text;
  stored bigint;
  ids jsonb := '{}';
  added integer := 0;
begin
  perform genpy.pass_taken_ids();
  insert into public.sessions as s (
      session_id, user_id, status, start_time, end_time, created_at, updated_at, title, summary,
      note, topics, sentiment, key_outcomes, metrics, user_rating, rated_at, settings)
    values (
      target, p_session ->> 'user_id', p_session ->> 'status',
      (p_session ->> 'start_time')::timestamptz, (p_session ->> 'end_time')::timestamptz,
      (p_session ->> 'start_time')::timestamptz, (p_session ->> 'updated_at')::timestamptz,
      p_session ->> 'title', p_session ->> 'summary', p_session ->> 'note', p_session -> 'topics',
      p_session ->> 'sentiment', (p_session -> 'key_outcomes')::text,
      coalesce(nullif(p_session -> 'metrics', 'null'), '{}'), (p_session ->> 'user_rating')::integer,
      (p_session ->> 'rated_at')::timestamptz, coalesce(nullif(p_session -> 'settings', 'null'), '{}'))
    on conflict (session_id) do update set
      status = excluded.status, start_time = excluded.start_time, end_time = excluded.end_time,
      updated_at = excluded.updated_at, title = excluded.title, summary = excluded.summary,
      note = excluded.note, topics = excluded.topics, sentiment = excluded.sentiment,
      key_outcomes = excluded.key_outcomes, metrics = excluded.metrics,
      user_rating = excluded.user_rating, rated_at = excluded.rated_at,
      settings = excluded.settings
    where s.user_id = excluded.user_id and s.updated_at < excluded.updated_at;
  perform 1 from public.sessions
    where session_id = target and user_id = p_session ->> 'user_id' for update;
  if not found then
    return '{"refused": "not_found"}';
  end if;

  for value in select * from jsonb_array_elements(p_messages) loop
    -- Planned each time: a plan from when the table was empty reads all of the session.
    execute 'select id from public.session_logs where session_id = $1 and uid = $2'
      into stored using target, (value ->> 'uid')::uuid;
    if stored is null and value ->> 'client_id' is not null then
      execute 'select id from public.session_logs where session_id = $1 and client_id = $2'
        into stored using target, value ->> 'client_id';
    end if;
    if stored is null then
      meta := value -> 'meta';
      foreach key in array array['reply_to', 'replaces'] loop
        if meta ? key then
          meta := case when ids ? (meta ->> key)
            then jsonb_set(meta, array[key], ids -> (meta ->> key))
            else meta - key end;
        end if;
      end loop;
      insert into public.session_logs
          (session_id, event_type, message, metadata, created_at, client_id, uid, words, terms,
            about_records, cut)
        values (
          target, value ->> 'event_type', value ->> 'text', meta, (value ->> 'at')::timestamptz,
          value ->> 'client_id', (value ->> 'uid')::uuid, (value ->> 'words')::integer,
          (value ->> 'terms')::tsvector, (value ->> 'about_records')::boolean,
          (value ->> 'cut')::smallint)
        returning id into stored;
      added := added + 1;
    end if;
    ids := ids || jsonb_build_object(value ->> 'id', stored);
  end loop;

  if added > 0 then
    update public.sessions set ending_token = null, ending_until = null where session_id = target;
  end if;
  return jsonb_build_object('added', added);
end
$$;

-- What the server asks when it starts, and for /health; the version rises with this file.
create or replace function public.genpy_version()
returns jsonb language sql stable security invoker set search_path = '' as $$ select '19'::jsonb $$;

create or replace function public.genpy_check()
returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'version', public.genpy_version(),
    'sessions', count(*), 'messages', coalesce(sum(message_count), 0),
    'users', count(distinct user_id),
    'unindexed', (select count(*) from public.session_logs where terms is null)
      + (select count(*) from public.session_logs
          where cut is distinct from genpy.cut() and terms is not null))
  from public.sessions
$$;

-- Who may do what ---------------------------------------------------------------------------------

-- The publishable key and users who sign in see and change nothing, not even an estimate of how many
-- rows there are. The secret key (service_role) is above row level security; GenPy puts the owner into
-- every query.
do $$
declare
  old record;
  routine regprocedure;
begin
  for old in
    select policyname, tablename from pg_catalog.pg_policies
    where schemaname = 'public' and tablename in ('sessions', 'session_logs')
  loop
    perform genpy.ensure(false, format('drop policy %I on public.%I', old.policyname, old.tablename));
  end loop;
  for routine in
    select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname like 'genpy\_%'
  loop
    execute format('revoke all on function %s from public, anon, authenticated', routine);
    execute format('grant execute on function %s to service_role', routine);
  end loop;
end
$$;

select genpy.ensure(
  (select relrowsecurity and relforcerowsecurity from pg_catalog.pg_class
    where oid = ('public.' || name)::regclass),
  format('alter table public.%1$I enable row level security;
    alter table public.%1$I force row level security', name))
from (values ('sessions'), ('session_logs')) _ (name);

revoke all on public.sessions, public.session_logs from public, anon, authenticated;
revoke all on sequence public.sessions_id_seq, public.session_logs_id_seq
  from public, anon, authenticated;
grant all on public.sessions, public.session_logs to service_role;
grant all on sequence public.sessions_id_seq, public.session_logs_id_seq to service_role;

revoke all on schema genpy from public, anon, authenticated;
revoke all on all functions in schema genpy from public, anon, authenticated;
grant execute on all functions in schema genpy to service_role;
grant select on all tables in schema genpy to service_role;
grant insert, update, delete on genpy.servers, genpy.hosts, genpy.reply_journal,
  genpy.tool_approvals to service_role;

notify pgrst, 'reload schema';
