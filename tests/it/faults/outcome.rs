//! A publication whose answer never came is reported as what readers see.

use super::{Bench, drop_database, facts, leftovers};
use crate::support::{Fault, Plan};

const GATED: &str = "name: it\nprofile: it\ngate: {schema: analytics, readers: [it_fault_reader], keep: 2}\n\
                     models: {it: {+access: public}}\n";

const MODELS: &[(&str, &str)] = &[
    (
        "models/schema.yml",
        "sources:\n  - name: raw\n    tables: [{name: orders}]\n\
         models:\n  - name: replaced\n    columns:\n      - name: id\n        data_tests: [unique]\n",
    ),
    (
        "models/totals.sql",
        "{{ config(materialized='table') }} select day, sum(amount) as amount from {{ source('raw', 'orders') }} group by day",
    ),
    (
        "models/replaced.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}
         select * from {{ source('raw', 'orders') }}
         {% if is_incremental() %} where loaded_at >= (select max(loaded_at) from {{ this }}) {% endif %}",
    ),
];

/// The statements that let readers see something, in two states of the database: a version of each model; a version of one
/// and a delta of the other.
const SEALS: [&[(&str, usize)]; 2] = [&[(PUBLISH, 1), (PUBLISH, 2)], &[(PUBLISH, 1), (DELTA, 1)]];

const PUBLISH: &str = "'publish', added, changed";
const DELTA: &str = "drop table \"analytics__versions\".\"replaced__stage\";\ncommit;";

#[test]
fn what_became_of_a_publication_is_asked_of_the_ledger() {
    let bench = Bench::with(GATED, MODELS);
    for (base, seals) in SEALS.iter().enumerate() {
        let (_, wanted) = bench.undisturbed(base);
        for (of, at) in *seals {
            for fault in [Fault::CutSent, Fault::Cut] {
                let plan = Plan { at: *at, of, fault };
                let database = bench.copy(base);
                let (status, said) = bench.build(&database.name, Some(plan));
                assert_eq!(status, Some(0), "{plan} (state {base})\n{said}");
                let told = if fault == Fault::CutSent {
                    "the ledger says that"
                } else {
                    " again in 1 s"
                };
                assert!(said.contains(told), "{plan} (state {base})\n{said}");
                assert_eq!(facts(&database), wanted, "{plan} (state {base})\n{said}");
                let twice = "select model from assay.publications group by model, run_id having count(*) > 1";
                assert_eq!(database.psql(twice), "");
                assert_eq!(leftovers(&database), "", "{plan} (state {base})");
                drop_database(&database);
            }
        }
    }
}

#[test]
fn where_nobody_can_be_asked_that_is_said() {
    let bench = Bench::with(GATED, MODELS);
    for (base, seals) in SEALS.iter().enumerate() {
        let (_, wanted) = bench.undisturbed(base);
        let (of, at) = seals[1];
        let fault = Fault::GoneSent;
        let database = bench.copy(base);
        let (status, said) = bench.build(&database.name, Some(Plan { at, of, fault }));
        assert_eq!(status, Some(2), "{said}");
        assert!(
            said.contains("error[publication-unknown]: nobody knows whether") && said.contains("`assay history` says"),
            "{said}"
        );
        bench.settled(&database.name);
        assert_eq!(facts(&database), wanted);
        assert_eq!(leftovers(&database), "");
        drop_database(&database);
    }
}
