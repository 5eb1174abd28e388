"""A server of Redis or Valkey for a test: on a free port, in memory, gone with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAM = os.environ.get("MEMOLITH_VALKEY_SERVER", "redis-server")


class Server:
    """A server that keeps nothing on disk."""

    def __init__(self) -> None:
        """Starts it, and waits until it can be connected to."""
        if shutil.which(PROGRAM) is None:
            raise RuntimeError("there is no redis-server: install it, or set MEMOLITH_VALKEY_SERVER to a valkey-server")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """Where it is, with time enough also where the machine does much else."""
        return f"redis://127.0.0.1:{self.port}?timeout=10s"

    def start(self) -> None:
        """Starts it again at its port."""
        arguments = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self._process.poll() is None, "the server ended at once"
            time.sleep(0.01)

    def kill(self) -> None:
        """Ends it without warning."""
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


@contextmanager
def server() -> Iterator[Server]:
    """One for a block."""
    it = Server()
    try:
        yield it
    finally:
        it.kill()
