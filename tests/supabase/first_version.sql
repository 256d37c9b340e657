-- The database of GenPy's first version, with what people had written into it.
create table sessions (
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
create table session_logs (
  id bigserial primary key,
  session_id uuid not null references sessions (session_id) on delete cascade,
  event_type text not null check (event_type in ('user', 'ai', 'system')),
  message text not null,
  metadata jsonb default '{}',
  created_at timestamptz not null default now()
);
create index idx_sessions_session_id on sessions (session_id);
create index idx_sessions_user_id on sessions (user_id);
create index idx_sessions_status on sessions (status);
create index idx_sessions_start_time on sessions (start_time desc);
create index idx_session_logs_session_id on session_logs (session_id);
create index idx_session_logs_created_at on session_logs (created_at desc);

create function update_updated_at_column() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end
$$;
create trigger update_sessions_updated_at before update on sessions
  for each row execute function update_updated_at_column();

alter table sessions enable row level security;
create policy "Enable all for everyone" on sessions using (true) with check (true);

insert into sessions (session_id, user_id, status, start_time, end_time, summary, topics,
    sentiment, metrics, user_rating, rated_at, key_outcomes, created_at, updated_at) values
  ('11111111-1111-4111-8111-111111111111', 'old-user', 'completed', '2025-01-02T03:04:05.678Z',
   '2025-01-02T04:00:00Z', 'We talked about penguins.', '["penguins", "ice"]', 'positive',
   '{"message_count": 2, "tools": ["x"]}', 4, '2025-01-02T05:00:00Z', 'A plan was made.',
   '2025-01-02T03:04:05.678Z', '2025-01-02T05:00:00Z'),
  ('22222222-2222-4222-8222-222222222222', 'old-user', 'active', '2025-01-03T00:00:00Z',
   null, null, null, 'mixed', null, null, null, null,
   '2025-01-03T00:00:00Z', '2025-01-03T00:00:00Z'),
  ('33333333-3333-4333-8333-333333333333', 'other-user', 'ended', '2025-01-04T00:00:00Z',
   null, null, '{"a": 1}', null, '[]', null, null, null,
   '2025-01-04T00:00:00Z', '2025-01-04T00:00:00Z');
insert into session_logs (session_id, event_type, message, metadata, created_at) values
  ('11111111-1111-4111-8111-111111111111', 'user', 'Where do penguins   swim?', '{}',
   '2025-01-02T03:04:05.678Z'),
  ('11111111-1111-4111-8111-111111111111', 'ai', 'In the cold south.',
   '{"model": "old-model", "intent": "casual_chat", "extra": [1, 2]}', '2025-01-02T03:04:07Z'),
  ('22222222-2222-4222-8222-222222222222', 'system', 'Session started', null,
   '2025-01-03T00:00:00Z'),
  ('22222222-2222-4222-8222-222222222222', 'user', 'Hello there', '[1]', '2025-01-03T00:00:01Z');
