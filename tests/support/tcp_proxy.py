"""A network between two parts that can be cut, frozen and mended."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Self

from fairlead.cli.parts.ports import free_port

_CHUNK = 65536
_TICK_S = 0.05
_JOIN_S = 5.0


class TcpProxy:
    """Passes connections on to a port of this machine; one thread for each connection.

    ``answer_delay_s`` is how much later than they come answers are passed on; it may be changed at any time.
    ``answered_bytes`` counts what was passed on of answers so far.
    """

    def __init__(self, target_port: int, *, answer_delay_s: float = 0.0) -> None:
        self.target_port = target_port
        self.answer_delay_s = answer_delay_s
        self.answered_bytes = 0
        self.port = free_port()
        self._open = threading.Event()
        self._flowing = threading.Event()
        self._ended = threading.Event()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._threads: list[threading.Thread] = []
        self._flowing.set()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(_TICK_S)
        self._start(self._accept)
        self._open.set()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._flowing.set()
        self.cut()
        for thread in list(self._threads):
            thread.join(_JOIN_S)
        self._listener.close()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self._open.clear()
        for pair in list(self._pairs):
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Take connections again."""
        self._open.set()

    def freeze(self) -> None:
        """Let nothing through although connections stay, as a network that loses packets."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let everything through that waits."""
        self._flowing.set()

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]  # a method of ours
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                if not self._open.is_set():
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.target_port), timeout=1.0)
                except OSError:
                    client.close()
                    continue
                self._start(self._pass_on, client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        pair = (client, server)
        self._pairs.add(pair)
        other = {client: server, server: client}
        try:
            if not self._open.is_set():  # cut since it was taken, and nobody who cuts had it in sight
                return
            while not self._ended.is_set():
                self._flowing.wait()
                for end in select.select(pair, (), (), _TICK_S)[0]:
                    data = end.recv(_CHUNK)
                    if not data:
                        return
                    if end is server:
                        self._ended.wait(self.answer_delay_s)
                    other[end].sendall(data)
                    if end is server:
                        self.answered_bytes += len(data)
        except OSError:
            return
        finally:
            self._pairs.discard(pair)
            client.close()
            server.close()
