"""A TCP proxy between guest and server that can fail at a chosen byte: what a server's death looks
like from outside, at a moment that does not depend on the machine's speed."""

import socket
import threading

from .case import Context


class FlakyProxy:
    """Forwards `port` to `to_port` until `cut_after` bytes have gone from the clients to the
    server. Then `silent`: connections stay open and nothing is passed on any more, as with a
    machine that lost its power; otherwise all are closed and no new one is taken."""

    def __init__(self, context: Context, to_port: int, cut_after: int, silent: bool):
        self._to_port = to_port
        self._left = cut_after
        self._silent = silent
        self._cut = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        context.at_end(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def has_cut(self) -> bool:
        return self._cut.is_set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.append(client)
            if self._cut.is_set():
                continue  # silent: taken, never served
            server = socket.create_connection(("127.0.0.1", self._to_port))
            with self._lock:
                self._sockets.append(server)
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                if self._cut.is_set():
                    return
                if counted and self._spend(len(data)):
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other direction ended it

    def _spend(self, size: int) -> bool:
        with self._lock:
            self._left -= size
            if self._left > 0:
                return False
        self._cut.set()
        if not self._silent:
            self.close()
        return True

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for s in self._sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed by its peer
                s.close()
            self._sockets.clear()
