//! The suite that every backend passes, on a server.

use crate::servers::{Cluster, Server};
use memolith_backends::Redis;
use memolith_core::{Backend, Policy, conformance};
use std::sync::Arc;

fn redis(parameters: &str) -> Arc<dyn Backend> {
    Arc::new(Redis::open(&format!("{}?timeout=5s&{parameters}", Server::shared().url())).unwrap())
}

#[test]
fn by_the_servers_time() {
    conformance::run(|| redis("prefix=time"));
    conformance::reopened(|| redis("prefix=time"));
}

#[test]
fn by_numbers() {
    conformance::run(|| redis("prefix=numbers&scores=sequence"));
}

/// The whole suite, for plain spaces kept in pairs: their time does not end meanwhile.
#[test]
fn in_pairs_alone() {
    conformance::run(|| redis("prefix=pairs&space_ttl=1h"));
    conformance::run(|| redis("prefix=sliding&space_ttl=1h&sliding=yes"));
}

/// Each stripe keeps an order and a share of the bound of its own, so exact bounds are left out.
#[test]
fn over_stripes() {
    let redis = || redis("prefix=striped&stripes=3");
    conformance::round_trip(&*redis());
    conformance::replace_and_remove(&*redis());
    conformance::hostile_keys(&*redis());
    conformance::spaces_apart(&*redis());
    conformance::expiry(&*redis());
    conformance::batches(&*redis());
    conformance::scan(&*redis());
    conformance::hammer(&*redis());
    conformance::claims(&*redis());
}

/// All functions in one pair: what concerns one function alone.
#[test]
fn in_one_pair_for_all() {
    let redis = || redis("prefix=shared&scope=shared");
    conformance::round_trip(&*redis());
    conformance::replace_and_remove(&*redis());
    conformance::hostile_keys(&*redis());
    conformance::spaces_apart(&*redis());
    conformance::expiry(&*redis());
    conformance::batches(&*redis());
    conformance::scan(&*redis());
}

#[test]
fn in_one_pair_of_its_own() {
    for policy in Policy::ALL {
        let prefix = format!("prefix=shared-{policy:?}&scope=shared");
        conformance::policy(&*redis(&prefix), *policy);
    }
}

/// Keys, scripts and channels are where the cluster wants them, with one slot for a space and with several.
#[test]
fn on_a_cluster() {
    let cluster = Cluster::start();
    for parameters in ["prefix=one", "prefix=many&stripes=5"] {
        let redis = || -> Arc<dyn Backend> {
            Arc::new(Redis::open(&format!("{}?timeout=5s&{parameters}", cluster.url())).unwrap())
        };
        conformance::round_trip(&*redis());
        conformance::replace_and_remove(&*redis());
        conformance::hostile_keys(&*redis());
        conformance::spaces_apart(&*redis());
        conformance::batches(&*redis());
        conformance::scan(&*redis());
        conformance::hammer(&*redis());
        conformance::tags(&*redis());
        let (one, other) = (redis(), redis());
        assert_eq!(one.invalidate_tags(&[b"tag"]).unwrap().epoch, other.tags(&[b"tag"]).unwrap().epoch);
    }
    let redis = Redis::open(&format!("{}?timeout=5s&prefix=pairs&space_ttl=1h&stripes=5", cluster.url())).unwrap();
    conformance::batches(&redis);
    conformance::scan(&redis);
    conformance::policy(&Redis::open(&format!("{}?timeout=5s", cluster.url())).unwrap(), Policy::Lru);
}
