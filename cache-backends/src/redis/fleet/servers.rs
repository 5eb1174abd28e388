//! The servers that are known, and who of them has what.

use super::map::Map;
use super::refresh::Refresh;
use super::{cluster, sentinel};
use crate::redis::lock::{Mutex, RwLock};
use crate::redis::server::node::Node;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::{Address, Login, Target, Topology};
use crate::redis::wire::request::Route;
use memolith_core::Result;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// All servers of a target. Making one does no I/O.
pub(crate) struct Servers {
    source: Source,
    /// Whom the user named, to be asked who has what.
    seeds: Vec<Arc<Node>>,
    /// Further sentinels, as one has told: they are asked when those are silent that the user named.
    sentinels: Mutex<Vec<Arc<Node>>>,
    login: Login,
    sentinel_login: Login,
    timeout: Duration,
    /// Empty until somebody was asked.
    map: RwLock<Arc<Map>>,
    pub(crate) refresh: Refresh,
    asks: AtomicUsize,
    /// How many rounds in a row have told of older owners than are known.
    older: AtomicUsize,
    /// Until when waiting for what passes is vain, for a slot or for all: it did not pass within the time-out of another
    /// call.
    vain: Mutex<Vec<(Route, Instant)>>,
}

/// Who knows who has what.
#[derive(Debug)]
enum Source {
    /// Nobody needs to be asked: there is one server.
    Single(Address),
    Cluster,
    /// Sentinels, which call the primary by this name.
    Sentinel(String),
}

/// After so many rounds in a row that tell of older owners than are known they are believed: the cluster was made anew.
const OLDER: usize = 50;
/// So many sentinels are remembered at most: more would keep a round from ending while none of them answers.
const SENTINELS: usize = 16;
/// For how long nobody waits after somebody has waited in vain.
const VAIN: Duration = Duration::from_secs(1);

impl Servers {
    pub(crate) fn new(target: Target, options: &Options) -> Self {
        let (login, sentinel_login, timeout) = (target.login, target.sentinel_login, options.timeout);
        let node = |address| Arc::new(Node::new(address, &login, timeout));
        let (source, seeds, map) = match target.topology {
            Topology::Single(address) => (Source::Single(address.clone()), Vec::new(), Map::of(node(address))),
            Topology::Cluster(seeds) => (Source::Cluster, seeds, Map::default()),
            Topology::Sentinel { name, sentinels } => (Source::Sentinel(name), sentinels, Map::default()),
        };
        let seed_login = if matches!(source, Source::Sentinel(_)) { &sentinel_login } else { &login };
        let seeds = seeds.into_iter().map(|seed| Arc::new(Node::new(seed, seed_login, timeout))).collect();
        let interval = match source {
            // Only a new connection can help here, and each costs the server.
            Source::Single(_) => Duration::from_secs(1),
            Source::Cluster | Source::Sentinel(_) => Duration::from_millis(100),
        };
        Servers {
            source,
            seeds,
            sentinels: Mutex::default(),
            login,
            sentinel_login,
            timeout,
            map: RwLock::new(Arc::new(map)),
            refresh: Refresh::every(interval),
            asks: AtomicUsize::new(0),
            older: AtomicUsize::new(0),
            vain: Mutex::default(),
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read())
    }

    /// Whether another server may take the place of one.
    pub(crate) fn change(&self) -> bool {
        !matches!(self.source, Source::Single(_))
    }

    /// Who has what by those who know. `lost` are asked last, and are not believed to have anything if others differ.
    pub(crate) async fn fetch(&self, round: usize, lost: &[Arc<Node>]) -> Result<()> {
        let old = self.map();
        let is_lost = |node: &Arc<Node>| lost.iter().any(|lost| lost.address() == node.address());
        let mut map = match &self.source {
            Source::Single(address) => Map::of(self.node(address)),
            Source::Cluster => {
                let alive =
                    |nodes: &[Arc<Node>]| nodes.iter().filter(|node| !is_lost(node)).cloned().collect::<Vec<_>>();
                let mut asked = turned(alive(&old.primaries), round);
                asked.extend(alive(&old.replicas));
                let seeds = self.seeds.iter().filter(|seed| old.at(seed.address()).is_none());
                asked.extend(seeds.chain(lost).cloned());
                let known = Mutex::new(by_address(self.seeds.iter().chain(old.nodes())));
                cluster::fetch(&asked, lost, &|address| self.find(&known, address)).await?
            }
            Source::Sentinel(name) => {
                let mut asked = turned(self.seeds.clone(), round);
                asked.extend(turned(self.sentinels.lock().clone(), round));
                let known = Mutex::new(by_address(old.nodes()));
                let (find, meet) = (|address| self.find(&known, address), |others| self.meet_sentinels(others));
                sentinel::fetch(name, &asked, &find, &meet).await?
            }
        };
        let mut known = self.map.write();
        let is_older = self.older.load(Relaxed) < OLDER && map.keep_newer(&known);
        self.older.store(if is_older { self.older.load(Relaxed) + 1 } else { 0 }, Relaxed);
        *known = Arc::new(map);
        Ok(())
    }

    /// Who watches besides the seeds, as the last sentinel has said that answered.
    fn meet_sentinels(&self, others: Vec<Address>) {
        let mut known = self.sentinels.lock();
        let is_seed = |address: &Address| self.seeds.iter().any(|seed| seed.address() == address);
        let node = |address: Address| {
            let old = known.iter().find(|node| *node.address() == address).cloned();
            old.unwrap_or_else(|| Arc::new(Node::new(address, &self.sentinel_login, self.timeout)))
        };
        *known = others.into_iter().filter(|address| !is_seed(address)).take(SENTINELS).map(node).collect();
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        Arc::new(Node::new(address.clone(), &self.login, self.timeout))
    }

    fn find(&self, known: &Mutex<HashMap<Address, Arc<Node>>>, address: Address) -> Arc<Node> {
        Arc::clone(known.lock().entry(address).or_insert_with_key(|address| self.node(address)))
    }

    /// The server at `address`, which another one named. The next refresh forgets it unless it has slots.
    pub(crate) fn meet(&self, address: Address) -> Arc<Node> {
        self.asks.fetch_add(1, Relaxed);
        self.learn(address, |map, node| map.replicas.push(Arc::clone(node)), |_, _| true)
    }

    /// How often one was met.
    pub(crate) fn asks(&self) -> usize {
        self.asks.load(Relaxed)
    }

    /// As [`meet`](Self::meet), and the server has the slot from now on.
    pub(crate) fn moved(&self, slot: u16, address: Address) -> Arc<Node> {
        let owns = |map: &Map, node: &Arc<Node>| map.owner(slot).is_some_and(|owner| Arc::ptr_eq(owner, node));
        self.learn(address, |map, node| map.assign(slot, slot, node), owns)
    }

    fn learn(
        &self,
        address: Address,
        change: impl FnOnce(&mut Map, &Arc<Node>),
        knows: impl FnOnce(&Map, &Arc<Node>) -> bool,
    ) -> Arc<Node> {
        let mut map = self.map.write();
        let seed = || self.seeds.iter().find(|seed| *seed.address() == address);
        let known = map.at(&address).cloned();
        if let Some(node) = &known
            && knows(&map, node)
        {
            return Arc::clone(node);
        }
        let node = known.or_else(|| seed().cloned()).unwrap_or_else(|| self.node(&address));
        change(Arc::make_mut(&mut map), &node);
        node
    }

    /// Whether what passes has kept a call for the whole of its time-out not long ago, that of a slot or of the servers.
    pub(crate) fn is_vain(&self, of: Route) -> bool {
        let now = Instant::now();
        self.vain.lock().iter().any(|(vain, end)| now < *end && (*vain == of || *vain == Route::Any))
    }

    pub(crate) fn waited_in_vain(&self, of: Route) {
        let (mut vain, now) = (self.vain.lock(), Instant::now());
        vain.retain(|(other, end)| now < *end && *other != of);
        vain.push((of, now + VAIN));
    }
}

/// So that another is asked first in each round.
fn turned(mut nodes: Vec<Arc<Node>>, round: usize) -> Vec<Arc<Node>> {
    let turn = round % nodes.len().max(1);
    nodes.rotate_left(turn);
    nodes
}

fn by_address<'a>(nodes: impl Iterator<Item = &'a Arc<Node>>) -> HashMap<Address, Arc<Node>> {
    nodes.map(|node| (node.address().clone(), Arc::clone(node))).collect()
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.map().nodes().map(|node| node.address().clone()).collect();
        f.debug_struct("Servers").field("source", &self.source).field("nodes", &nodes).finish_non_exhaustive()
    }
}
