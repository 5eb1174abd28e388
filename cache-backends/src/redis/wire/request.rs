//! A command on its way to a server.

/// One command, packed, and which node it is for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The arguments as RESP, without the header that counts them.
    packed: Vec<u8>,
    arguments: usize,
    pub(crate) route: Route,
    pub(crate) keys: Keys,
}

/// What becomes of a command some of whose keys have gone to another node, and others not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// It is sent again until they are together.
    Together,
    /// Whoever asks is told at once, and asks for each by itself.
    Apart,
}

/// Which node of a cluster a command goes to; elsewhere all go to the one there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Whoever has the slot, of 16,384.
    Slot(u16),
    /// Any node.
    Any,
}

impl Request {
    pub(crate) fn new(command: &str, route: Route) -> Self {
        Request { packed: Vec::with_capacity(256), arguments: 0, route, keys: Keys::Together }.arg(command)
    }

    pub(crate) fn arg(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        head(&mut self.packed, b'$', bytes.len());
        self.packed.extend_from_slice(bytes);
        self.packed.extend_from_slice(b"\r\n");
        self.arguments += 1;
        self
    }

    /// For commands that could be one for each key.
    pub(crate) fn apart(mut self) -> Self {
        self.keys = Keys::Apart;
        self
    }

    pub(crate) fn int(self, number: i64) -> Self {
        self.arg(number.to_string())
    }

    /// Appends what goes over the wire.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        head(out, b'*', self.arguments);
        out.extend_from_slice(&self.packed);
    }
}

/// A line that tells how many bytes or arguments follow. There is one for each argument of each command, so no string is
/// made for it.
fn head(out: &mut Vec<u8>, kind: u8, mut number: usize) {
    let (mut digits, mut first) = ([b'0'; 20], 20);
    while number > 0 || first == 20 {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.push(kind);
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_full() {
        for number in [0, 1, 9, 10, 101, 65_536, usize::MAX] {
            let mut out = Vec::new();
            head(&mut out, b'$', number);
            assert_eq!(String::from_utf8_lossy(&out), format!("${number}\r\n"));
        }
        let mut out = Vec::new();
        Request::new("GET", Route::Any).arg("").write(&mut out);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }
}
