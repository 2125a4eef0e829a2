-- The tracker store that Rasa writes, stamped with the load that brought each event, and the log of loads.
create schema if not exists rasa_tracker;

create table if not exists rasa_tracker.events (
  id bigint primary key,
  sender_id varchar(255) not null,
  type_name varchar(255) not null,
  timestamp double precision,
  intent_name varchar(255),
  action_name varchar(255),
  data text,
  load_id text not null,
  ingested_at timestamptz
);

create table if not exists rasa_tracker._loads (
  load_id text not null,
  status bigint not null,
  inserted_at timestamptz not null
);

create schema if not exists rasa_model;

create table if not exists rasa_model.model (
  model_id text primary key,
  name text not null,
  sdk_version text,
  trained_at timestamptz,
  timestamp timestamptz
);

-- After a load:
create index if not exists events_sender_id_idx on rasa_tracker.events (sender_id);
create index if not exists events_load_id_idx on rasa_tracker.events (load_id);
create index if not exists events_ingested_at_idx on rasa_tracker.events (ingested_at);
create index if not exists loads_load_id_idx on rasa_tracker._loads (load_id);
