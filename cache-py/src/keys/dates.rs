//! Dates and times: those with a zone are instants, those without are what the clock on the wall shows.

use super::grammar;
use pyo3::prelude::*;

const SECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Day 1 of the year 1970, counted from day 1 of year 1.
const EPOCH: i128 = 719_163;

/// Appends a `datetime.date`.
pub(super) fn write_date(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::extension(out, "datetime.date");
    write_fields(object, &["year", "month", "day"], out)
}

/// Appends a `datetime.datetime`: with a zone, as microseconds since 1970.
pub(super) fn write_datetime(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
    grammar::extension(out, "datetime.datetime");
    if object.getattr("tzinfo")?.is_none() {
        return write_fields(object, &FIELDS, out);
    }
    // `==` looks at the earlier of two times that a change of clocks gives one name.
    let (earlier, later) = (offset_in_fold(object, 0)?, offset_in_fold(object, 1)?);
    match (earlier, later) {
        (None, _) => write_fields(object, &FIELDS, out),
        // Such a time, and one that the clock skips, equals none of another zone.
        (Some(earlier), later) if later != Some(earlier) => {
            grammar::tuple(out, 3);
            write_fields(object, &FIELDS, out)?;
            grammar::int(out, earlier);
            grammar::int(out, later.unwrap_or(0));
            Ok(())
        }
        (Some(offset), _) => {
            let day: i128 = object.call_method0("toordinal")?.extract()?;
            grammar::int(out, (day - EPOCH) * DAY + time_of_day(object)? - offset);
            Ok(())
        }
    }
}

/// Appends a `datetime.time`: with a zone, as microseconds since midnight in UTC.
pub(super) fn write_time(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::extension(out, "datetime.time");
    match offset(&object)? {
        None => write_fields(object, &["hour", "minute", "second", "microsecond"], out),
        Some(offset) => {
            grammar::int(out, time_of_day(object)? - offset);
            Ok(())
        }
    }
}

/// Appends a `datetime.timedelta`, in microseconds.
pub(super) fn write_delta(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::extension(out, "datetime.timedelta");
    grammar::int(out, micros(&object)?);
    Ok(())
}

fn write_fields(object: Borrowed<'_, '_, PyAny>, names: &[&str], out: &mut Vec<u8>) -> PyResult<()> {
    grammar::tuple(out, names.len());
    for name in names {
        grammar::int(out, field(&object, name)?);
    }
    Ok(())
}

/// Microseconds since midnight, by the clock on the wall.
fn time_of_day(object: Borrowed<'_, '_, PyAny>) -> PyResult<i128> {
    let minutes = field(&object, "hour")? * 60 + field(&object, "minute")?;
    Ok((minutes * 60 + field(&object, "second")?) * SECOND + field(&object, "microsecond")?)
}

/// Microseconds that the zone is ahead of UTC, for the earlier or the later time of that name.
fn offset_in_fold(object: Borrowed<'_, '_, PyAny>, fold: u8) -> PyResult<Option<i128>> {
    if field(&object, "fold")? == i128::from(fold) {
        return offset(&object);
    }
    let kwargs = pyo3::types::PyDict::new(object.py());
    kwargs.set_item("fold", fold)?;
    offset(&object.call_method("replace", (), Some(&kwargs))?)
}

/// Microseconds that the zone is ahead of UTC.
fn offset(object: &Bound<'_, PyAny>) -> PyResult<Option<i128>> {
    let offset = object.call_method0("utcoffset")?;
    if offset.is_none() { Ok(None) } else { micros(&offset).map(Some) }
}

/// A `timedelta` in microseconds.
fn micros(delta: &Bound<'_, PyAny>) -> PyResult<i128> {
    Ok(field(delta, "days")? * DAY + field(delta, "seconds")? * SECOND + field(delta, "microseconds")?)
}

fn field(object: &Bound<'_, PyAny>, name: &str) -> PyResult<i128> {
    // A subclass may show anything; nothing that fits here overflows later.
    Ok(object.getattr(name)?.extract::<i64>()?.into())
}
