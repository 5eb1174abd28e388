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
        Request { packed: Vec::with_capacity(128), arguments: 0, route, keys: Keys::Together }.arg(command)
    }

    pub(crate) fn arg(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.packed.push(b'$');
        self.packed.extend_from_slice(bytes.len().to_string().as_bytes());
        self.packed.extend_from_slice(b"\r\n");
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
        out.push(b'*');
        out.extend_from_slice(self.arguments.to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.packed);
    }
}
