//! Who may import whom inside the core, and inside the backend of servers.

use super::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// Modules from the bottom up. A module imports from its own layer and from those before it.
/// A submodule stands with its parent.
struct Tower {
    /// Where the modules are, and the file in it that declares them.
    directory: &'static str,
    root: &'static str,
    /// How paths to them begin.
    path: &'static str,
    layers: &'static [&'static [&'static str]],
}

const TOWERS: &[Tower] = &[
    Tower {
        directory: "cache-core/src",
        root: "lib.rs",
        path: "crate::",
        layers: &[
            &[
                "error",
                "time",
                "key",
                "sync",
                "lock",
                "system",
                "threads",
                "info",
                "instances",
                "offload",
                "orders",
                "stop",
            ],
            &["eviction", "counts", "fault", "metrics", "timer", "waits", "scope"],
            &[
                "aging", "backend", "bytes", "memory", "simulate", "studies", "flight", "flights", "dooms", "stale",
                "store", "behind", "tags",
            ],
            &["remote", "settings", "storing", "removing", "conformance"],
            &["cache", "entries", "lease", "many", "scoped", "study"],
            &["builder"],
            &["generated", "models"],
        ],
    },
    Tower {
        directory: "cache-backends/src/redis",
        root: "mod.rs",
        path: "crate::redis::",
        layers: &[
            &["lock"],
            &["process"],
            &["settings"],
            &["wire"],
            &["server"],
            &["fleet"],
            &["keys"],
            &["news"],
            &["claims"],
            &["spaces"],
            &["owed"],
            &["beside"],
            &["here"],
            &["backend"],
            &["tools"],
        ],
    },
];

pub(super) fn upward_imports(sources: &[Source]) -> Result<Vec<String>, String> {
    let faults = TOWERS.iter().map(|tower| tower.upward_imports(sources)).collect::<Result<Vec<_>, _>>()?;
    Ok(faults.concat())
}

impl Tower {
    fn upward_imports(&self, sources: &[Source]) -> Result<Vec<String>, String> {
        let path = Path::new(self.directory).join(self.root);
        let root = sources.iter().find(|source| source.path == path);
        let root = root.ok_or(format!("{} is not there", path.display()))?;
        let (exports, only_for_tests) = (exports(root), only_for_tests(root));
        let mut faults = Vec::new();
        for source in sources.iter().filter(|source| !source.is_test() && source.path != path) {
            let Ok(inside) = source.path.strip_prefix(self.directory) else { continue };
            let module = module(inside);
            if only_for_tests.contains(&module) {
                continue;
            }
            let Some(mine) = self.layer(&module) else {
                faults.push(format!(
                    "{}: `{module}` has no layer; give it one in xtask/src/house/layers.rs",
                    source.path.display()
                ));
                continue;
            };
            let code = code_without_tests(source);
            // The way up to the root, from a module so deep.
            let up = "super::".repeat(module.split("::").count());
            for name in imports(self.path, &code).into_iter().chain(imports(&up, &code)) {
                let imported = exports.get(&name).unwrap_or(&name);
                if self.layer(imported).is_some_and(|other| other > mine) {
                    faults.push(format!(
                        "{}: imports `{imported}`, which stands above `{module}`",
                        source.path.display()
                    ));
                }
            }
        }
        Ok(faults)
    }

    fn layer(&self, module: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.contains(&word(module)))
    }
}

/// The names that follow `path` in imports and elsewhere.
fn imports(path: &str, code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split(path).skip(1) {
        match rest.strip_prefix('{') {
            None => names.push(word(rest).to_owned()),
            Some(group) => names.extend(group_members(group).iter().map(|member| word(member).to_owned())),
        }
    }
    names
}

/// The name of the module that a file below `src` is.
fn module(file: &Path) -> String {
    let parts: Vec<_> = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("::").trim_end_matches("::mod").to_owned()
}

/// What the root re-exports, and from which module.
fn exports(root: &Source) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    let text = root.code.join(" ");
    for statement in text.split("use ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default().trim_start_matches("crate::");
        let Some((module, names)) = statement.split_once("::") else { continue };
        for name in names.split(['{', '}', ',']).filter_map(|name| name.rsplit("::").next()) {
            exports.insert(name.trim().to_owned(), module.trim().to_owned());
        }
    }
    exports
}

/// The modules that the root declares for tests alone; they may look anywhere.
fn only_for_tests(root: &Source) -> Vec<String> {
    let pairs = root.code.windows(2).filter(|pair| pair[0].starts_with("#[cfg(") && pair[0].contains("test"));
    pairs.filter_map(|pair| Some(pair[1].strip_prefix("mod ")?.trim_end_matches(';').to_owned())).collect()
}

/// The code of a file up to its test module; tests may look anywhere.
fn code_without_tests(source: &Source) -> String {
    let end = source.code.iter().position(|line| line.trim() == "#[cfg(test)]");
    source.code[..end.unwrap_or(source.code.len())].join("\n")
}

/// The members of a `{..}` group whose brace is already open, at its own level.
fn group_members(group: &str) -> Vec<String> {
    let (mut depth, mut members) = (0_usize, vec![String::new()]);
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ => {}
        }
        if let Some(last) = members.last_mut().filter(|_| letter != ',' || depth > 0) {
            last.push(letter);
        }
    }
    members
}

/// The name at the start of `text`.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let root = "mod cache;\n#[cfg(all(test, shuttle))]\nmod models;\npub use cache::{Cache, Lookup};\npub use error::{Error, Result};\n";
        let rooms = "mod backend;\nmod wire;\npub use backend::Redis;\n";
        let core = Source::new("cache-core/src/lib.rs", root);
        let redis = Source::new("cache-backends/src/redis/mod.rs", rooms);
        upward_imports(&[core, redis, Source::new(path, text)]).unwrap()
    }

    #[test]
    fn imports_go_down() {
        assert!(faults("cache-core/src/cache.rs", "use crate::Result;\nuse crate::remote::Remote;\n").is_empty());
        assert!(
            faults("cache-core/src/eviction/lru.rs", "use super::list::List;\nuse crate::time::Clock;\n").is_empty()
        );
        assert!(faults("cache-core/src/bytes/mod.rs", "//! See [`Remote`](crate::remote).\n").is_empty());
    }

    #[test]
    fn an_import_that_goes_up_is_found_in_each_form() {
        for text in [
            "use crate::cache::Cache;",
            "use crate::Cache;",
            "let cache = crate::Cache::new();",
            "use crate::{Error, Lookup};",
            "use crate::{\n    error::{Error, Result},\n    cache::Cache,\n};",
            "fn f(cache: &crate::cache::Cache) {}",
            "use super::cache::Cache;",
            "use super::{error::Error, cache::Cache};",
        ] {
            let found = faults("cache-core/src/flight.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with("cache-core/src/flight.rs: imports `cache"), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_rooms_of_a_backend_stand_one_on_the_other() {
        let wire = "cache-backends/src/redis/wire/dial.rs";
        assert!(faults(wire, "use crate::redis::settings::target::Target;").is_empty());
        for text in [
            "use crate::redis::server::link::Link;",
            "use crate::redis::{settings, Redis};",
            "use super::super::server::link::Link;",
        ] {
            assert_eq!(faults(wire, text).len(), 1, "{text}");
        }
        assert!(faults(wire, "use super::server::Name;\nuse super::super::settings::target::Target;").is_empty());
        assert!(faults("cache-backends/src/redis/tools/lock.rs", "use crate::redis::Redis;").is_empty());
        assert_eq!(faults("cache-backends/src/redis/attic.rs", "").len(), 1);
    }

    #[test]
    fn a_submodule_stands_with_its_parent() {
        assert_eq!(faults("cache-core/src/sync.rs", "use crate::memory::slab::Slab;").len(), 1);
        assert_eq!(faults("cache-core/src/eviction/list.rs", "use crate::memory::Memory;").len(), 1);
        assert!(faults("cache-core/src/memory/writes.rs", "use crate::lock::Lock;").is_empty());
        assert!(faults("cache-core/src/memory/table.rs", "use crate::eviction::Slot;").is_empty());
    }

    #[test]
    fn tests_inside_a_file_may_look_up() {
        assert!(
            faults("cache-core/src/flight.rs", "#[cfg(test)]\nmod tests {\n    use crate::cache::Cache;\n}\n")
                .is_empty()
        );
    }

    #[test]
    fn a_module_for_tests_may_look_up() {
        assert!(faults("cache-core/src/models.rs", "use crate::cache::Cache;\n").is_empty());
    }

    #[test]
    fn a_module_without_a_layer_is_a_fault() {
        assert!(faults("cache-core/src/attic.rs", "").iter().any(|fault| fault.contains("`attic` has no layer")));
    }
}
