//! A key of a dict or a member of a set.

use std::hash::{Hash, Hasher};

use minijinja::Value;
use minijinja::value::ValueKind;

/// A value that is found by Python's equality: `1`, `1.0` and `True` are one key.
///
/// minijinja's own hash tells `1` from `true` though they are equal, so that a map with its values as keys may hold one
/// or both of them, as the seed of its hasher has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Value);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0.kind() {
            ValueKind::Bool => Value::from(i64::from(self.0.is_true())).hash(state),
            ValueKind::Seq if self.0.is_tuple() => {
                for item in self.0.try_iter().into_iter().flatten() {
                    Self(item).hash(state);
                }
            }
            _ => self.0.hash(state),
        }
    }
}

impl From<Value> for Key {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl From<&Value> for Key {
    fn from(value: &Value) -> Self {
        Self(value.clone())
    }
}
