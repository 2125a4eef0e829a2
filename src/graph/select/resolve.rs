//! A selection looked up in a graph.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use indexmap::IndexSet;

use crate::diagnostic::{Diagnostic, Level};
use crate::graph::state::PreviousState;
use crate::graph::{Graph, Node, NodeId, ResourceType};

use super::criterion::{Criterion, Method, Reach};
use super::definition::{Definition, Selectors};
use super::method::Matcher;
use super::pattern::matches;
use super::selection::{IndirectSelection, Intersection, Selection};
use super::unmatched::Unmatched;

/// What a selection means in one project.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Sorted by id.
    pub nodes: IndexSet<NodeId>,
    /// What was selected too, but is not of a kind that the command works on. Sorted by id.
    pub other_kinds: IndexSet<NodeId>,
    pub unmatched: Vec<Unmatched>,
    /// Whether it was compared with another run: then nothing is as good an answer as any.
    pub compared: bool,
}

impl Resolved {
    /// What to tell the user where nothing is left to do although every selector found something.
    pub fn nothing_for(&self, command: &str, level: Level) -> Option<Diagnostic> {
        if !self.nodes.is_empty() || !self.unmatched.is_empty() {
            return None;
        }
        let message = match self.other_kinds.len() {
            0 => format!("nothing is selected, so `{command}` has nothing to do"),
            _ => format!("nothing that is selected is for `{command}` to work on"),
        };
        let found: Vec<&str> = self.other_kinds.iter().take(3).map(|id| &**id).collect();
        let diagnostic = match level {
            Level::Error => Diagnostic::error("nothing-selected", message),
            Level::Warning => Diagnostic::warning("nothing-selected", message),
        };
        Some(if found.is_empty() {
            diagnostic.help("see what `--exclude` takes away, or whether everything is disabled")
        } else {
            let more = if self.other_kinds.len() > found.len() {
                ", .."
            } else {
                ""
            };
            diagnostic
                .because(format!("selected: {}{more}", found.join(", ")))
                .help("`assay build` works on models, seeds and tests alike")
        })
    }
}

impl Selection {
    /// Looks the selection up in a project's graph. `kinds` are what the command works on.
    /// Fails where a path pattern is malformed; a selector that finds nothing is in the answer.
    pub fn resolve(
        &self,
        graph: &Graph,
        selectors: &Selectors,
        kinds: &[ResourceType],
        indirect: IndirectSelection,
    ) -> Result<Resolved, Diagnostic> {
        let nodes = graph.nodes().map(|node| &**node);
        self.resolve_among(nodes, graph.root_package(), selectors, kinds, indirect)
    }

    /// Looks the selection up among the enabled nodes of a project. `kinds` are what the command works on.
    /// Fails where a path pattern is malformed; a selector that finds nothing is in the answer.
    pub(super) fn resolve_among<'a>(
        &self,
        nodes: impl IntoIterator<Item = &'a Node>,
        root_package: &'a str,
        selectors: &'a Selectors,
        kinds: &'a [ResourceType],
        indirect: IndirectSelection,
    ) -> Result<Resolved, Diagnostic> {
        let mut family = Family::new(nodes, root_package, indirect);
        (family.selectors, family.kinds) = (Some(selectors), kinds);
        family.previous = self.previous.as_deref();
        let mut unmatched = Vec::new();
        let included = match &self.select {
            Some(select) => family.union(select, false, &mut unmatched)?,
            None if let Some(named) = &self.named => family.definition(named, &mut Vec::new())?,
            None => Found::direct((0..family.nodes.len()).collect()),
        };
        let excluded = family.union(&self.exclude, true, &mut unmatched)?;
        let mut resolved = Resolved {
            unmatched,
            compared: family.compared.get(),
            ..Resolved::default()
        };
        let mut chosen: Vec<&Node> = (included.direct.difference(&excluded.direct))
            .map(|i| family.nodes[*i])
            .collect();
        chosen.sort_by(|a, b| a.id.cmp(&b.id));
        for node in chosen {
            // As in dbt, a file without a word in it is a node that is never built.
            if node.is_blank() {
                continue;
            }
            let list = if kinds.contains(&node.resource_type) {
                &mut resolved.nodes
            } else {
                &mut resolved.other_kinds
            };
            list.insert(NodeId::clone(&node.id));
        }
        Ok(resolved)
    }
}

type Set = BTreeSet<usize>;

/// Nodes found, and tests that would come along if more of their parents were found.
#[derive(Clone, Default)]
struct Found {
    direct: Set,
    waiting: Set,
}

impl Found {
    fn direct(direct: Set) -> Self {
        Self {
            direct,
            waiting: Set::new(),
        }
    }
}

/// Nodes by number, with their neighbours.
struct Family<'a> {
    nodes: Vec<&'a Node>,
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
    root_package: &'a str,
    indirect: IndirectSelection,
    selectors: Option<&'a Selectors>,
    /// What the command works on.
    kinds: &'a [ResourceType],
    previous: Option<&'a PreviousState>,
    compared: Cell<bool>,
}

impl<'a> Family<'a> {
    fn new(nodes: impl IntoIterator<Item = &'a Node>, root_package: &'a str, indirect: IndirectSelection) -> Self {
        let nodes: Vec<&Node> = nodes.into_iter().filter(|node| node.config.enabled).collect();
        let numbers: HashMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (&*node.id, i)).collect();
        let mut children = vec![Vec::new(); nodes.len()];
        let mut parents = Vec::with_capacity(nodes.len());
        for (i, node) in nodes.iter().enumerate() {
            let own: Vec<usize> = node
                .depends_on
                .iter()
                .filter_map(|id| numbers.get(&**id).copied())
                .collect();
            for parent in &own {
                children[*parent].push(i);
            }
            parents.push(own);
        }
        Self {
            nodes,
            parents,
            children,
            root_package,
            indirect,
            selectors: None,
            kinds: &[],
            previous: None,
            compared: Cell::new(false),
        }
    }

    /// `open` are the selectors on the way here.
    fn definition(&self, definition: &Definition, open: &mut Vec<String>) -> Result<Found, Diagnostic> {
        let combined = |parts: &[Definition], combine: fn(&Set, &Set) -> Set, open: &mut Vec<String>| {
            let mut both: Option<(Set, Set)> = None;
            for part in parts {
                let found = self.definition(part, open)?;
                let all = &found.direct | &found.waiting;
                both = Some(match both {
                    None => (found.direct, all),
                    Some((direct, before)) => (combine(&direct, &found.direct), combine(&before, &all)),
                });
            }
            let (direct, waiting) = both.unwrap_or_default();
            Ok(Found { direct, waiting })
        };
        match definition {
            Definition::Criterion(criterion, indirect) => {
                self.criterion(criterion, indirect.unwrap_or(self.indirect), open)
            }
            Definition::Union(parts) => combined(parts, |a, b| a | b, open),
            Definition::Intersection(parts) => combined(parts, |a, b| a & b, open),
            Definition::Difference(from, what) => {
                let (from, what) = (self.definition(from, open)?, self.definition(what, open)?);
                Ok(Found {
                    direct: &from.direct - &what.direct,
                    waiting: &(&from.direct | &from.waiting) - &(&what.direct | &what.waiting),
                })
            }
        }
    }

    /// What the selectors of a name, or of a pattern, mean to this command: only what it works on.
    fn named(&self, pattern: &str, open: &mut Vec<String>) -> Result<Set, Diagnostic> {
        let mut found = Set::new();
        let all = self.selectors.map(Selectors::sorted).unwrap_or_default();
        let fitting: Vec<_> = all.into_iter().filter(|(name, _)| matches(pattern, name)).collect();
        if fitting.is_empty()
            && let Some(selectors) = self.selectors
        {
            selectors.get(pattern)?;
        }
        for (name, definition) in fitting {
            if open.iter().any(|other| other == name) {
                open.push(name.to_owned());
                let message = format!("a selector selects itself: {}", open.join(" -> "));
                return Err(Diagnostic::error("invalid-selector", message).help("break the circle in selectors.yml"));
            }
            open.push(name.to_owned());
            found.extend(self.definition(definition, open)?.direct);
            open.pop();
        }
        found.retain(|i| self.kinds.contains(&self.nodes[*i].resource_type));
        Ok(found)
    }

    /// What another run tells of.
    fn compared(&self, criterion: &Criterion) -> Result<Set, Diagnostic> {
        self.compared.set(true);
        let value = criterion.value.as_str();
        let Some(previous) = self.previous else {
            let message = format!("`{}` compares with another run", criterion.typed());
            return Err(Diagnostic::error("no-state", message)
                .because("no folder with the artifacts of a run is given")
                .help("give one: --state DIR"));
        };
        let ids = match criterion.method {
            Method::Result => previous.result(value)?,
            Method::SourceStatus => previous.source_status(value)?,
            _ => previous.state(value)?,
        };
        Ok((0..self.nodes.len())
            .filter(|i| ids.contains(&*self.nodes[*i].id))
            .collect())
    }

    fn union(
        &self,
        typed: &[Intersection],
        excluded: bool,
        unmatched: &mut Vec<Unmatched>,
    ) -> Result<Found, Diagnostic> {
        let mut direct = Set::new();
        let mut all = Set::new();
        for part in typed {
            let found = self.intersection(part)?;
            if found.direct.is_empty() {
                unmatched.push(Unmatched::new(part, excluded, self.nodes.iter().copied()));
            }
            direct.extend(&found.direct);
            all.extend(&found.direct);
            all.extend(&found.waiting);
        }
        Ok(self.admit(&direct, all))
    }

    fn intersection(&self, typed: &Intersection) -> Result<Found, Diagnostic> {
        let mut both: Option<(Set, Set)> = None;
        for criterion in &typed.criteria {
            let found = self.criterion(criterion, self.indirect, &mut Vec::new())?;
            let all: Set = &found.direct | &found.waiting;
            both = Some(match both {
                None => (found.direct, all),
                Some((direct, before)) => (&direct & &found.direct, &before & &all),
            });
        }
        Ok(both.map_or_else(Found::default, |(direct, all)| self.admit(&direct, all)))
    }

    fn criterion(
        &self,
        criterion: &Criterion,
        indirect: IndirectSelection,
        open: &mut Vec<String>,
    ) -> Result<Found, Diagnostic> {
        let by_name = criterion.method == Method::Selector;
        let own = if by_name {
            self.named(&criterion.value, open)?
        } else if criterion.compares() {
            self.compared(criterion)?
        } else {
            let matcher = Matcher::new(criterion, self.root_package)?;
            (0..self.nodes.len()).filter(|i| matcher.fits(self.nodes[*i])).collect()
        };
        let mut selected = own.clone();
        if criterion.childrens_parents {
            let family = &own | &walk(&own, &self.children, Reach::All);
            selected.extend(walk(&family, &self.parents, Reach::All));
            selected.extend(family);
        }
        if let Some(reach) = criterion.parents {
            selected.extend(walk(&own, &self.parents, reach));
        }
        if let Some(reach) = criterion.children {
            selected.extend(walk(&own, &self.children, reach));
        }
        // The selector that is named has said which tests come along.
        if by_name {
            return Ok(Found::direct(selected));
        }
        Ok(self.with_tests(selected, indirect))
    }

    /// Adds the tests that come along with what was selected.
    fn with_tests(&self, selected: Set, indirect: IndirectSelection) -> Found {
        if indirect == IndirectSelection::Empty {
            return Found::direct(selected);
        }
        let at_hand = self.at_hand(&selected, indirect);
        let mut found = Found::direct(selected.clone());
        for test in selected.iter().flat_map(|i| &self.children[*i]).copied() {
            let kind = self.nodes[test].resource_type;
            if !matches!(kind, ResourceType::Test | ResourceType::UnitTest) {
                continue;
            }
            if indirect == IndirectSelection::Eager || self.needs_only(test, &at_hand) {
                found.direct.insert(test);
            } else {
                found.waiting.insert(test);
            }
        }
        found
    }

    /// Takes in the tests that waited for a parent which another criterion brought.
    fn admit(&self, direct: &Set, all: Set) -> Found {
        let mut admitted = direct.clone();
        if matches!(
            self.indirect,
            IndirectSelection::Cautious | IndirectSelection::Buildable
        ) {
            let mut at_hand = direct.clone();
            if self.indirect == IndirectSelection::Buildable {
                at_hand.extend(walk(direct, &self.parents, Reach::All));
            }
            admitted.extend(all.iter().copied().filter(|i| self.needs_only(*i, &at_hand)));
        }
        Found {
            direct: admitted,
            waiting: all,
        }
    }

    /// What a test may need and still come along.
    fn at_hand(&self, selected: &Set, indirect: IndirectSelection) -> Set {
        let mut at_hand = selected.clone();
        if indirect == IndirectSelection::Buildable {
            at_hand.extend(walk(selected, &self.parents, Reach::All));
            let is_source = |i: &usize| self.nodes[*i].resource_type == ResourceType::Source;
            at_hand.extend((0..self.nodes.len()).filter(is_source));
        }
        at_hand
    }

    fn needs_only(&self, node: usize, at_hand: &Set) -> bool {
        self.parents[node].iter().all(|parent| at_hand.contains(parent))
    }
}

/// Everything within reach along the edges, without the start unless it is within its own reach.
fn walk(start: &Set, edges: &[Vec<usize>], reach: Reach) -> Set {
    let mut seen = Set::new();
    let mut layer: Vec<usize> = start.iter().copied().collect();
    let mut steps = 0;
    while !layer.is_empty() && (reach == Reach::All || matches!(reach, Reach::Steps(most) if steps < most)) {
        let mut next = Vec::new();
        for neighbour in layer.iter().flat_map(|i| &edges[*i]).copied() {
            if seen.insert(neighbour) {
                next.push(neighbour);
            }
        }
        layer = next;
        steps += 1;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::select::{kinds, shop};

    /// What `assay ls` would list for the same words.
    fn list(nodes: &[std::sync::Arc<Node>], line: &str) -> Vec<String> {
        let asked = shop::asked(line);
        let chosen = shop::chosen(nodes, &asked);
        chosen.iter().map(|node| node.id.to_string()).collect()
    }

    #[test]
    fn lists_what_dbt_lists() {
        let nodes = shop::nodes();
        let asked = shop::answers("selectors.txt");
        let mut wrong = Vec::new();
        for (line, expected) in &asked {
            let found = list(&nodes, line);
            if found != *expected {
                let only = |a: &[String], b: &[String]| {
                    let left: Vec<&str> = a.iter().filter(|id| !b.contains(id)).map(String::as_str).collect();
                    left.join(" ")
                };
                wrong.push(format!(
                    "{line}: missing {}, too many {}",
                    only(expected, &found),
                    only(&found, expected)
                ));
            }
        }
        assert!(asked.len() >= 60, "{}", asked.len());
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            asked.len(),
            wrong.join("\n")
        );
    }

    fn unmatched(select: &str, exclude: &str) -> Vec<String> {
        let typed = |text: &str| if text.is_empty() { vec![] } else { vec![text.to_owned()] };
        Selection::parse(&typed(select), &typed(exclude))
            .and_then(|s| {
                s.resolve(
                    &shop::graph(),
                    &Selectors::default(),
                    &kinds::ALL,
                    IndirectSelection::Eager,
                )
            })
            .unwrap_or_else(|e| panic!("{e}"))
            .unmatched
            .iter()
            .map(|unmatched| unmatched.diagnostic(Level::Error).to_string())
            .collect()
    }

    #[test]
    fn says_what_matches_nothing_and_what_may_be_meant() {
        insta::assert_snapshot!(
            unmatched("order stg_orders tag:nihgtly source:srever models/stagin stg_ordrs.sql zzzz orders,tag:x", "custmers").join("\n"),
            @r#"
            error[nothing-selected]: `--select order` matches nothing in this project
              help: did you mean `orders`?
            error[nothing-selected]: `--select tag:nihgtly` matches nothing in this project
              help: did you mean `tag:nightly`?
            error[nothing-selected]: `--select source:srever` matches nothing in this project
              help: did you mean `source:server`?
            error[nothing-selected]: `--select models/stagin` matches nothing in this project
              help: did you mean `models/staging`?
            error[nothing-selected]: `--select stg_ordrs.sql` matches nothing in this project
              help: did you mean `stg_orders.sql`?
            error[nothing-selected]: `--select zzzz` matches nothing in this project
              help: `assay ls` lists what can be selected
            error[nothing-selected]: `--select orders,tag:x` matches nothing in this project
              help: `assay ls` lists what can be selected
            error[nothing-selected]: `--exclude custmers` matches nothing in this project
              help: did you mean `customers`?
            "#
        );
        insta::assert_snapshot!(unmatched(" ", "").join("\n"), @r#"
            error[nothing-selected]: `--select` was given nothing to look for
              help: `assay ls` lists what can be selected
            "#);
    }

    #[test]
    fn keeps_apart_what_the_command_does_not_work_on() {
        let resolved = Selection::parse(&["raw_orders".into()], &[])
            .and_then(|s| {
                s.resolve(
                    &shop::graph(),
                    &Selectors::default(),
                    &[ResourceType::Model],
                    IndirectSelection::Eager,
                )
            })
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(resolved.nodes.is_empty() && resolved.unmatched.is_empty());
        assert_eq!(
            resolved.other_kinds.iter().map(|id| &**id).collect::<Vec<_>>(),
            ["seed.shop.raw_orders"]
        );
        let told = resolved.nothing_for("run", Level::Error).map(|d| d.to_string());
        insta::assert_snapshot!(told.unwrap_or_default(), @r#"
            error[nothing-selected]: nothing that is selected is for `run` to work on
              why: selected: seed.shop.raw_orders
              help: `assay build` works on models, seeds and tests alike
            "#);
    }
}
