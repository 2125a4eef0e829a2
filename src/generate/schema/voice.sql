-- Raw tables of the voice assistant, as its exports deliver them: no foreign keys and no checks, because the exports
-- break them. `ingested_at` is when a row was loaded.
create schema if not exists voice_raw;

create table if not exists voice_raw.users (
  user_id text primary key,
  region text,
  disability_flag text,
  first_time_digital_user text,
  ingested_at timestamptz not null default now()
);

create table if not exists voice_raw.voice_sessions (
  session_id text primary key,
  user_id text,
  channel text,
  language text,
  total_duration_sec integer,
  total_turns integer,
  final_outcome text,
  transfer_reason text,
  created_at date,
  started_at timestamptz,
  ended_at timestamptz,
  asr_model_version text,
  ingested_at timestamptz not null default now()
);

-- No primary key: the export repeats rows. A repeated row differs in `ingested_at` alone.
create table if not exists voice_raw.voice_turns (
  turn_id text,
  session_id text,
  turn_number integer,
  speaker text,
  detected_intent text,
  intent_confidence double precision,
  asr_confidence double precision,
  error_type text,
  turn_duration_sec integer,
  created_at date,
  started_at timestamptz,
  ingested_at timestamptz not null default now()
);

create table if not exists voice_raw.voice_ai_metrics (
  session_id text,
  avg_asr_confidence double precision,
  avg_intent_confidence double precision,
  misunderstanding_rate double precision,
  silence_rate double precision,
  recovery_success text,
  escalation_flag text,
  ingested_at timestamptz not null default now()
);

create table if not exists voice_raw.applications (
  application_id text primary key,
  session_id text,
  user_id text,
  service_code text,
  channel text,
  status text,
  time_to_submit_sec integer,
  submitted_at timestamptz,
  ingested_at timestamptz not null default now()
);

-- After a load:
create index if not exists voice_sessions_user_idx on voice_raw.voice_sessions (user_id);
create index if not exists voice_sessions_ingested_idx on voice_raw.voice_sessions (ingested_at);
create index if not exists voice_turns_session_idx on voice_raw.voice_turns (session_id);
create index if not exists voice_turns_ingested_idx on voice_raw.voice_turns (ingested_at);
create index if not exists voice_ai_metrics_session_idx on voice_raw.voice_ai_metrics (session_id);
create index if not exists applications_session_idx on voice_raw.applications (session_id);
