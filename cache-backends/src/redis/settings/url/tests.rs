//! URLs as users write them, and as they should not.

use crate::redis::settings::options::Options;
use crate::redis::settings::target::{Address, Login, Target, Topology, Trust};
use memolith_core::{ErrorKind, Result};
use proptest::collection::vec;
use proptest::prelude::*;

fn parse(url: &str) -> Result<Target> {
    Target::parse(url, &mut Options::default())
}

fn tcp(host: &str, port: u16) -> Address {
    Address::Tcp(host.into(), port)
}

fn right(url: &str) -> Target {
    parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn servers_are_found() {
    for (url, topology) in [
        ("redis://localhost", Topology::Single(tcp("localhost", 6379))),
        ("valkey://h:1/", Topology::Single(tcp("h", 1))),
        ("redis://[::1]:7/3", Topology::Single(tcp("::1", 7))),
        ("unix:///run/redis.sock", Topology::Single(Address::Unix("/run/redis.sock".into()))),
        ("valkey+unix:///a%20b?db=2", Topology::Single(Address::Unix("/a b".into()))),
        ("redis+cluster://a,b:7,[::2]", Topology::Cluster(vec![tcp("a", 6379), tcp("b", 7), tcp("::2", 6379)])),
        (
            "valkey+sentinel://a,b:7/main/2",
            Topology::Sentinel { name: "main".into(), sentinels: vec![tcp("a", 26379), tcp("b", 7)] },
        ),
    ] {
        assert_eq!(right(url).topology, topology, "{url}");
    }
}

#[test]
fn logins_are_found() {
    let login = |username: &str, password: &str, database| Login {
        username: (!username.is_empty()).then(|| username.into()),
        password: (!password.is_empty()).then(|| password.into()),
        database,
        tls: None,
    };
    for (url, expected) in [
        ("redis://h/0", Login::default()),
        ("redis://h/12", login("", "", 12)),
        ("redis://:secret@h", login("", "secret", 0)),
        ("redis://u:p%40%2F%3A@h?db=3", login("u", "p@/:", 3)),
        ("redis://u:p@q:r@h/1", login("u", "p@q:r", 1)),
        ("redis+unix://u:p@/s?db=4", login("u", "p", 4)),
        ("redis+sentinel://u:p@h/name/5", login("u", "p", 5)),
    ] {
        assert!(right(url).login == expected, "{url}");
    }
    let target = right("redis+sentinel://u:p@h/name/5?sentinel_user=s&sentinel_password=t%26");
    assert!(target.sentinel_login == login("s", "t&", 0));
    assert!(right("redis+sentinel://u:p@h/name/5").sentinel_login == Login::default());
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_needs_its_feature() {
    let error = parse("rediss://h").map(drop).expect_err("there is no TLS");
    assert!(error.kind() == ErrorKind::Config && error.to_string().contains("feature `tls`"), "{error}");
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_asked_for() {
    assert!(right("rediss://h").login.tls == Some(Trust { authority: None }));
    let target = right("valkeys+sentinel://h/name?ca=/etc/my%20ca.pem");
    assert!(target.login.tls == Some(Trust { authority: Some("/etc/my ca.pem".into()) }));
    assert!(target.sentinel_login.tls == target.login.tls);
    assert!(right("rediss+cluster://h").login.tls.is_some());
    assert!(right("redis://h").login.tls.is_none());
}

#[test]
fn options_are_taken() {
    let mut options = Options::default();
    Target::parse("redis://h?timeout=90ms&prefix=a%26b&db=1", &mut options).expect("it is right");
    assert_eq!(options.timeout.as_millis(), 90);
    assert_eq!(options.prefix, "a&b");
}

#[test]
fn what_is_wrong_is_refused_and_not_repeated() {
    for url in [
        "",
        "marker",
        "redis:marker",
        "http://marker",
        "redis+marker://h",
        "unix+cluster://marker",
        "redis://",
        "redis://h:marker",
        "redis://h:0",
        "redis://h:70000",
        "redis://h:6379:1",
        "redis://[marker]",
        "redis://[::1",
        "redis://[::1]1",
        "redis://::1",
        "redis://h/marker",
        "redis://h/-1",
        "redis://h/1/2",
        "redis://marker@h",
        "redis://u:marker#x@h",
        "redis://u:mar ker@h",
        "redis://u:marker%4@h",
        "redis://u:marker%zz@h",
        "redis://u:marker%ff@h",
        "redis://u:marker/x@h",
        "redis://a,b",
        "redis+unix://",
        "redis+unix://marker",
        "redis+unix://h/marker",
        "rediss+unix:///marker",
        "redis+cluster://a,,b",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel://h/name/marker",
        "redis+sentinel://h/name?sentinel_user=marker",
        "redis://h?marker=1",
        "redis://h?timeout=marker",
        "redis://h?db=marker",
        "redis://h?ca=marker",
    ] {
        let error = parse(url).map(|target| format!("{target:?}")).expect_err(url);
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!format!("{error:?}").contains("mar"), "{url}: {error}");
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn host() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        "[a-z][a-z0-9.-]{0,9}".prop_map(|host| (host.clone(), host)),
        any::<std::net::Ipv6Addr>().prop_map(|ip| (ip.to_string(), format!("[{ip}]"))),
        any::<std::net::Ipv4Addr>().prop_map(|ip| (ip.to_string(), ip.to_string())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        hosts in vec((host(), 1..=u16::MAX), 1..4),
        password in ".{1,9}",
        username in proptest::option::of("\\PC{1,9}"),
        database in any::<u32>(),
        secure in any::<bool>().prop_map(|secure| secure && cfg!(feature = "tls")),
        name in "\\PC{1,9}",
    ) {
        let addresses: Vec<_> = hosts.iter().map(|((host, _), port)| tcp(host, *port)).collect();
        let list: Vec<_> = hosts.iter().map(|((_, written), port)| format!("{written}:{port}")).collect();
        let (list, s) = (list.join(","), if secure { "s" } else { "" });
        let user = username.as_deref().map(encoded).unwrap_or_default();
        let login = format!("{user}:{}", encoded(&password));
        let expected = Login { username, password: Some(password), database, tls: secure.then(Trust::default) };

        let target = right(&format!("redis{s}+cluster://{login}@{list}/{database}"));
        prop_assert_eq!(target.topology, Topology::Cluster(addresses.clone()));
        prop_assert!(target.login == expected);

        let target = right(&format!("valkey{s}+sentinel://{login}@{list}/{}/{database}", encoded(&name)));
        prop_assert_eq!(target.topology, Topology::Sentinel { name, sentinels: addresses });
        prop_assert!(target.login == expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,30}", prefix in "(redis|valkey)s?(\\+(unix|cluster|sentinel))?://") {
        let _ = parse(&text);
        let _ = parse(&(prefix + &text));
    }
}
