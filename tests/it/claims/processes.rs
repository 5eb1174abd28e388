//! Claims of processes, in the shared map.

use super::LONG;
use crate::watchdog::{until, within};
use memolith::{Cache, Postcard};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

const PLACE: &str = "MEMOLITH_TEST_CLAIMS";

/// A directory for one test: the map, a note of each computation, and the signal to begin.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let place = std::env::temp_dir().join(format!("memolith-claims-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        Place(place)
    }

    /// Runs the `test` of this file in another process, which finds the place.
    fn child(&self, test: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("claims::processes::{test}")])
            .env(PLACE, &self.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a child is to work.
fn place() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

fn cache(place: &Path) -> Cache<u64, u64> {
    let backend = memolith::open(&format!("shm:{}/map", place.display()));
    Cache::builder().backend(backend, "f", Postcard).wait(LONG).build()
}

fn note(place: &Path) {
    File::options().create(true).append(true).open(place.join("notes")).unwrap().write_all(b".").unwrap();
}

fn notes(place: &Path) -> usize {
    fs::read(place.join("notes")).unwrap_or_default().len()
}

#[test]
fn of_four_processes_one_computes() {
    if let Some(place) = place() {
        let cache = cache(&place);
        until(|| place.join("go").exists());
        let value = cache.get_or_insert_with(&1, || {
            note(&place);
            thread::sleep(Duration::from_millis(200));
            7
        });
        assert_eq!((value, cache.info().errors), (7, 0));
        return;
    }
    within(60, || {
        let place = Place::new("four");
        let children: Vec<_> = (0..4).map(|_| place.child("of_four_processes_one_computes")).collect();
        File::create(place.0.join("go")).unwrap();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(notes(&place.0), 1);
    });
}

#[test]
fn a_killed_process_is_not_waited_for() {
    if let Some(place) = place() {
        cache(&place).get_or_insert_with(&1, || {
            note(&place);
            // Until it is killed; by itself only if the test was.
            thread::sleep(Duration::from_secs(60));
            8
        });
        return;
    }
    within(60, || {
        let place = Place::new("killed");
        let mut child = place.child("a_killed_process_is_not_waited_for");
        until(|| notes(&place.0) == 1);
        let cache = cache(&place.0);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| cache.get_or_insert_with(&1, || 7));
            thread::sleep(Duration::from_millis(300));
            assert!(!waiter.is_finished());
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(waiter.join().unwrap(), 7);
        });
        assert_eq!(cache.info().errors, 0);
    });
}
