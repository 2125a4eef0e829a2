-- Raw tables of the experimentation platform. `created_at` is when a row was stored; `events.timestamp` is the
-- client's time and may be far from it.
create schema if not exists exp;

create or replace function exp.touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create table if not exists exp.experiments (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null unique,
  description text,
  status varchar(50) not null default 'draft' check (status in ('draft', 'active', 'paused', 'completed')),
  unit_type varchar(50) not null check (unit_type in ('user', 'household', 'session')),
  start_at timestamptz,
  end_at timestamptz,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table if not exists exp.variants (
  id uuid primary key default gen_random_uuid(),
  experiment_id uuid not null references exp.experiments (id) on delete cascade,
  name varchar(255) not null,
  description text,
  allocation numeric(5, 4) not null check (allocation between 0 and 1),
  config jsonb not null default '{}',
  created_at timestamptz default now(),
  unique (experiment_id, name)
);

create table if not exists exp.assignments (
  id uuid primary key default gen_random_uuid(),
  experiment_id uuid not null references exp.experiments (id) on delete cascade,
  variant_id uuid not null references exp.variants (id) on delete cascade,
  unit_type varchar(50) not null check (unit_type in ('user', 'household', 'session')),
  unit_id varchar(255) not null,
  assigned_at timestamptz default now(),
  created_at timestamptz default now(),
  unique (experiment_id, unit_id)
);

-- The ids in `experiments` are not foreign keys: clients send them.
create table if not exists exp.events (
  id uuid primary key default gen_random_uuid(),
  event_type varchar(100) not null,
  unit_type varchar(50) not null check (unit_type in ('user', 'household', 'session')),
  unit_id varchar(255) not null,
  experiments jsonb not null default '[]',
  context jsonb default '{}',
  metrics jsonb default '{}',
  payload jsonb,
  timestamp timestamptz not null,
  created_at timestamptz default now()
);

create table if not exists exp.metric_aggregates (
  id uuid primary key default gen_random_uuid(),
  experiment_id uuid not null references exp.experiments (id) on delete cascade,
  variant_id uuid not null references exp.variants (id) on delete cascade,
  metric_name varchar(100) not null,
  bucket_type varchar(50) not null check (bucket_type in ('hourly', 'daily')),
  bucket_start timestamptz not null,
  count bigint not null default 0,
  sum numeric(20, 6),
  mean numeric(20, 6),
  min numeric(20, 6),
  max numeric(20, 6),
  stddev numeric(20, 6),
  created_at timestamptz default now(),
  unique (experiment_id, variant_id, metric_name, bucket_type, bucket_start)
);

create table if not exists exp.policies (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null unique,
  description text,
  created_at timestamptz default now()
);

create table if not exists exp.policy_versions (
  id uuid primary key default gen_random_uuid(),
  policy_id uuid not null references exp.policies (id) on delete cascade,
  version integer not null,
  mlflow_model_name varchar(255),
  mlflow_model_version varchar(50),
  config_defaults jsonb not null default '{}',
  status varchar(50) not null default 'active' check (status in ('active', 'deprecated', 'archived')),
  created_at timestamptz default now(),
  unique (policy_id, version)
);

create table if not exists exp.prompts (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null unique,
  description text,
  created_at timestamptz default now()
);

create table if not exists exp.prompt_versions (
  id uuid primary key default gen_random_uuid(),
  prompt_id uuid not null references exp.prompts (id) on delete cascade,
  version integer not null,
  file_path varchar(500),
  model_provider varchar(100),
  model_name varchar(255),
  config_defaults jsonb not null default '{}',
  status varchar(50) not null default 'active' check (status in ('active', 'deprecated', 'archived')),
  created_at timestamptz default now(),
  unique (prompt_id, version)
);

create table if not exists exp.mcp_tools (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null,
  description text,
  server_name varchar(255) not null,
  tool_schema jsonb not null default '{}',
  capabilities jsonb not null default '{}',
  status varchar(50) not null default 'active' check (status in ('active', 'deprecated', 'unavailable')),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (server_name, name)
);

create table if not exists exp.variant_tools (
  id uuid primary key default gen_random_uuid(),
  variant_id uuid not null references exp.variants (id) on delete cascade,
  tool_id uuid not null references exp.mcp_tools (id) on delete cascade,
  enabled boolean not null default true,
  priority integer not null default 0,
  created_at timestamptz default now(),
  unique (variant_id, tool_id)
);

create table if not exists exp.offline_replay_results (
  id uuid primary key default gen_random_uuid(),
  policy_version_id uuid not null references exp.policy_versions (id) on delete cascade,
  dataset_version varchar(255) not null,
  mlflow_run_id varchar(255),
  plan_alignment_score numeric(10, 6),
  constraint_respect_score numeric(10, 6),
  edit_distance_score numeric(10, 6),
  diversity_score numeric(10, 6),
  leftovers_score numeric(10, 6),
  baseline_version_id uuid references exp.policy_versions (id),
  is_better_than_baseline boolean,
  status varchar(50) not null default 'running' check (status in ('running', 'completed', 'failed')),
  error_message text,
  created_at timestamptz default now()
);

create or replace trigger experiments_updated_at before update on exp.experiments
  for each row execute function exp.touch_updated_at();
create or replace trigger mcp_tools_updated_at before update on exp.mcp_tools
  for each row execute function exp.touch_updated_at();

-- After a load:
create index if not exists experiments_status_idx on exp.experiments (status);
create index if not exists experiments_name_idx on exp.experiments (name);
create index if not exists assignments_unit_idx on exp.assignments (unit_type, unit_id);
create index if not exists assignments_experiment_idx on exp.assignments (experiment_id);
create index if not exists events_type_idx on exp.events (event_type);
create index if not exists events_unit_idx on exp.events (unit_type, unit_id);
create index if not exists events_timestamp_idx on exp.events (timestamp);
create index if not exists events_created_idx on exp.events (created_at);
create index if not exists events_experiments_idx on exp.events using gin (experiments);
create index if not exists events_session_idx on exp.events ((context ->> 'session_id'))
  where context ->> 'session_id' is not null;
create index if not exists events_flow_idx on exp.events ((context ->> 'flow_id'))
  where context ->> 'flow_id' is not null;
create index if not exists events_session_time_idx on exp.events ((context ->> 'session_id'), timestamp)
  where context ->> 'session_id' is not null;
