//! The project behind the gate, what happens to its raw data, and what readers must then see.

use crate::support::Numbers;

/// What a bad batch does wrong; `raw.*.bad` says so of each of its rows.
pub const BAD: &[&str] = &[
    "none", "orphan", "twice", "odd", "minus", "event", "again", "noname", "double", "half",
];

/// A published relation, and the bad rows that one of its audits (or of its set's) objects to.
pub struct Shown {
    pub name: &'static str,
    pub never: &'static str,
    /// The relations of one set carry the same stamp; an empty name where they are deltas.
    pub set: &'static str,
    /// What a full refresh would hold.
    pub columns: &'static str,
    pub wanted: &'static str,
}

pub const SHOWN: &[Shown] = &[
    Shown {
        name: "dim",
        never: "noname double",
        set: "dim",
        columns: "id, name",
        wanted: "select id, name from raw.customers",
    },
    Shown {
        name: "sizes",
        never: "noname double",
        set: "dim",
        columns: "id, size",
        wanted: "select id, length(name) from raw.customers",
    },
    Shown {
        name: "v_dim",
        never: "noname double",
        set: "dim",
        columns: "id, name, size",
        wanted: "select id, name, length(name) from raw.customers",
    },
    Shown {
        name: "pair_a",
        never: "half",
        set: "pair",
        columns: "id, n",
        wanted: "select id, n from raw.halves",
    },
    Shown {
        name: "pair_b",
        never: "half",
        set: "pair",
        columns: "total",
        wanted: "select sum(n) from raw.halves",
    },
    Shown {
        name: "fact",
        never: "none orphan twice odd",
        set: "",
        columns: "id, customer, kind, amount, seq",
        wanted: "select id, customer, kind, amount, seq from raw.orders",
    },
    Shown {
        name: "v_fact",
        never: "none orphan twice odd",
        set: "",
        columns: "id, kind, amount",
        wanted: "select id, kind, amount from raw.orders where amount >= 10",
    },
    Shown {
        name: "daily",
        never: "none orphan twice odd minus",
        set: "",
        columns: "customer, orders, amount",
        wanted: "select customer, count(*), sum(amount) from raw.orders group by customer",
    },
    Shown {
        name: "merged",
        never: "odd minus",
        set: "",
        columns: "id, kind, amount, seq",
        wanted: "select id, kind, amount, seq from raw.orders",
    },
    Shown {
        name: "log",
        never: "event again",
        set: "",
        columns: "id, note, seq",
        wanted: "select id, note, seq from raw.events",
    },
];

/// With `together`, a run publishes all at once.
pub fn settings(together: bool) -> String {
    format!(
        "name: it\nprofile: it\ngate: {{schema: analytics, readers: [it_trial_reader], keep: 2, together: {together}}}\n"
    )
}

/// What a table and its parent say of the same rows; it differs while only one of them has been published.
pub const SAME: &str = "select (select count(*) || ' ' || sum(amount) from analytics.fact),
                               (select sum(orders) || ' ' || sum(amount) from analytics.daily)";

pub const FILES: &[(&str, &str)] = &[
    (
        "models/schema.yml",
        "models:
  - {name: dim, access: public, columns: [{name: id, data_tests: [unique]}, {name: name, data_tests: [not_null]}]}
  - name: sizes
    access: public
    columns: [{name: size, data_tests: [accepted_values: {arguments: {values: [3], quote: false}, config: {severity: warn}}]}]
  - {name: v_dim, access: public}
  - {name: pair_a, access: public}
  - {name: pair_b, access: public, columns: [{name: total, data_tests: [not_null]}]}
  - name: fact
    access: public
    columns:
      - {name: id, data_tests: [unique]}
      - {name: amount, data_tests: [not_null]}
      - {name: customer, data_tests: [relationships: {arguments: {to: ref('dim'), field: id}}]}
  - {name: v_fact, access: public, columns: [{name: kind, data_tests: [accepted_values: {arguments: {values: [web, phone]}}]}]}
  - {name: daily, access: public, columns: [{name: customer, data_tests: [unique]}]}
  - {name: merged, access: public, columns: [{name: kind, data_tests: [accepted_values: {arguments: {values: [web, phone]}}]}]}
  - {name: log, access: public, columns: [{name: id, data_tests: [unique]}, {name: note, data_tests: [not_null]}]}
",
    ),
    (
        "tests/one_stamp.sql",
        "select id from {{ ref('v_dim') }} where stamp <> other_stamp",
    ),
    (
        "tests/no_minus_a_day.sql",
        "select customer from {{ ref('daily') }} where lowest < 0",
    ),
    (
        "tests/no_minus_merged.sql",
        "{{ config(audit_scope='rows') }} select id from {{ ref('merged') }} where amount < 0",
    ),
    (
        "tests/halves_are_whole.sql",
        "select a.id from {{ ref('pair_a') }} a cross join {{ ref('pair_b') }} b where a.bad is not null or b.bad is not null",
    ),
    (
        "models/dim.sql",
        "{{ config(materialized='table') }} select id, name, bad, (select seq from raw.control) as stamp from raw.customers",
    ),
    (
        "models/sizes.sql",
        "{{ config(materialized='table') }}
         select id, length(name) as size, bad, (select seq from raw.control) as stamp from {{ ref('dim') }}",
    ),
    (
        "models/v_dim.sql",
        "{{ config(materialized='view') }}
         select d.id, d.name, s.size, d.bad, d.stamp, s.stamp as other_stamp from {{ ref('dim') }} d join {{ ref('sizes') }} s using (id)",
    ),
    (
        "models/halves.sql",
        "{{ config(materialized='view') }} select id, n, bad, (select seq from raw.control) as stamp from raw.halves",
    ),
    (
        "models/pair_a.sql",
        "{{ config(materialized='table') }} select id, n, bad, stamp from {{ ref('halves') }}",
    ),
    (
        "models/pair_b.sql",
        "{{ config(materialized='table') }} select sum(n) as total, max(bad) as bad, max(stamp) as stamp from {{ ref('halves') }}",
    ),
    (
        "models/stg.sql",
        "{{ config(materialized='view') }} select id, customer, kind, amount, seq, bad from raw.orders",
    ),
    (
        "models/kept.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
         select distinct on (id) * from {{ ref('stg') }}
         {% if is_incremental() %} where seq > (select max(seq) from {{ this }}) {% endif %} order by id",
    ),
    (
        "models/fact.sql",
        "-- depends_on: {{ ref('dim') }}
         {{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}
         select id, customer, kind, amount, seq, bad from {{ ref('stg') }}
         {% if is_incremental() %} where seq > (select max(seq) from {{ this }}) {% endif %}",
    ),
    (
        "models/v_fact.sql",
        "{{ config(materialized='view') }} select id, kind, amount, bad from {{ ref('fact') }} where amount >= 10",
    ),
    (
        "models/daily.sql",
        "{{ config(materialized='table') }}
         select customer, count(*) as orders, sum(amount) as amount, min(amount) as lowest, max(bad) as bad from {{ ref('fact') }} group by customer",
    ),
    (
        "models/merged.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
         select id, kind, amount, seq, bad from {{ ref('kept') }} {% if is_incremental() %} where seq > (select max(seq) from {{ this }}) {% endif %}",
    ),
    (
        "models/log.sql",
        "{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns') }}
         select id, note, seq, bad from raw.events {% if is_incremental() %} where seq > (select max(seq) from {{ this }}) {% endif %}",
    ),
];

/// The same model with another definition or other types: file, what is replaced, by what.
const EDITS: &[(&str, &str, &str)] = &[
    ("models/fact.sql", "amount, seq", "amount::bigint as amount, seq"),
    ("models/fact.sql", "seq, bad", "seq, bad, 1 as extra"),
    ("models/log.sql", "seq, bad", "seq, bad, id * 2 as twofold"),
    ("models/log.sql", "note, seq", "note::varchar as note, seq"),
    ("models/merged.sql", "id, kind", "id, kind || '' as kind"),
    ("models/dim.sql", "name, bad", "name::varchar(40) as name, bad"),
    ("models/dim.sql", "bad, (", "bad, now() as made, ("),
    ("models/v_dim.sql", "s.stamp as", "d.name || '' as again, s.stamp as"),
    ("models/pair_a.sql", "n, bad", "n::numeric as n, bad"),
    ("models/daily.sql", "count(*)", "count(*)::int"),
    ("models/v_fact.sql", "amount, bad", "amount, bad, id as same"),
    ("models/kept.sql", "(id) *", "(id) id, customer, kind, amount, seq, bad"),
];

pub const RAW: &str = "
    create schema raw;
    create table raw.control (seq int);
    insert into raw.control values (1);
    create table raw.customers (id int, name text, bad text);
    insert into raw.customers select n, 'n' || n, null from generate_series(1, 12) n;
    create table raw.orders (id int, customer int, kind text, amount int, seq int, bad text);
    insert into raw.orders select n, 1 + n % 8, case n % 2 when 0 then 'web' else 'phone' end, n, 1, null from generate_series(1, 60) n;
    create table raw.events (id int, note text, seq int, bad text);
    insert into raw.events select n, 'e' || n, 1, null from generate_series(1, 40) n;
    create table raw.halves (id int, n int, bad text);
    insert into raw.halves select n, n, null from generate_series(1, 10) n;";

/// More rows and changed rows, as a source would send them; `bad` names what is wrong with some.
pub fn batch(numbers: &mut Numbers, bad: Option<&str>) -> String {
    let some = |numbers: &mut Numbers, most: u64| 1 + numbers.below(most);
    let seq = "(select seq from raw.control)";
    let mut sql = "update raw.control set seq = seq + 1;\n".to_owned();
    if numbers.below(4) > 0 {
        let (count, from) = (some(numbers, 20), some(numbers, 8));
        sql += &format!(
            "insert into raw.orders select (select max(id) from raw.orders) + n, {from}, 'web', n * 3, {seq}, null from generate_series(1, {count}) n;\n"
        );
    }
    if numbers.below(2) > 0 {
        let (part, of) = (numbers.below(5), 2 + numbers.below(9));
        sql += &format!("update raw.orders set amount = amount + 1, seq = {seq} where id % {of} = {part};\n");
    }
    if numbers.below(2) > 0 {
        let count = some(numbers, 15);
        sql += &format!(
            "insert into raw.events select (select max(id) from raw.events) + n, 'later', {seq}, null from generate_series(1, {count}) n;\n"
        );
    }
    match numbers.below(5) {
        // What is wrong with a row stays wrong until it is repaired.
        0 => sql += "update raw.customers set name = 'long ' || id where id < 5 and bad is null;\n",
        1 => sql += "insert into raw.customers select max(id) + 1, 'new', null from raw.customers;\n",
        // A parent without children.
        2 => {
            sql += "delete from raw.customers c where id = (select max(id) from raw.customers)
                     and not exists (select from raw.orders o where o.customer = c.id);\n";
        }
        // One with children: they do not come back before it does.
        3 if bad.is_some() => sql += "delete from raw.customers where id = 3;\n",
        _ => {}
    }
    sql += "update raw.halves set n = n + 1;\n";
    let order = |customer: &str, kind: &str, amount: &str, bad: &str| {
        format!(
            "insert into raw.orders select max(id) + 1, {customer}, '{kind}', {amount}, {seq}, '{bad}' from raw.orders;\n"
        )
    };
    match bad {
        None => {}
        Some("none") => sql += &order("1", "web", "null::int", "none"),
        Some("orphan") => sql += &order("999", "web", "10", "orphan"),
        Some("odd") => sql += &order("1", "fax", "11", "odd"),
        Some("minus") => sql += &order("2", "web", "-5", "minus"),
        Some("twice") => {
            sql += &order("2", "web", "15", "twice");
            sql += &format!("insert into raw.orders select * from raw.orders where bad = 'twice' and seq = {seq};\n");
        }
        Some("event") => {
            sql += &format!("insert into raw.events select max(id) + 1, null, {seq}, 'event' from raw.events;\n");
        }
        Some("again") => sql += &format!("insert into raw.events select 7, 'again', {seq}, 'again';\n"),
        Some("noname") => sql += "update raw.customers set name = null, bad = 'noname' where id = 2;\n",
        Some("double") => sql += "insert into raw.customers values (4, 'double', 'double');\n",
        Some("half") => sql += "update raw.halves set bad = 'half' where id = 5;\n",
        Some(other) => panic!("{other}"),
    }
    sql
}

/// What the source sends once somebody has complained.
pub const REPAIR: &str = "
    update raw.control set seq = seq + 1;
    delete from raw.orders a using raw.orders b where a.id = b.id and a.ctid < b.ctid;
    update raw.orders set bad = null, customer = case customer when 999 then 1 else customer end, kind = 'web',
                          amount = abs(coalesce(amount, 1)), seq = (select seq from raw.control) where bad is not null;
    delete from raw.events where bad is not null;
    delete from raw.customers where bad = 'double';
    update raw.customers set name = 'named', bad = null where bad is not null;
    insert into raw.customers select 3, 'back', null where not exists (select from raw.customers where id = 3);
    update raw.halves set bad = null;";

/// An edit of one model: its file, and its new text made of the first.
pub fn edit(numbers: &mut Numbers) -> (&'static str, String) {
    let place = usize::try_from(numbers.below(EDITS.len() as u64)).expect("small");
    let (file, from, to) = EDITS[place];
    let (_, text) = FILES.iter().find(|(path, _)| *path == file).expect("a model");
    assert!(text.contains(from), "{file}: {from}");
    let text = text
        .replacen(from, to, 1)
        .replace("from {{ ref('stg') }}", "from {{ ref('stg') }} s");
    (file, text)
}
