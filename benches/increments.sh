#!/usr/bin/env bash
# What a build costs when a little has arrived: one domain of the shipped project, behind its gate, with 98.9% of its raw data, then
# 0.1% more, then 1% more, against a full refresh of the whole.
#
#   PGHOST=.. PGPORT=.. PGUSER=.. PGDATABASE=.. benches/increments.sh rasa|exp|voice
#
# TIER sets another size than `large`, 10 million rows. FULL_REFRESH=no compares with the first build instead, which does nearly the same
# and needs half of the disk (chat, large: about 45 GB). The database should be used by nobody else: its schemas are dropped before and
# after. After each build the slowest models are listed with the rows that they wrote, and after 0.1% the plan of what an increment looks
# up. Needs psql and python3.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
assay=${ASSAY:-$root/target/release/assay}
domain=${1:?rasa, exp or voice}
case $domain in rasa) tag=chat ;; exp | voice) tag=$domain ;; *) echo "rasa, exp or voice" >&2; exit 2 ;; esac
tier=${TIER:-large}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$root"/{project.yml,models,seeds,macros,tests} "$root/benches/profiles.yml" "$work"
[ ! -d "$root/snapshots" ] || cp -a "$root/snapshots" "$work"
cd "$work"
TIMEFORMAT=%R
export BENCH_SCHEMA=analytics ASSAY_PSEUDONYM_SECRET=bench
sql() { psql -X -q -At -v ON_ERROR_STOP=1 -c "$1"; }
clean() {
  sql "do \$\$ declare one text; begin
       for one in select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') loop
         execute format('drop schema %I cascade', one);
       end loop; end \$\$" 2> /dev/null
}
# Seconds of a command; what it says is shown when it fails.
seconds() { { time "$@" > said 2>&1 || { cat said >&2; exit 1; }; } 2>&1; }
load() { "$assay" generate --profile bench --seed 42 --domain "$domain" --tier "$tier" --batches 1000 --batch "$1" --quiet > /dev/null; }
build() { seconds "$assay" build --profile bench --select "+tag:$tag" "$@"; }
slowest() {
  python3 - <<'PY'
import json
# Tests of a delta are part of it.
models = [result for result in json.load(open("target/run_results.json"))["results"] if result["unique_id"].startswith("model.")]
models.sort(key=lambda result: -result["execution_time"])
for result in models[:8]:
    print(f'    {result["execution_time"]:8.2f} s  {result["unique_id"].split(".")[2]}  {result["message"] or ""}')
PY
}
# How PostgreSQL finds what an increment writes again, or reads: by an index, or not.
plan() {
  case $domain in
    rasa) sql "explain (analyze, costs off, timing off, summary off)
               select * from analytics_staging.stg_rasa__events e
               where e.sender_id in (select s.sender_id from analytics_staging.stg_rasa__sender_ids s where s.in_scope)" ;;
    exp) sql "explain (analyze, costs off, timing off, summary off)
              select * from exp.events where created_at >= (select max(created_at) from analytics_staging.base_exp__events) - interval '1 hour'
                and created_at <= 'infinity'" ;;
    voice) ;;
  esac | sed 's/^/    /'
}
clean
load 989
# What docs/experiments.md asks for.
[ $domain != exp ] || sql "create index on exp.events (created_at); create index on exp.events ((context ->> 'session_id'));
                           create index on exp.events (unit_type, unit_id)"
first=$(build)
echo "first build of 98.9%: $first s"
slowest
build > /dev/null
load 990
tenth=$(build)
echo "0.1% more: $tenth s"
slowest
plan
load 1000
one=$(build)
echo "1% more: $one s"
slowest
nothing=$(build)
echo "nothing more: $nothing s"
slowest
if [ "${FULL_REFRESH:-yes}" = yes ]; then
  whole=$(build --full-refresh)
  echo "full refresh: $whole s"
  slowest
else
  whole=$first
fi
awk -v a="$tenth" -v b="$one" -v c="$whole" -v d="$nothing" 'BEGIN { printf "share of a full refresh: 0.1%% %.3f, 1%% %.3f, nothing %.3f\n", a / c, b / c, d / c }'
clean
