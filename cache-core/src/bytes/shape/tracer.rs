//! What is known of a type between runs, and what the next run should try.

use super::Reader;
use super::de::{Probe, Refused};
use super::form::{Form, merge_at, tag, write_number, write_text};
use std::collections::HashMap;

/// Requests over all runs.
const MAX_EVENTS: u32 = 100_000;
const MAX_RUNS: u32 = 2_000;
/// Levels of nesting: containers met again end at once, so only types without end come near.
pub(super) const MAX_DEPTH: u32 = 100;

/// The kinds of containers. Their order is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Struct,
    Unit,
    Newtype,
    TupleStruct,
    Enum,
}

/// What tells two containers apart within the process. The name of the visitor carries type arguments and modules, so it
/// is never hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) visitor: &'static str,
    pub(super) size: usize,
    /// Names of the fields or variants, as serde gives them.
    pub(super) parts: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    No,
    Yes,
    /// It refuses whatever it is given.
    Refused,
}

#[derive(Debug)]
pub(super) struct Container {
    pub(super) identity: Identity,
    /// Fields, or the payload of each variant.
    pub(super) forms: Vec<Form>,
    /// Of an enum: each variant.
    pub(super) tried: Vec<Tried>,
    /// Of an enum: the variant that ends a recursion.
    pub(super) base: usize,
    /// Of a struct: fields that refuse, which are asked for last so that the others are seen.
    pub(super) refusing: Vec<usize>,
}

/// Where a leaf is: its container, the position in it, and the visitor that reads it.
pub(super) type Site = (Option<usize>, usize, &'static str);

/// A leaf that was answered: who may be to blame when the run fails.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) site: Site,
    /// How many samples there are.
    pub(super) samples: usize,
    /// The variants that were being explored.
    pub(super) exploring: Vec<(usize, usize)>,
}

pub(super) struct Tracer {
    pub(super) reader: Reader,
    pub(super) containers: Vec<Container>,
    numbers: HashMap<Identity, usize>,
    samples: HashMap<Site, usize>,
    events: u32,
    runs: u32,
    progress: u32,
    asked_anything: bool,
    pub(super) run: Run,
}

/// The state of one run.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) depth: u32,
    /// Containers that were met in this run.
    pub(super) met: Vec<bool>,
    /// Containers met again, which only have to end.
    pub(super) ending: Vec<usize>,
    /// The containers around, and the position in each.
    pub(super) path: Vec<(usize, usize)>,
    pub(super) exploring: Vec<(usize, usize)>,
    pub(super) last: Option<Answer>,
    /// Fields of structs through which the failure passed, the innermost first.
    pub(super) failed: Vec<(usize, usize)>,
    /// A recursion did not end, and will take another variant.
    pub(super) moved: bool,
}

impl Tracer {
    pub(super) fn new(reader: Reader) -> Self {
        Tracer {
            reader,
            containers: Vec::new(),
            numbers: HashMap::new(),
            samples: HashMap::new(),
            events: 0,
            runs: 0,
            progress: 0,
            asked_anything: false,
            run: Run::default(),
        }
    }

    /// Whether another run is allowed.
    pub(super) fn start_run(&mut self) -> bool {
        self.runs += 1;
        self.run = Run { met: vec![false; self.containers.len()], ..Run::default() };
        self.runs <= MAX_RUNS && self.events < MAX_EVENTS
    }

    pub(super) fn probe<'t>(&'t mut self, form: &'t mut Form) -> Probe<'t> {
        Probe { tracer: self, form }
    }

    /// Counts a request, which is refused when there were too many.
    pub(super) fn count(&mut self) -> Result<(), Refused> {
        self.events += 1;
        if self.events < MAX_EVENTS { Ok(()) } else { Err(Refused) }
    }

    /// The next request comes from part `at` of the innermost container.
    pub(super) fn stand_at(&mut self, at: usize) {
        if let Some(place) = self.run.path.last_mut() {
            place.1 = at;
        }
    }

    pub(super) fn note_field(&mut self, number: usize, field: usize, seen: Form) {
        merge_at(&mut self.containers[number].forms, field, seen);
    }

    /// The run failed below this field.
    pub(super) fn note_failure(&mut self, number: usize, field: usize) {
        if self.containers[number].identity.kind == Kind::Struct {
            self.run.failed.push((number, field));
        }
    }

    /// The variant that should have ended a recursion has led back to its enum: another one must.
    pub(super) fn move_base(&mut self, number: usize) {
        let container = &mut self.containers[number];
        container.base += 1;
        self.run.moved = container.base < container.forms.len();
        if !self.run.moved {
            container.base = 0;
        }
    }

    /// How many things were learned.
    pub(super) fn progress(&self) -> u32 {
        self.progress
    }

    pub(super) fn learn(&mut self) {
        self.progress += 1;
    }

    pub(super) fn note_anything(&mut self) {
        self.asked_anything = true;
    }

    /// The sample to answer the leaf at `site` with.
    pub(super) fn sample(&self, site: &Site) -> usize {
        if self.samples.is_empty() { 0 } else { self.samples.get(site).copied().unwrap_or(0) }
    }

    /// The number of a container, which is new or known.
    pub(super) fn number(&mut self, identity: Identity) -> usize {
        if let Some(&number) = self.numbers.get(&identity) {
            return number;
        }
        let number = self.containers.len();
        let variants = if identity.kind == Kind::Enum { identity.parts.len() } else { 0 };
        self.numbers.insert(identity.clone(), number);
        self.containers.push(Container {
            identity,
            forms: vec![Form::Unknown; variants],
            tried: vec![Tried::No; variants],
            base: 0,
            refusing: Vec::new(),
        });
        self.run.met.push(false);
        number
    }

    /// The variant to explore: one that was not tried, else one that leads to such a one. So the number of runs grows
    /// with the sum of variants, not with their product.
    pub(super) fn choose(&self, number: usize) -> usize {
        let container = &self.containers[number];
        let untried = || container.tried.iter().position(|tried| *tried == Tried::No);
        let leading = || {
            let mut seen = vec![false; self.containers.len()];
            seen[number] = true;
            container.forms.iter().position(|form| self.leads_on(form, &mut seen))
        };
        let accepted = || container.tried.iter().position(|tried| *tried == Tried::Yes);
        untried().or_else(leading).or_else(accepted).unwrap_or(0)
    }

    fn leads_on(&self, form: &Form, seen: &mut [bool]) -> bool {
        match form {
            Form::Option(form) | Form::Seq(form) => self.leads_on(form, seen),
            Form::Map(entry) => entry.iter().any(|form| self.leads_on(form, seen)),
            Form::Tuple(_, parts) => parts.iter().any(|form| self.leads_on(form, seen)),
            Form::Container(number) if !std::mem::replace(&mut seen[*number], true) => {
                let container = &self.containers[*number];
                container.tried.contains(&Tried::No) || container.forms.iter().any(|form| self.leads_on(form, seen))
            }
            _ => false,
        }
    }

    /// After a run that failed: changes what may be to blame. `false` when nothing is left to change.
    pub(super) fn blame(&mut self) -> bool {
        if self.run.moved {
            return true;
        }
        let last = self.run.last.take();
        if let Some(answer) = &last {
            let sample = self.samples.entry(answer.site).or_insert(0);
            if *sample + 1 < answer.samples {
                *sample += 1;
                return true;
            }
        }
        self.postpone_field() || self.give_up_variant(last.map(|answer| answer.exploring).unwrap_or_default())
    }

    /// The struct around the failure will be asked for its other fields first.
    fn postpone_field(&mut self) -> bool {
        for &(number, field) in &self.run.failed {
            let refusing = &mut self.containers[number].refusing;
            if !refusing.contains(&field) {
                refusing.push(field);
                return true;
            }
        }
        false
    }

    /// The innermost variant that was being explored is out of reach; the others are not.
    fn give_up_variant(&mut self, exploring: Vec<(usize, usize)>) -> bool {
        for (number, variant) in exploring.into_iter().rev() {
            let tried = &mut self.containers[number].tried[variant];
            if *tried == Tried::No {
                *tried = Tried::Refused;
                return true;
            }
        }
        false
    }

    pub(super) fn has_untried(&self) -> bool {
        self.containers.iter().any(|container| container.tried.contains(&Tried::No))
    }

    /// Whether everything that was met was also seen whole.
    pub(super) fn is_complete(&self) -> bool {
        let whole = |container: &Container| {
            !container.tried.contains(&Tried::Refused) && !container.forms.iter().any(Form::is_unknown)
        };
        !self.asked_anything && self.containers.iter().all(whole)
    }

    /// Appends the bytes that stand for `root`, containers numbered in the order in which they are met.
    pub(super) fn write(&self, root: &Form, out: &mut Vec<u8>) {
        self.write_form(root, &mut Vec::new(), out);
    }

    fn write_form(&self, form: &Form, written: &mut Vec<usize>, out: &mut Vec<u8>) {
        match form {
            Form::Unknown => out.push(tag::UNKNOWN),
            Form::Leaf(leaf) => out.push(*leaf as u8),
            Form::Named(leaf, name) => {
                out.extend_from_slice(&[tag::NAMED, *leaf as u8]);
                write_text(name, out);
            }
            Form::Any(name, size) => {
                out.push(tag::ANY);
                write_text(name, out);
                write_number(*size, out);
            }
            Form::Option(form) => {
                out.push(tag::OPTION);
                self.write_form(form, written, out);
            }
            Form::Seq(form) => {
                out.push(tag::SEQ);
                self.write_form(form, written, out);
            }
            Form::Map(entry) => {
                out.push(tag::MAP);
                entry.iter().for_each(|form| self.write_form(form, written, out));
            }
            Form::Tuple(len, parts) => {
                out.push(tag::TUPLE);
                write_number(*len, out);
                write_number(parts.len(), out);
                parts.iter().for_each(|form| self.write_form(form, written, out));
            }
            Form::Container(number) => self.write_container(*number, written, out),
        }
    }

    fn write_container(&self, number: usize, written: &mut Vec<usize>, out: &mut Vec<u8>) {
        if let Some(place) = written.iter().position(|other| *other == number) {
            out.push(tag::AGAIN);
            write_number(place, out);
            return;
        }
        written.push(number);
        let container = &self.containers[number];
        out.push(tag::CONTAINER + container.identity.kind as u8);
        write_text(container.identity.name, out);
        write_number(container.identity.parts.len(), out);
        container.identity.parts.iter().for_each(|name| write_text(name, out));
        write_number(container.forms.len(), out);
        container.forms.iter().for_each(|form| self.write_form(form, written, out));
    }
}
