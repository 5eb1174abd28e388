//! What must hold when all is quiet: contents, counts and bounds agree, and what is put is found.

use crate::field::{self, COMMON, Key};
use crate::ledger::Ledger;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use memolith::{Backend, Space, Timestamp, Visit};
use std::collections::BTreeSet;

/// Keys of each space that are put and looked for in the end.
const PROBES: usize = 300;

/// Looks at every entry of every space: its value, its version, that it is there once; and that `len` counts the same.
pub(crate) fn contents(backend: &dyn Backend, ledger: &Ledger, owners: usize, report: &mut Report) -> Outcome {
    for (number, space) in field::common().into_iter().enumerate() {
        listed(backend, ledger, (number, &space), report)?;
    }
    for owner in 0..owners {
        listed(backend, ledger, (COMMON, &field::own(owner)), report)?;
    }
    Ok(())
}

fn listed(backend: &dyn Backend, ledger: &Ledger, (number, space): (usize, &Space), report: &mut Report) -> Outcome {
    let (now, mut seen, mut bytes, mut wrong) = (field::now(), BTreeSet::new(), 0, Vec::new());
    let mut shown = 0_u64;
    backend
        .scan(space, now, &mut |key_bytes, record| {
            shown += 1;
            bytes += (key_bytes.len() + record.value.len()) as u64;
            let Some(key) = Key::of_bytes(number, key_bytes) else {
                wrong.push(format!("a scan shows the key {:?}", key_bytes.escape_ascii().to_string()));
                return Visit::Keep;
            };
            let marks = ledger.marks(key);
            match (key.version(record, now), marks) {
                (Ok(version), Ok(marks)) if (marks.least..=marks.begun).contains(&version) => {}
                (Ok(version), marks) => wrong.push(format!("{key:?} holds version {version}, not in {marks:?}")),
                (Err(why), _) => wrong.push(why),
            }
            if !seen.insert(key) {
                wrong.push(format!("{key:?} is shown twice"));
            }
            Visit::Keep
        })
        .map_err(because("a quiet space cannot be listed"))?;
    let length = backend.len(space).map_err(because("a quiet space has no length"))?;
    wrong.into_iter().take(5).for_each(|what| report.fault(format!("wrong: {what}")));
    // Expired entries may count; a scan does not show them. Live ones must.
    report.check(length >= shown, || format!("`{}` counts {length} entries, and shows {shown}", space.name));
    report.check(space.maxsize.is_none_or(|bound| length <= bound), || {
        format!("`{}` holds {length} entries, its bound is {:?}", space.name, space.maxsize)
    });
    report.check(space.max_bytes.is_none_or(|bound| bytes <= bound), || {
        format!("`{}` holds {bytes} bytes, its bound is {:?}", space.name, space.max_bytes)
    });
    Ok(())
}

/// Puts new versions of keys of `owner` into every space, each of which must be found at once; then the entries alone must
/// make up the lengths, with nothing expired among them. Says how many were lost.
pub(crate) fn usable(backend: &dyn Backend, ledger: &Ledger, owner: usize, report: &mut Report) -> Outcome<u64> {
    let (mut lost, mut tried) = (0, 0);
    for (number, space) in field::common().iter().chain([&field::own(owner)]).enumerate() {
        let keys = if number == COMMON { field::OWN_KEYS } else { PROBES };
        for index in 0..keys {
            let key = Key { space: number, owner, index };
            // A small region holds no large values.
            let fits = |version: &u32| key.record(*version, Timestamp::NEVER).value.len() <= 64 << 10;
            let begun = ledger.marks(key)?.begun;
            let version = (begun + 1..).find(fits).unwrap_or(begun + 1);
            let (bytes, record) = (key.bytes(), key.record(version, Timestamp::NEVER));
            ledger.begin(key, version)?;
            let put = backend.put(space, &bytes, &record, field::now());
            let found = backend.get(space, &bytes, field::now()).ok().flatten();
            tried += 1;
            match put {
                Ok(()) => ledger.raise(key, version)?,
                Err(error) => ledger.tell("failed", &because("a put into a quiet region")(error))?,
            }
            if found.as_ref() != Some(&record) {
                lost += 1;
                let size = record.value.len();
                ledger.tell("note", &format!("{key:?} of {size} bytes was put and is not there: {}", space.name))?;
            }
        }
    }
    report.row("puts in the end, lost", format!("{tried}, {lost}"));
    report.check(lost == 0, || format!("{lost} of {tried} puts into a quiet region were lost"));
    Ok(lost)
}

/// Clears every space, each of which is empty then: what is still counted was never there.
pub(crate) fn emptied(backend: &dyn Backend, owners: usize, report: &mut Report) -> Outcome {
    for space in field::common().into_iter().chain((0..owners).map(field::own)) {
        backend.clear(&space).map_err(because("a quiet space cannot be cleared"))?;
        let (length, shown) = counted(backend, &space)?;
        report.check((length, shown) == (0, 0), || {
            format!("`{}` counts {length} entries after it was cleared, and shows {shown}", space.name)
        });
    }
    Ok(())
}

/// What a space counts, and what it shows. These differ by what is too large for one piece and has lost one.
pub(crate) fn counted(backend: &dyn Backend, space: &Space) -> Outcome<(u64, u64)> {
    let mut shown = 0;
    // At this time nothing has expired.
    let listed = backend.scan(space, Timestamp::from_micros(0), &mut |_, _| {
        shown += 1;
        Visit::Keep
    });
    listed.map_err(because("a quiet space cannot be listed"))?;
    Ok((backend.len(space).map_err(because("a quiet space has no length"))?, shown))
}

/// The counts of the region itself, and the files it leaves.
pub(crate) fn region(region: &Region, site: &Site, report: &mut Report) -> Outcome {
    let stats = region.info();
    report.row("repairs", stats.repairs);
    report.row("entries, evictions, oversize", format!("{}, {}, {}", stats.entries, stats.evictions, stats.oversize));
    let files = site.files();
    report.row("files", files.join(" "));
    report.check(files == ["region"], || format!("files beside the region are left: {files:?}"));
    Ok(())
}
