//! `itertools`

use minijinja::value::Tuple;
use minijinja::{Error, ErrorKind, Value};

use super::class::{Class, not_callable};
use crate::jinja::failure::failure;
use crate::jinja::value::{PyList, argument, integer, invalid, items, split_kwargs};

/// More results than that are a mistake.
const MOST: usize = 1_000_000;

fn tuples(rows: Vec<Vec<Value>>) -> Value {
    rows.into_iter()
        .map(|row| Value::from(Tuple::from(row)))
        .collect::<PyList>()
        .into()
}

fn columns(args: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
    args.iter().map(items).collect()
}

fn product(args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let repeat = kwargs.get::<Option<usize>>("repeat")?.unwrap_or(1);
    let once = columns(args)?;
    let mut rows = vec![Vec::new()];
    for _ in 0..repeat {
        for column in &once {
            if rows.len().saturating_mul(column.len()) > MOST {
                return Err(invalid("the product is too large"));
            }
            rows = rows
                .iter()
                .flat_map(|row| {
                    column.iter().map(move |item| {
                        let mut row = row.clone();
                        row.push(item.clone());
                        row
                    })
                })
                .collect();
        }
    }
    Ok(tuples(rows))
}

/// Picks `left` more of the places in `0..length`, in order or in any order.
fn pick(
    length: usize,
    left: usize,
    row: &mut Vec<usize>,
    may_follow: &dyn Fn(&[usize], usize) -> bool,
    rows: &mut Vec<Vec<usize>>,
) -> Result<(), Error> {
    if rows.len() > MOST {
        return Err(invalid("there are too many combinations"));
    }
    if left == 0 {
        rows.push(row.clone());
        return Ok(());
    }
    for i in 0..length {
        if may_follow(row, i) {
            row.push(i);
            pick(length, left - 1, row, may_follow, rows)?;
            row.pop();
        }
    }
    Ok(())
}

fn picks(name: &str, args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let pool = items(
        args.first()
            .ok_or_else(|| invalid(format!("`{name}` wants something to pick from")))?,
    )?;
    let count = match argument(args, &kwargs, 1, "r").filter(|v| !v.is_none()) {
        Some(count) => usize::try_from(integer(&count)?).map_err(|_| invalid("`r` is negative"))?,
        None => pool.len(),
    };
    let rule: &dyn Fn(&[usize], usize) -> bool = match name {
        "combinations" => &|row, i| row.last().is_none_or(|last| i > *last),
        "combinations_with_replacement" => &|row, i| row.last().is_none_or(|last| i >= *last),
        _ => &|row, i| !row.contains(&i),
    };
    let mut rows = Vec::new();
    pick(pool.len(), count, &mut Vec::new(), rule, &mut rows)?;
    Ok(tuples(
        rows.into_iter()
            .map(|row| row.into_iter().map(|i| pool[i].clone()).collect())
            .collect(),
    ))
}

fn zip_longest(args: &[Value]) -> Result<Value, Error> {
    let (args, kwargs) = split_kwargs(args)?;
    let fill = kwargs
        .get::<Option<Value>>("fillvalue")?
        .unwrap_or_else(|| Value::from(()));
    let columns = columns(args)?;
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    Ok(tuples(
        (0..length)
            .map(|i| columns.iter().map(|c| c.get(i).unwrap_or(&fill).clone()).collect())
            .collect(),
    ))
}

fn islice(args: &[Value]) -> Result<Value, Error> {
    let all = items(args.first().ok_or_else(|| invalid("`islice` wants an iterable"))?)?;
    let number = |i: usize| -> Result<Option<usize>, Error> {
        match args.get(i).filter(|v| !v.is_none()) {
            Some(value) => Ok(usize::try_from(integer(value)?).ok()),
            None => Ok(None),
        }
    };
    let (start, end) = if args.len() == 2 {
        (0, number(1)?)
    } else {
        (number(1)?.unwrap_or(0), number(2)?)
    };
    let step = number(3)?.unwrap_or(1).max(1);
    let end = end.unwrap_or(all.len()).min(all.len());
    let part = all.into_iter().take(end).skip(start).step_by(step);
    Ok(part.collect::<PyList>().into())
}

fn chain(args: &[Value]) -> Result<Value, Error> {
    Ok(columns(args)?.into_iter().flatten().collect::<PyList>().into())
}

fn call(name: &str, args: &[Value]) -> Result<Value, Error> {
    match name {
        "product" => product(args),
        "combinations" | "combinations_with_replacement" | "permutations" => picks(name, args),
        "zip_longest" => zip_longest(args),
        "islice" => islice(args),
        "chain" => chain(args),
        "compress" => match args {
            [all, chosen] => {
                let pairs = items(all)?.into_iter().zip(items(chosen)?);
                let kept = pairs.filter(|(_, chosen)| chosen.is_true()).map(|(item, _)| item);
                Ok(kept.collect::<PyList>().into())
            }
            _ => Err(invalid("`compress` wants values and which of them to keep")),
        },
        "tee" => {
            let all = items(args.first().unwrap_or(&Value::UNDEFINED))?;
            let times = args.get(1).map_or(Ok(2), integer)?;
            let times = usize::try_from(times).unwrap_or(0).min(MOST);
            let copies = (0..times).map(|_| all.iter().cloned().collect::<PyList>().into());
            Ok(Value::from(Tuple::from(copies.collect::<Vec<Value>>())))
        }
        "count" | "cycle" => Err(failure(
            "not-supported",
            format!("`itertools.{name}` never ends; use range(..) or loop.cycle(..)"),
        )),
        "starmap" => Err(failure(
            "not-supported",
            "`itertools.starmap` is not supported; write a loop",
        )),
        "repeat" => match args {
            [item, times] => {
                let times = usize::try_from(integer(times)?).unwrap_or(0).min(MOST);
                Ok(std::iter::repeat_n(item.clone(), times).collect::<PyList>().into())
            }
            _ => Err(invalid("`repeat` wants a value and how often")),
        },
        "accumulate" => {
            let mut sum: Option<Value> = None;
            let mut sums = Vec::new();
            for item in items(args.first().unwrap_or(&Value::UNDEFINED))? {
                let next = match sum {
                    Some(sum) => crate::jinja::value::add(&sum, &item)?,
                    None => item,
                };
                sums.push(next.clone());
                sum = Some(next);
            }
            Ok(sums.into_iter().collect::<PyList>().into())
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

pub(super) fn module() -> Value {
    Class {
        name: "itertools",
        call: not_callable,
        member: |name| {
            (name == "chain").then(|| {
                Class {
                    name: "itertools.chain",
                    call: chain,
                    member: |_| None,
                    method: |name, args| match (name, args) {
                        ("from_iterable", [all]) => chain(&items(all)?),
                        _ => Err(Error::from(ErrorKind::UnknownMethod)),
                    },
                }
                .value()
            })
        },
        method: call,
    }
    .value()
}
