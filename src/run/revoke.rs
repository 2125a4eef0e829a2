//! Privileges that a relation has and its configuration no longer names.

use crate::gate::revoke_beyond;
use crate::graph::NodeConfig;
use crate::sql::Relation;

/// Why the relation still has privileges from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// New rows came into it. Where no grants are configured, those that people gave by hand stay.
    Configured,
    /// It took the place of another in all but name. As on a new relation, only what is configured is granted, and what the
    /// server grants on every new one.
    Replaced,
}

/// Takes away what others than the owner may do and the configuration does not say; nothing where there is no such thing.
/// Goes before the grants, which may name privileges as a whole.
#[must_use]
pub fn revoke_lost(relation: &Relation, config: &NodeConfig, kept: Kept) -> String {
    if kept == Kept::Configured && config.grants.is_empty() {
        return String::new();
    }
    let wanted: Vec<(&str, &str)> = config
        .grants
        .iter()
        .flat_map(|(privilege, grantees)| grantees.iter().map(|grantee| (&**privilege, &**grantee)))
        .collect();
    revoke_beyond(&relation.to_string(), &wanted, kept == Kept::Replaced)
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
