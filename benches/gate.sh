#!/usr/bin/env bash
# What the gate costs, and what readers notice of it.
#
#   PGHOST=.. PGPORT=.. PGUSER=.. PGDATABASE=.. benches/gate.sh readers|certify|deltas [rounds]
#
# readers: how long four readers that never rest wait for an answer while 50 tables are published at once; then again with
#          a fifth who keeps a transaction open for two seconds at a time
# certify: the same project, 1 million rows and the same tests, behind a gate, behind one that counts no changes, and without
#          `gate:`, by turns
# deltas:  1% and 0.1% of 10 million rows as a delta, audited for what it touched and with `--audit full`, by turns
#
# ROWS sets another size. Writes to the schemas bench_gate* and assay of the database, which should be used by nobody else. Needs
# psql and pgbench.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
assay=${ASSAY:-$root/target/release/assay}
what=${1:?readers, certify or deltas}
rounds=${2:-5}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT
cd "$work"
mkdir models
TIMEFORMAT=%R
export BENCH_SCHEMA=bench_gate_own
sql() { psql -X -q -At -v ON_ERROR_STOP=1 -c "$1"; }
cp "$root/benches/profiles.yml" "$work"
gated='gate: {schema: bench_gate, readers: [bench_gate_reader], keep: 2}'
settings() { printf 'name: bench\nprofile: bench\n%s\nmodels: {bench: {+materialized: table}}\n' "$1" > project.yml; }
clean() { sql 'set client_min_messages = warning; drop schema if exists bench_gate, bench_gate__versions, bench_gate_own, bench_gate_plain, bench_gate_raw, assay cascade; create schema bench_gate_raw'; }
# Seconds of a command; what it says is shown when it fails.
seconds() { { time "$@" > said 2>&1 || { cat said >&2; exit 1; }; } 2>&1; }
clean

case $what in
readers)
  settings "$gated"
  sql "create table bench_gate_raw.base as select n, n % 7 as kind from generate_series(1, ${ROWS:-1000}) n"
  echo "{{ config(materialized='view') }} select n, kind from bench_gate_raw.base" > models/base.sql
  echo 'models:' > models/schema.yml
  for i in $(seq 50); do
    echo "select n, kind, $i as i from {{ ref('base') }}" > "models/m$i.sql"
    echo "  - {name: m$i, access: public, columns: [{name: n, data_tests: [not_null, unique]}]}" >> models/schema.yml
  done
  "$assay" -q build
  sql 'alter role bench_gate_reader login'
  # One random table a transaction.
  for i in $(seq 50); do echo "select count(*) from bench_gate.m$i" > "read$i.sql"; done
  echo 'begin; select count(*) from bench_gate.m7; select pg_sleep(2); commit; select pg_sleep(0.2);' > long.sql
  for holder in no yes; do
    "$assay" -q build # warm
    rm -f wait.*
    PGUSER=bench_gate_reader pgbench -n -c 4 -j 2 -T 3600 -l --log-prefix=wait $(printf -- '-f %s ' read*.sql) > /dev/null 2>&1 &
    readers=$!
    sleep 3
    rm -f quiet.log; cat wait.* > quiet.log
    if [ $holder = yes ]; then
      (while :; do PGUSER=bench_gate_reader psql -X -q -f long.sql > /dev/null 2>&1; done) &
      long=$!
      sleep 0.5
    fi
    from=$(date +%s.%N)
    for _ in $(seq "$rounds"); do "$assay" -q build; done
    to=$(date +%s.%N)
    kill $readers; wait $readers 2> /dev/null || true
    [ $holder = no ] || { kill $long; wait $long 2> /dev/null || true; }
    cat wait.* > all.log
    # pgbench logs client, transaction, microseconds, script, second, microsecond at its end.
    told() { sort -n | awk -v name="$1" '{ v[NR] = $1 } END { printf "%s: %d reads, median %.1f ms, 99.9%% %.1f ms, longest %.1f ms\n", name, NR, v[int((NR + 1) / 2)] / 1000, v[int(NR * 0.999 + 0.999)] / 1000, v[NR] / 1000 }'; }
    awk '{ print $3 }' quiet.log | told "nothing runs"
    awk -v from="$from" -v to="$to" '{ t = $5 + $6 / 1e6; if (t >= from && t <= to) print $3 }' all.log | told "$rounds builds, holder: $holder"
    sql "select 'publications of 50 at once: ' || count(*) from (select from assay.publications where action = 'publish' group by xmin::text having count(*) = 50) p"
  done
  ;;
certify)
  rows=${ROWS:-1000000}
  sql "create table bench_gate_raw.orders as select n as id, n % 10000 as customer, (array['web', 'phone'])[1 + n % 2] as kind, n % 977 as amount,
         timestamp '2025-01-01' + n * interval '1 second' as at from generate_series(1, $rows) n"
  echo "select id, customer, kind, amount, at from bench_gate_raw.orders" > models/orders.sql
  echo "select customer as id, count(*) as orders, sum(amount) as amount from {{ ref('orders') }} group by 1" > models/customers.sql
  echo "select date_trunc('hour', at) as hour, kind, count(*) as orders from {{ ref('orders') }} group by 1, 2" > models/hours.sql
  cat > models/schema.yml <<'YAML'
models:
  - name: orders
    access: public
    columns:
      - {name: id, data_tests: [unique, not_null]}
      - {name: kind, data_tests: [accepted_values: {arguments: {values: [web, phone]}}]}
      - {name: customer, data_tests: [relationships: {arguments: {to: ref('customers'), field: id}}]}
      - {name: amount, data_tests: [not_null]}
  - {name: customers, access: public, columns: [{name: id, data_tests: [unique, not_null]}]}
  - {name: hours, access: public, columns: [{name: hour, data_tests: [not_null]}]}
YAML
  for round in $(seq 0 "$rounds"); do
    settings "$gated"; with=$(seconds "$assay" build)
    settings "${gated/keep: 2/keep: 2, record_changes: false}"; uncounted=$(seconds "$assay" build)
    settings ''; without=$(BENCH_SCHEMA=bench_gate_plain seconds "$assay" build)
    [ "$round" = 0 ] || awk -v a="$with" -v c="$uncounted" -v b="$without" 'BEGIN { printf "gate %s s, without counts %s s, no gate %s s, ratios %.2f and %.2f\n", a, c, b, a / b, c / b }'
  done
  ;;
deltas)
  rows=${ROWS:-10000000}
  settings "$gated"
  sql "create table bench_gate_raw.orders as select n as id, (array['web', 'phone'])[1 + n % 2] as kind, n % 977 as amount, 0 as seq
       from generate_series(1, $rows) n; create index on bench_gate_raw.orders (seq)"
  cat > models/orders.sql <<'SQL'
{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert', indexes=[{'columns': ['id']}, {'columns': ['seq']}]) }}
select id, kind, amount, seq from bench_gate_raw.orders
{% if is_incremental() %} where seq > (select max(seq) from {{ this }}) {% endif %}
SQL
  cat > models/schema.yml <<'YAML'
models:
  - name: orders
    access: public
    columns:
      - {name: id, data_tests: [unique, not_null]}
      - {name: kind, data_tests: [not_null, accepted_values: {arguments: {values: [web, phone]}}]}
      - {name: amount, data_tests: [not_null]}
YAML
  "$assay" -q build
  seq=0
  # Half of a delta are rows that change, half are new.
  batch() {
    seq=$((seq + 1))
    sql "update bench_gate_raw.orders set amount = amount + 1, seq = $seq where id in (select 1 + (n::bigint * 7919 + $seq * 104729) % $rows from generate_series(1, $1 / 2) n);
         insert into bench_gate_raw.orders select (select max(id) from bench_gate_raw.orders) + n, 'web', n % 977, $seq from generate_series(1, $1 / 2) n;
         analyze bench_gate_raw.orders"
  }
  for share in 100 1000; do
    for _ in $(seq "$rounds"); do
      batch $((rows / share)); full=$(seconds "$assay" build --audit full)
      batch $((rows / share)); narrow=$(seconds "$assay" build)
      awk -v of=$share -v a="$full" -v b="$narrow" 'BEGIN { printf "1/%d of the rows: full %s s, delta %s s, ratio %.2f\n", of, a, b, b / a }'
    done
  done
  ;;
*) echo "readers, certify or deltas" >&2; exit 2 ;;
esac
clean
sql 'drop schema bench_gate_raw; drop role if exists bench_gate_reader'
