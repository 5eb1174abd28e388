//! What a decorator or a cache was told, besides `maxsize` and `typed`.

use crate::errors::wrong;
use memolith::{Policy, Writes};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use std::time::Duration;

/// The keyword arguments of `lru_cache` and `Cache`, read and checked. `memolith/_decorator.py` has given each its
/// plain form: durations are seconds, sizes are bytes.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) policy: Policy,
    pub(crate) ttl: Option<Duration>,
    pub(crate) tti: Option<Duration>,
    pub(crate) aging: Aging,
    pub(crate) max_bytes: Option<u64>,
    /// A URL, or what `memolith.open` returned.
    pub(crate) backend: Option<Py<PyAny>>,
    pub(crate) memory: Option<usize>,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// Makes the key of a call from its arguments.
    pub(crate) key: Option<Py<PyAny>>,
    /// Parameters that are no part of the key.
    pub(crate) skip: Vec<String>,
    /// A name, or an object with `encode` and `decode`.
    pub(crate) codec: Option<Py<PyAny>>,
    /// The secret that stored values are authenticated with.
    pub(crate) sign: Option<Vec<u8>>,
    /// Whether a result is kept.
    pub(crate) cache_if: Option<Py<PyAny>>,
    /// What a result was made from, by the result and the arguments.
    pub(crate) tags: Option<Py<PyAny>>,
    pub(crate) on_error: Option<Py<PyAny>>,
    pub(crate) writes: Writes,
    pub(crate) wait: Option<Duration>,
    pub(crate) single_flight: Option<bool>,
}

/// How results grow old: of all of them what the core's builder says.
#[derive(Default)]
pub(crate) struct Aging {
    pub(crate) jitter: Option<f64>,
    pub(crate) early_refresh: Option<f64>,
    pub(crate) stale: Option<Duration>,
}

impl Aging {
    /// The first that was asked for.
    fn first(&self) -> Option<&'static str> {
        let asked = [self.stale.map(|_| "stale"), self.early_refresh.map(|_| "early_refresh")];
        asked.into_iter().chain([self.jitter.map(|_| "jitter")]).flatten().next()
    }
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// `TypeError` for a name that there is not or a value of a wrong type, `ValueError` for one out of range.
    pub(crate) fn read(given: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut options = Options::default();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_none()) {
            let name: String = name.extract()?;
            match name.as_str() {
                "policy" => options.policy = policy(&value.extract::<String>()?)?,
                "ttl" => options.ttl = Some(duration(&name, &value)?),
                "tti" => options.tti = Some(duration(&name, &value)?),
                "jitter" => options.aging.jitter = share(&name, &value, 1.0)?,
                "early_refresh" => options.aging.early_refresh = share(&name, &value, f64::MAX)?,
                "stale" => options.aging.stale = Some(duration(&name, &value)?),
                "max_bytes" => options.max_bytes = Some(value.extract()?),
                "backend" => options.backend = Some(value.unbind()),
                "memory" => options.memory = Some(value.extract()?),
                "name" => options.name = Some(value.extract()?),
                "version" => options.version = Some(value.str()?.extract()?),
                "key" => options.key = Some(value.unbind()),
                "skip" => options.skip = value.extract()?,
                "codec" => options.codec = Some(value.unbind()),
                "sign" => options.sign = Some(value.extract()?),
                "cache_if" => options.cache_if = Some(value.unbind()),
                "tags" => options.tags = Some(value.unbind()),
                "on_error" => options.on_error = Some(value.unbind()),
                "writes" => options.writes = writes(&value.extract::<String>()?)?,
                "wait" => options.wait = Some(duration(&name, &value)?),
                "single_flight" => options.single_flight = Some(value.extract()?),
                _ => {
                    let message = format!("there is no argument `{name}`");
                    return Err(pyo3::exceptions::PyTypeError::new_err(message));
                }
            }
        }
        options.aging_makes_sense()?;
        Ok(options)
    }

    fn aging_makes_sense(&self) -> PyResult<()> {
        let Some(name) = self.aging.first() else { return Ok(()) };
        if self.ttl.is_none() || self.tti.is_some() {
            return Err(wrong(format!("`{name}` needs a `ttl`, and does not go with a `tti`")));
        }
        if self.single_flight == Some(false) && name != "jitter" {
            return Err(wrong(format!("with `{name}` one caller computes for all, leave out `single_flight=False`")));
        }
        Ok(())
    }

    /// Whether they make sense in memory alone.
    ///
    /// # Errors
    /// `ValueError` for a bound by bytes, which objects have none of, and for what the core's cache alone does.
    pub(crate) fn without_backend(&self) -> PyResult<()> {
        if let Some(name) = self.aging.first().or(self.tags.as_ref().map(|_| "tags")) {
            return Err(wrong(format!("`{name}` needs a `backend`, write `backend=\"memory:\"` for memory alone")));
        }
        match self.max_bytes {
            None => Ok(()),
            Some(_) => Err(wrong("`max_bytes` counts stored bytes, give a `backend` or use `maxsize`")),
        }
    }
}

/// The policy called so, in any case and with or without `_` and `-`.
fn policy(name: &str) -> PyResult<Policy> {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let wanted = plain(name);
    let found = Policy::ALL.iter().chain([&Policy::Auto]).find(|policy| plain(&format!("{policy:?}")) == wanted);
    found.copied().ok_or_else(|| {
        let known: Vec<String> = Policy::ALL.iter().map(|policy| format!("{policy:?}").to_lowercase()).collect();
        wrong(format!("there is no policy {name:?}, choose one of {}", known.join(", ")))
    })
}

/// Seconds, more than none. More than a `Duration` holds is for ever.
fn duration(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds: f64 = value.extract()?;
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(wrong(format!("`{name}` must be more than 0 seconds, leave it out for no limit")));
    }
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// A number above 0 and `most` at most; `True` is 1, and `False` is none.
fn share(name: &str, value: &Bound<'_, PyAny>, most: f64) -> PyResult<Option<f64>> {
    let share: f64 = value.extract()?;
    if value.is_instance_of::<PyBool>() {
        return Ok((share > 0.0).then_some(share));
    }
    match share > 0.0 && share <= most {
        true => Ok(Some(share)),
        false if most == 1.0 => Err(wrong(format!("`{name}` is above 0 and 1 at most, leave it out for none"))),
        false => Err(wrong(format!("`{name}` is above 0, leave it out for none"))),
    }
}

fn writes(name: &str) -> PyResult<Writes> {
    match name {
        "through" => Ok(Writes::Through),
        "behind" => Ok(Writes::Behind),
        _ => Err(wrong(format!("`writes` is \"through\" or \"behind\", not {name:?}"))),
    }
}
