do $assay$ begin if to_regnamespace('assay') is null then create schema if not exists assay; end if; end $assay$;
revoke all on schema assay from public;
create table if not exists assay.format (
  format integer primary key,
  made_by text not null,
  made_at timestamptz not null default clock_timestamp()
);
create table if not exists assay.runs (
  run_id uuid primary key,
  project text not null,
  target text not null,
  published_schema text not null,
  command text not null,
  as_of timestamptz,
  host text not null,
  pid integer not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  status text not null default 'running' check (status in ('running', 'success', 'error', 'cancelled', 'crashed'))
);
create table if not exists assay.versions (
  version_id bigint generated always as identity primary key,
  published_schema text not null,
  model text not null,
  node_id text not null,
  version_name text not null,
  kind text not null check (kind in ('table', 'view')),
  definition text not null,
  run_id uuid not null references assay.runs,
  state text not null check (state in ('candidate', 'certified', 'published', 'retired', 'failed', 'dropped')),
  created_at timestamptz not null default clock_timestamp(),
  rows bigint,
  unique (published_schema, version_name)
);
create unique index if not exists versions_one_published on assay.versions (published_schema, model) where state = 'published';
create table if not exists assay.certificates (
  certificate_id bigint generated always as identity primary key,
  version_id bigint not null references assay.versions,
  run_id uuid not null references assay.runs,
  scope text not null check (scope in ('version', 'delta')),
  certified_at timestamptz not null default clock_timestamp(),
  tests_passed integer not null,
  tests_warned integer not null,
  rows bigint,
  data_as_of timestamptz,
  tests jsonb not null,
  -- How fresh the sources were.
  sources jsonb not null default '[]',
  expires_at timestamptz
);
create index if not exists certificates_version on assay.certificates (version_id, certificate_id);
create table if not exists assay.publications (
  publication_id bigint generated always as identity primary key,
  published_schema text not null,
  model text not null,
  version_id bigint not null references assay.versions,
  run_id uuid not null references assay.runs,
  action text not null check (action in ('publish', 'delta', 'rollback')),
  published_at timestamptz not null default clock_timestamp(),
  -- Against what readers saw before; null where that was not compared.
  rows_added bigint,
  rows_changed bigint,
  rows_removed bigint
);
alter table assay.publications add column if not exists rows_added bigint, add column if not exists rows_changed bigint,
  add column if not exists rows_removed bigint;
create table if not exists assay.node_runs (
  run_id uuid not null references assay.runs,
  node_id text not null,
  status text not null,
  seconds double precision not null,
  finished_at timestamptz not null default clock_timestamp(),
  primary key (run_id, node_id)
);
create table if not exists assay.locks (
  published_schema text primary key,
  run_id uuid not null,
  command text not null,
  host text not null,
  pid integer not null,
  since timestamptz not null default clock_timestamp()
);
create table if not exists assay.readers (
  published_schema text not null,
  role text not null,
  since timestamptz not null default clock_timestamp(),
  primary key (published_schema, role)
);
-- What ledgers of an older format lack.
alter table assay.publications add column if not exists rows_added bigint;
alter table assay.publications add column if not exists rows_changed bigint;
alter table assay.publications add column if not exists rows_removed bigint;
alter table assay.certificates add column if not exists sources jsonb not null default '[]';
alter table assay.certificates add column if not exists expires_at timestamptz;
