#!/usr/bin/env bash
# Builds the shipped project (without its gate) with Assay and with dbt, by turns, on the same database, and prints the
# seconds of each run; then compares every table that the two left. Unit tests are left out: dbt cannot read lists in their
# rows, and wants the tables of incremental models to exist before it can tell their columns.
#
#   DBT=/path/to/dbt PGHOST=.. PGPORT=.. PGUSER=.. PGDATABASE=.. benches/beside_dbt.sh [rounds]
#
# The database must hold the raw schemas (assay generate) and is written to in the schemas bench_assay* and bench_dbt*.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
assay=${ASSAY:-$root/target/release/assay}
dbt=${DBT:-dbt}
rounds=${1:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$root"/{models,macros,seeds} "$work"
mkdir "$work/tests" && cp -r "$root/tests/data" "$work/tests/"
sed -e '/^gate:/,/^$/d' -e '/^local:/,/^$/d' -e 's/^config-version: 2/&\nprofile: bench/' "$root/project.yml" > "$work/dbt_project.yml"
cp "$root/benches/profiles.yml" "$work"
cd "$work"
export DBT_SEND_ANONYMOUS_USAGE_STATS=false ASSAY_PSEUDONYM_SECRET=bench
vars='{as_of: "2025-03-31T00:00:00Z"}'
TIMEFORMAT=%R
for _ in $(seq "$rounds"); do
  printf 'assay '
  time BENCH_SCHEMA=bench_assay "$assay" -q build --exclude test_type:unit --vars "$vars"
  printf 'dbt   '
  time PGOPTIONS='-c assay.pseudonym_secret=bench -c jit=off' BENCH_SCHEMA=bench_dbt "$dbt" -q build --exclude test_type:unit --vars "$vars" > dbt.log 2>&1 || { cat dbt.log; exit 1; }
done
tables=$(psql -Atc "select substr(n.nspname, 12) || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname like 'bench\_assay%' and c.relkind in ('r', 'v') order by 1")
for table in $tables; do
  schema=${table%%.*} name=${table#*.}
  differ=$(psql -Atc "select count(*) from ((table \"bench_assay$schema\".\"$name\" except all table \"bench_dbt$schema\".\"$name\")
                      union all (table \"bench_dbt$schema\".\"$name\" except all table \"bench_assay$schema\".\"$name\")) x")
  [ "$differ" = 0 ] || echo "differs: $table ($differ rows)"
done
echo "compared: $(wc -w <<< "$tables") relations"
