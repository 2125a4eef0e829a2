//! Python's list.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::{integer, invalid, items, split_kwargs};

/// A list that its methods change in place, seen by all who hold it.
pub struct PyList(RwLock<Vec<Value>>);

impl PyList {
    pub fn read(&self) -> RwLockReadGuard<'_, Vec<Value>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Value>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PyList {
    fn default() -> Self {
        Self(RwLock::new(Vec::new()))
    }
}

impl FromIterator<Value> for PyList {
    fn from_iter<I: IntoIterator<Item = Value>>(iter: I) -> Self {
        Self(RwLock::new(iter.into_iter().collect()))
    }
}

impl From<PyList> for Value {
    fn from(list: PyList) -> Self {
        Self::from_object(list)
    }
}

impl fmt::Debug for PyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        super::repr::row(f, self.read().iter())?;
        f.write_str("]")
    }
}

/// A Python index: from the end where negative.
fn place(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok().filter(|i| *i < length)
    }
}

impl Object for PyList {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let list = self.read();
        place(key.as_i64()?, list.len()).map(|i| list[i].clone())
    }

    fn get_value_by_str(self: &Arc<Self>, _: &str) -> Option<Value> {
        None
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let none = Ok(Value::from(()));
        match name {
            "append" => {
                let (item,): (Value,) = from_args(args)?;
                self.write().push(item);
                none
            }
            "extend" => {
                let (more,): (Value,) = from_args(args)?;
                let more = items(&more)?;
                self.write().extend(more);
                none
            }
            "insert" => {
                let (index, item): (Value, Value) = from_args(args)?;
                let index = integer(&index)?;
                let mut list = self.write();
                let length = list.len();
                let at = if index < 0 {
                    place(index, length).unwrap_or(0)
                } else {
                    usize::try_from(index).unwrap_or(length).min(length)
                };
                list.insert(at, item);
                none
            }
            "pop" => {
                let (index,): (Option<Value>,) = from_args(args)?;
                let index = index.map_or(Ok(-1), |v| integer(&v))?;
                let mut list = self.write();
                let at = place(index, list.len()).ok_or_else(|| invalid("pop index out of range"))?;
                Ok(list.remove(at))
            }
            "remove" => {
                let (item,): (Value,) = from_args(args)?;
                let at = self.read().iter().position(|v| *v == item);
                self.write()
                    .remove(at.ok_or_else(|| invalid(format!("{item:?} is not in the list")))?);
                none
            }
            "reverse" => {
                self.write().reverse();
                none
            }
            "clear" => {
                self.write().clear();
                none
            }
            "copy" => Ok(self.read().iter().cloned().collect::<Self>().into()),
            "index" => {
                let (item,): (Value,) = from_args(args)?;
                let at = self.read().iter().position(|v| *v == item);
                at.map(Value::from)
                    .ok_or_else(|| invalid(format!("{item:?} is not in the list")))
            }
            "count" => {
                let (item,): (Value,) = from_args(args)?;
                Ok(self.read().iter().filter(|v| **v == item).count().into())
            }
            "sort" => {
                let (_, kwargs) = split_kwargs(args)?;
                let reverse = kwargs.get::<Option<bool>>("reverse")?.unwrap_or(false);
                let mut list = self.write();
                list.sort();
                if reverse {
                    list.reverse();
                }
                none
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
