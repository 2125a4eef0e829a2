//! Python's set.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::IndexSet;
use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::{Key, invalid, items};

/// A set; unlike Python's it keeps the order of insertion, so that SQL made from it is the same every time.
pub struct PySet(RwLock<IndexSet<Key>>);

impl PySet {
    pub fn read(&self) -> RwLockReadGuard<'_, IndexSet<Key>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, IndexSet<Key>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(args: &[Value]) -> Result<Vec<IndexSet<Key>>, Error> {
        args.iter()
            .map(|arg| Ok(items(arg)?.into_iter().map(Key).collect()))
            .collect()
    }
}

impl FromIterator<Value> for PySet {
    fn from_iter<I: IntoIterator<Item = Value>>(iter: I) -> Self {
        Self(RwLock::new(iter.into_iter().map(Key).collect()))
    }
}

impl From<PySet> for Value {
    fn from(set: PySet) -> Self {
        Self::from_object(set)
    }
}

impl fmt::Debug for PySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.read();
        if set.is_empty() {
            return f.write_str("set()");
        }
        f.write_str("{")?;
        super::repr::row(f, set.iter().map(|key| &key.0))?;
        f.write_str("}")
    }
}

impl Object for PySet {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().iter().map(|key| key.0.clone()).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.read().is_empty() {
            return f.write_str("set()");
        }
        fmt::Debug::fmt(&**self, f)
    }

    /// Equal where the members are, in whatever order they came.
    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let sorted = |set: &Self| {
            let mut values: Vec<Value> = set.read().iter().map(|key| key.0.clone()).collect();
            values.sort();
            values
        };
        let other = other.downcast_ref::<Self>()?;
        Some(sorted(self).cmp(&sorted(other)))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let none = Ok(Value::from(()));
        let one = || from_args::<(Value,)>(args).map(|(item,)| item);
        let other = || Ok::<IndexSet<Key>, Error>(items(&one()?)?.into_iter().map(Key).collect());
        match name {
            "add" => {
                let item = one()?;
                self.write().insert(Key(item));
                none
            }
            "discard" => {
                self.write().shift_remove(&Key(one()?));
                none
            }
            "remove" => {
                let item = one()?;
                if self.write().shift_remove(&Key::from(&item)) {
                    none
                } else {
                    Err(invalid(format!("{item:?} is not in the set")))
                }
            }
            "pop" => {
                let first = self.write().shift_remove_index(0);
                first.map(|key| key.0).ok_or_else(|| invalid("pop from an empty set"))
            }
            "clear" => {
                self.write().clear();
                none
            }
            "update" => {
                for other in Self::others(args)? {
                    self.write().extend(other);
                }
                none
            }
            "copy" => Ok(self.read().iter().map(|key| key.0.clone()).collect::<Self>().into()),
            "union" => {
                let others = Self::others(args)?;
                let all = self
                    .read()
                    .iter()
                    .cloned()
                    .chain(others.into_iter().flatten())
                    .map(|key| key.0)
                    .collect::<Vec<_>>();
                Ok(all.into_iter().collect::<Self>().into())
            }
            "intersection" => {
                let others = Self::others(args)?;
                let kept = |v: &&Key| others.iter().all(|o| o.contains(*v));
                Ok(self
                    .read()
                    .iter()
                    .filter(kept)
                    .map(|key| key.0.clone())
                    .collect::<Self>()
                    .into())
            }
            "difference" => {
                let others = Self::others(args)?;
                let kept = |v: &&Key| !others.iter().any(|o| o.contains(*v));
                Ok(self
                    .read()
                    .iter()
                    .filter(kept)
                    .map(|key| key.0.clone())
                    .collect::<Self>()
                    .into())
            }
            "symmetric_difference" => {
                let (other, here) = (other()?, self.read());
                let all = here
                    .symmetric_difference(&other)
                    .map(|key| key.0.clone())
                    .collect::<Vec<_>>();
                Ok(all.into_iter().collect::<Self>().into())
            }
            "issubset" => Ok(other()?.is_superset(&self.read()).into()),
            "issuperset" => Ok(other()?.is_subset(&self.read()).into()),
            "isdisjoint" => Ok(other()?.is_disjoint(&self.read()).into()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
