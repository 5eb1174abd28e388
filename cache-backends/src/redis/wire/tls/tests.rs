//! TLS with a server of the tests' own.

use crate::redis::server::node::{Node, wait};
use crate::redis::settings::target::{Address, Login, Trust};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{ErrorKind, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/redis/wire/tls").join(name)
}

/// A server called `localhost`, which gives back what it gets, as one value, after the login.
fn server(pace: Option<Duration>) -> u16 {
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
            let mut stream = StreamOwned::new(session, Paced { stream, pace: None });
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
                    stream.sock.pace = pace.filter(|_| !greeting);
                    if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

/// A socket that sends byte by byte, when it has a pace.
struct Paced {
    stream: TcpStream,
    pace: Option<Duration>,
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Paced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(pace) = self.pace else { return self.stream.write(bytes) };
        thread::sleep(pace);
        self.stream.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn node(host: &str, authority: Option<PathBuf>) -> Node {
    let login = Login { tls: Some(Trust { authority }), ..Login::default() };
    Node::new(Address::Tcp(host.into(), server(None)), &login, Duration::from_secs(20))
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

/// Of what is encrypted together nothing can be read before all of it is there: the time-out holds all the same.
#[test]
fn a_server_that_sends_byte_by_byte_is_late() {
    let login = Login { tls: Some(Trust { authority: Some(file("authority.pem")) }), ..Login::default() };
    let address = Address::Tcp("localhost".into(), server(Some(Duration::from_millis(100))));
    let node = Node::new(address, &login, Duration::from_secs(1));
    let begun = Instant::now();
    assert_eq!(ask(&node).map_err(|error| error.kind()), Err(ErrorKind::Unavailable));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn who_is_not_trusted_is_not_spoken_to() {
    for authority in [None, Some(file("server-key.pem")), Some(file("missing.pem"))] {
        let error = ask(&node("localhost", authority)).expect_err("it is not trusted");
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
}
