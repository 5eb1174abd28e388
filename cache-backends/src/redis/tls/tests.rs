//! TLS with a server of the tests' own.

use crate::redis::node::{Node, wait};
use crate::redis::request::{Request, Route};
use crate::redis::target::{Address, Login, Trust};
use memolith_core::{ErrorKind, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/redis/tls").join(name)
}

/// A server called `localhost`, which gives back what it gets, as one value, after the login.
fn server() -> u16 {
    let chain = vec![CertificateDer::from_pem_file(file("server.pem")).expect("it is one")];
    let key = PrivateKeyDer::from_pem_file(file("server-key.pem")).expect("it is one");
    let settings = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("there are versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    let settings = Arc::new(settings);
    let listener = TcpListener::bind("127.0.0.1:0").expect("there are ports");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&settings)).expect("the settings are right");
            let mut stream = StreamOwned::new(session, stream);
            // It ends when the client hangs up.
            thread::spawn(move || {
                let mut bytes = vec![0; 1 << 16];
                let mut first = true;
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    let greeting = std::mem::take(&mut first);
                    let answer = match greeting {
                        // It knows HELLO, and not what comes with it.
                        true => b"%0\r\n-ERR unknown\r\n-ERR unknown\r\n".to_vec(),
                        false => [format!("${count}\r\n").as_bytes(), &bytes[..count], b"\r\n"].concat(),
                    };
                    if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

fn node(host: &str, authority: Option<PathBuf>) -> Node {
    let login = Login { tls: Some(Trust { authority }), ..Login::default() };
    Node::new(Address::Tcp(host.into(), server()), &login, Duration::from_secs(20))
}

fn ask(node: &Node) -> Result<bool> {
    let request = Request::new("GET", Route::Any).arg("a key");
    let mut sent = Vec::new();
    request.write(&mut sent);
    let bytes = wait(node.exchange(&[request]))?.remove(0).into_bytes()?;
    Ok(bytes == Some(sent))
}

#[test]
fn what_is_sent_comes_back() {
    for host in ["localhost", "127.0.0.1"] {
        let node = node(host, Some(file("authority.pem")));
        assert!((0..50).all(|_| ask(&node).expect("it answers")));
    }
}

#[test]
fn who_is_not_trusted_is_not_spoken_to() {
    for authority in [None, Some(file("server-key.pem")), Some(file("missing.pem"))] {
        let error = ask(&node("localhost", authority)).expect_err("it is not trusted");
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}
