//! What a run without mishaps leaves: the rows of a full refresh, and a ledger that says what is there.

use super::shop::SHOWN;
use crate::support::Server;

/// Relations, versions and ledger after a clean run.
const LEFT: &str = "
    with there as (
      select c.relname::text as name from pg_class c
      where c.relnamespace = to_regnamespace('analytics__versions') and c.relkind in ('r', 'v', 'm', 'p'))
    select 'not known to the ledger: ' || name from there
    where name not in (select version_name from assay.versions where state in ('published', 'retired'))
    union all
    select 'a leftover: ' || c.oid::regclass from pg_class c
    where c.relname ~ '__assay_|__dbt_|__stage|__gone|__candidate' or pg_is_other_temp_schema(c.relnamespace)
    union all
    select 'gone, and the ledger says ' || state || ': ' || version_name from assay.versions
    where state in ('published', 'retired') and version_name not in (select name from there)
    union all
    select 'versions of ' || model || ' in state ' || state || ': ' || count(*) from assay.versions
    where state not in ('failed', 'dropped')
      -- What a version that is kept reads is kept with it.
      and not (state = 'retired' and exists (
        select from pg_depend d join pg_rewrite r on r.oid = d.objid
        where d.refobjid = to_regclass(format('analytics__versions.%I', version_name)) and r.ev_class <> d.refobjid))
    group by model, state
    having not (state = 'published' and count(*) = 1 or state = 'retired' and count(*) <= 1)
    union all
    select 'without certificate: ' || version_name from assay.versions v
    where state in ('published', 'retired') and not exists (select from assay.certificates c where c.version_id = v.version_id)
    union all
    select 'last published is another: ' || model from (
      select distinct on (model) model, version_id from assay.publications order by model, publication_id desc) p
    where not exists (select from assay.versions v where v.version_id = p.version_id and v.model = p.model and v.state = 'published')
    union all
    select 'the view shows another version: ' || v.model from assay.versions v
    where v.state = 'published'
      and position(v.version_name in pg_get_viewdef(format('analytics.%I', v.model)::regclass)) = 0
    union all
    select 'a run is still running: ' || command from assay.runs where status = 'running'";

pub fn objections(server: &Server, database: &str) -> Vec<String> {
    let ask = |sql: &str| server.psql(database, "postgres", sql);
    let mut wrong: Vec<String> = ask(LEFT).lines().map(str::to_owned).collect();
    let published = ask("select count(*) from assay.versions where state = 'published'");
    if published != SHOWN.len().to_string() {
        wrong.push(format!("{published} models are published"));
    }
    for shown in SHOWN {
        let there = format!("select {} from analytics.{}", shown.columns, shown.name);
        let differ = ask(&format!(
            "select ((select count(*) from (({there}) except all ({wanted})) more)
                  || ' more, ' || (select count(*) from (({wanted}) except all ({there})) less) || ' missing')",
            wanted = shown.wanted
        ));
        if differ != "0 more, 0 missing" {
            wrong.push(format!("rows of {}: {differ}", shown.name));
        }
    }
    wrong
}

/// All that readers see, but for when it was made.
pub fn rows(server: &Server, database: &str) -> String {
    let looks: Vec<String> = SHOWN
        .iter()
        .map(|shown| {
            format!(
                "(select '{name}', coalesce(string_agg(x::text, ' ' order by x::text), 'nothing') from (select {columns} from analytics.{name}) x)",
                name = shown.name,
                columns = shown.columns
            )
        })
        .collect();
    server.psql(database, "postgres", &looks.join(" union all "))
}
