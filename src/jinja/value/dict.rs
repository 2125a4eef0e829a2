//! Python's dict.

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::frozen::{Frozen, FrozenDict};
use super::{Key, PyList, invalid, items, split_kwargs};

/// A dict that keeps the order of insertion and that its methods change in place.
pub struct PyDict {
    body: OnceLock<RwLock<IndexMap<Key, Value>>>,
    /// What the body is made from when somebody looks at more than one plain value.
    frozen: Option<Arc<FrozenDict>>,
}

impl PyDict {
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Value, Value)>) -> Self {
        Self {
            body: OnceLock::from(RwLock::new(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())),
            frozen: None,
        }
    }

    /// A dict of one's own with the entries of a shared one, which are copied when they are needed.
    pub fn frozen(entries: Arc<FrozenDict>) -> Self {
        Self {
            body: OnceLock::new(),
            frozen: Some(entries),
        }
    }

    fn body(&self) -> &RwLock<IndexMap<Key, Value>> {
        self.body.get_or_init(|| {
            let entries = self.frozen.iter().flat_map(|entries| entries.iter());
            RwLock::new(entries.map(|(k, v)| (k.clone(), v.thaw())).collect())
        })
    }

    /// The value of a key; a plain one is read where it is.
    fn value_of(&self, key: &Value) -> Option<Value> {
        if let (None, Some(frozen)) = (self.body.get(), &self.frozen) {
            match frozen.get(&Key::from(key)) {
                Some(Frozen::Scalar(value)) => return Some(value.clone()),
                None => return None,
                Some(_) => {}
            }
        }
        self.read().get(&Key::from(key)).cloned()
    }

    pub fn read(&self) -> RwLockReadGuard<'_, IndexMap<Key, Value>> {
        self.body().read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, IndexMap<Key, Value>> {
        self.body().write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<PyDict> for Value {
    fn from(dict: PyDict) -> Self {
        Self::from_object(dict)
    }
}

impl fmt::Debug for PyDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::repr::dict(f, self.read().iter().map(|(k, v)| (k.0.clone(), v.clone())))
    }
}

/// What `dict(..)` and `update(..)` take: a mapping or pairs, then keywords.
pub fn pairs(args: &[Value]) -> Result<Vec<(Value, Value)>, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let mut found = Vec::new();
    for arg in args {
        let object = arg.as_object();
        if let Some(object) = object.filter(|o| o.repr() == ObjectRepr::Map) {
            found.extend(object.try_iter_pairs().into_iter().flatten());
        } else {
            for pair in items(arg)? {
                let [key, value]: [Value; 2] = items(&pair)?
                    .try_into()
                    .map_err(|_| invalid("a dict is made of pairs"))?;
                found.push((key, value));
            }
        }
    }
    for name in kwargs.args() {
        found.push((Value::from(name), kwargs.get(name)?));
    }
    Ok(found)
}

impl Object for PyDict {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.value_of(key)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.read().keys().map(|k| k.0.clone()).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.read().len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let none = Ok(Value::from(()));
        match name {
            "get" => {
                let (key, default): (&Value, Option<Value>) = from_args(args)?;
                Ok(self.value_of(key).or(default).unwrap_or_else(|| Value::from(())))
            }
            "keys" => Ok(self.read().keys().map(|k| k.0.clone()).collect::<PyList>().into()),
            "values" => Ok(self.read().values().cloned().collect::<PyList>().into()),
            "items" => {
                let dict = self.read();
                let pairs = dict.iter().map(|(k, v)| Tuple::from([k.0.clone(), v.clone()]));
                Ok(pairs.map(Value::from).collect::<PyList>().into())
            }
            "update" => {
                let more = pairs(args)?;
                self.write().extend(more.into_iter().map(|(k, v)| (Key(k), v)));
                none
            }
            "setdefault" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let default = default.unwrap_or_else(|| Value::from(()));
                Ok(self.write().entry(Key(key)).or_insert(default).clone())
            }
            "pop" => {
                let (key, default): (Value, Option<Value>) = from_args(args)?;
                let found = self.write().shift_remove(&Key::from(&key));
                found
                    .or(default)
                    .ok_or_else(|| invalid(format!("the dict has no key {key:?}")))
            }
            "popitem" => {
                let last = self.write().pop();
                last.map(|(k, v)| Value::from(Tuple::from([k.0, v])))
                    .ok_or_else(|| invalid("popitem: the dict is empty"))
            }
            "clear" => {
                self.write().clear();
                none
            }
            "fromkeys" => {
                let (keys, value): (Value, Option<Value>) = from_args(args)?;
                let value = value.unwrap_or_else(|| Value::from(()));
                Ok(Self::from_pairs(items(&keys)?.into_iter().map(|key| (key, value.clone()))).into())
            }
            "copy" => Ok(Self::from_pairs(self.read().iter().map(|(k, v)| (k.0.clone(), v.clone()))).into()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
