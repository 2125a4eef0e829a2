//! Comments that a relation has from before.

use crate::sql::{Relation, literal};

/// Takes every comment off a view that was replaced: it counts as a new one, though PostgreSQL keeps what was said of the
/// old. Goes before the comments of the configuration.
#[must_use]
pub fn forget_comments(view: &Relation) -> String {
    let name = view.to_string();
    let column = literal(&format!("comment on column {}.%I is null", name.replace('%', "%%")));
    format!(
        "do $assay$ declare said record; begin for said in select a.attname as place from pg_description d left join pg_attribute a on \
         a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0 where d.classoid = 'pg_class'::regclass and d.objoid = \
         {}::regclass loop if said.place is null then comment on view {name} is null; else execute format({column}, said.place); end if; \
         end loop; end $assay$;\n",
        literal(&name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_view_and_its_columns() {
        insta::assert_snapshot!(forget_comments(&Relation::new(None, "marts", "o'%")));
    }
}
