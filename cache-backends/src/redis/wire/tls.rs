//! TLS over a socket, for one thread that reads and one that writes.

use super::fault::Fault;
use crate::redis::lock::Mutex;
use crate::redis::settings::target::Trust;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Instant;

/// An encrypted connection. What comes is waited for without the lock.
pub(crate) struct Secure {
    socket: TcpStream,
    session: Mutex<ClientConnection>,
}

/// Who is trusted, read once for a server.
pub(crate) fn settings(trust: &Trust) -> Result<Arc<ClientConfig>, Fault> {
    let mut roots = RootCertStore::empty();
    match &trust.authority {
        Some(path) => {
            let wrong = |_| Fault::config("the file of `ca` could not be read, it holds certificates as PEM");
            for certificate in CertificateDer::pem_file_iter(path).map_err(wrong)? {
                let unfit = |_| Fault::config("a certificate in the file of `ca` is not one of an authority");
                roots.add(certificate.map_err(wrong)?).map_err(unfit)?;
            }
        }
        // Those that cannot be read are as good as not there.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(Fault::config("there are no certificates to trust, name a file of them with `?ca=path`"));
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

impl Secure {
    /// Agrees on keys with `host`, before `deadline`.
    pub(crate) fn open(
        socket: TcpStream,
        host: &str,
        settings: Arc<ClientConfig>,
        deadline: Instant,
    ) -> Result<Self, Fault> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Fault::config("the name of the server is none that a certificate can have"))?;
        let mut session = ClientConnection::new(settings, name).map_err(refused)?;
        while session.is_handshaking() || session.wants_write() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::late());
            }
            socket.set_read_timeout(Some(left))?;
            socket.set_write_timeout(Some(left))?;
            if session.wants_write() {
                session.write_tls(&mut &socket)?;
            } else if session.read_tls(&mut &socket)? == 0 {
                return Err(Fault::closed());
            } else {
                session.process_new_packets().map_err(refused)?;
            }
        }
        Ok(Secure { socket, session: Mutex::new(session) })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// What has come. A part of what is encrypted together says nothing yet, and is silence: who waits for more looks at the
    /// clock first, or a server that sends byte by byte would keep it for ever.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.session.lock().reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            outcome => return outcome,
        }
        if self.socket.peek(&mut [0])? == 0 {
            return Ok(0);
        }
        let mut session = self.session.lock();
        // Something is there, so it does not block.
        session.read_tls(&mut &self.socket)?;
        session.process_new_packets().map_err(io::Error::other)?;
        // What the protocol itself has to say, such as new keys.
        flush(&mut session, &self.socket)?;
        session.reader().read(buffer)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        let count = session.writer().write(bytes)?;
        flush(&mut session, &self.socket)?;
        Ok(count)
    }

    pub(crate) fn close(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Both)
    }
}

/// Sends what is encrypted. It cannot be taken back, so to be late is the end.
fn flush(session: &mut ClientConnection, mut socket: &TcpStream) -> io::Result<()> {
    while session.wants_write() {
        match session.write_tls(&mut socket) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn refused(error: rustls::Error) -> Fault {
    Fault::config(format!("no TLS with the server: {error}, check its certificate, and `ca` in the url"))
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
