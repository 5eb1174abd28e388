//! A client of the tests' own, so that what a server holds is not told by the code under test.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that speaks one command at a time.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn new(port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(3))?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// As a command line shows it: the items of an array a line each, nothing for nil, an error as its text.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.items(command)?.join(&b'\n')).into_owned())
    }

    /// The items of an array, or the one that the reply is.
    pub(crate) fn items<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Result<Vec<Vec<u8>>> {
        self.send(command)?;
        let mut items = Vec::new();
        self.reply(&mut items)?;
        Ok(items)
    }

    /// Without waiting for the reply.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Result<()> {
        let mut out = format!("*{}\r\n", command.len()).into_bytes();
        for word in command.iter().map(A::as_ref) {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&out)
    }

    fn reply(&mut self, items: &mut Vec<Vec<u8>>) -> Result<()> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let (kind, rest) = line.split_at_checked(1).ok_or(ErrorKind::InvalidData)?;
        let number = || rest.parse::<i64>().map_err(Error::other);
        match kind {
            "$" | "*" if number()? < 0 => items.push(Vec::new()),
            "$" => {
                let mut bytes = vec![0; number()? as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                items.push(bytes);
            }
            "*" => (0..number()?).try_for_each(|_| self.reply(items))?,
            _ => items.push(rest.as_bytes().to_vec()),
        }
        Ok(())
    }
}
