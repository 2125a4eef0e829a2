//! Privileges that a relation has and its configuration no longer names.

use crate::graph::NodeConfig;
use crate::sql::{Relation, literal};

/// Why the relation still has privileges from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// New rows came into it. Where no grants are configured, those that people gave by hand stay.
    Configured,
    /// It took the place of another in all but name. As on a new relation, only what is configured is granted, and what the
    /// server grants on every new one.
    Replaced,
}

/// What the server grants on every new table and view of the owner.
const INITIAL: &str = "select from pg_default_acl as initial, aclexplode(initial.defaclacl) as given where initial.defaclrole = owner and \
                       initial.defaclobjtype = 'r' and initial.defaclnamespace in (0, namespace) and given.grantee = role and \
                       given.privilege_type = privilege";

/// What others than the owner may do.
const HELD: &str = "select acl.privilege_type as privilege, acl.grantee as role, case acl.grantee when 0 then 'public' else \
                    pg_get_userbyid(acl.grantee) end as grantee, kept.relowner as owner, kept.relnamespace as namespace from pg_class as \
                    kept, aclexplode(kept.relacl) as acl where acl.grantee <> kept.relowner and kept.oid =";

/// Takes away what others than the owner may do and the configuration does not say; nothing where there is no such thing.
/// Goes before the grants, which may name privileges as a whole.
#[must_use]
pub fn revoke_lost(relation: &Relation, config: &NodeConfig, kept: Kept) -> String {
    if kept == Kept::Configured && config.grants.is_empty() {
        return String::new();
    }
    let mut wanted = Vec::new();
    for (privilege, grantees) in &config.grants {
        let privilege = literal(&privilege.to_lowercase());
        wanted.extend(
            grantees
                .iter()
                .map(|grantee| format!("({privilege}, {})", literal(&grantee.to_lowercase()))),
        );
    }
    let mut lost = "true".to_owned();
    if !wanted.is_empty() {
        let wanted = wanted.join(", ");
        lost = format!("(lower(privilege), lower(grantee)) not in (values {wanted})");
    }
    if kept == Kept::Replaced {
        lost.push_str(&format!(" and not exists ({INITIAL})"));
    }
    let name = relation.to_string();
    let revoke = literal(&format!("revoke %s on {} from %s", name.replace('%', "%%")));
    format!(
        "do $assay$ declare lost record; begin for lost in select privilege, grantee from ({HELD} {}::regclass) as held where {lost} loop \
         execute format({revoke}, lost.privilege, case lost.grantee when 'public' then 'public' else quote_ident(lost.grantee) end); \
         end loop; end $assay$;\n",
        literal(&name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::test_node;

    fn sql(grants: &[(&str, &[&str])], kept: Kept) -> String {
        let mut config = test_node("orders", &[]).config;
        for (privilege, grantees) in grants {
            let grantees = grantees.iter().map(|name| (*name).to_owned()).collect();
            config.grants.insert((*privilege).to_owned(), grantees);
        }
        revoke_lost(&Relation::new(None, "marts", "o'%"), &config, kept)
    }

    #[test]
    fn what_is_not_configured() {
        assert_eq!(sql(&[], Kept::Configured), "");
        let some: &[(&str, &[&str])] = &[("select", &["Reader"]), ("insert", &[])];
        insta::assert_snapshot!([sql(some, Kept::Configured), sql(&[], Kept::Replaced)].concat());
    }
}
