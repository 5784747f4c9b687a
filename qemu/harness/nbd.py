"""Disks that can fall ill: an NBD server (the NetworkBlockDevice project's doc/proto.md, fixed
newstyle, simple replies) between QEMU and a file. Each export is a path to the same bytes, with its
own health, so that one of two paths to a disk can hang while the other works."""

import os
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Callable

from .case import Context

OPTION_MAGIC, REPLY_MAGIC = b"IHAVEOPT", 0x3E889045565A9
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7
ACK, REPLY_INFO, UNSUPPORTED = 1, 3, 0x80000001
HAS_FLAGS, SEND_FLUSH = 1, 4
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
EIO = 5


class DiskPath:
    """One way to a disk. All that asks while it hangs is answered when that is over."""

    def __init__(self, file: Path):
        self.file = file
        self.hung_requests = 0
        self.failed_requests = 0
        self.written = 0  # bytes
        self._hangs_until = 0.0
        self._hangs_when_asked = 0.0  # for so many seconds
        self._writes_left: int | None = None  # bytes until everything fails
        self._at_failure: Callable[[], None] | None = None
        self._changed = threading.Condition()

    def hang(self, seconds: float) -> None:
        with self._changed:
            self._hangs_until = time.monotonic() + seconds

    def hang_when_asked(self, seconds: float) -> None:
        """From the next request on."""
        with self._changed:
            self._hangs_when_asked = seconds

    def heal(self) -> None:
        with self._changed:
            self._hangs_until, self._hangs_when_asked, self._writes_left = 0, 0, None
            self._changed.notify_all()

    def fail(self, after_written: int = 0, then: Callable[[], None] | None = None) -> None:
        """From now on everything fails, or once so many bytes have been written. `then` is done at
        the first request that fails."""
        with self._changed:
            self._writes_left, self._at_failure = after_written, then

    def answer(self, kind: int, size: int) -> int:
        """Waits as long as the path hangs; an errno, or 0."""
        with self._changed:
            if self._hangs_when_asked:
                self._hangs_until = time.monotonic() + self._hangs_when_asked
                self._hangs_when_asked = 0
            if time.monotonic() < self._hangs_until:
                self.hung_requests += 1
            while (left := self._hangs_until - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._writes_left is None or self._writes_left > 0:
                written = size if kind == WRITE else 0
                self.written += written
                if self._writes_left is not None:
                    self._writes_left -= written
                return 0
            self.failed_requests += 1
            then, self._at_failure = self._at_failure, None
        if then is not None:
            then()
        return EIO


class NbdServer:
    def __init__(self, context: Context):
        self._paths: dict[str, DiskPath] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        context.at_end(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def export(self, file: Path) -> tuple[DiskPath, str]:
        """Another path to `file`, and what QEMU opens to have it."""
        name = f"path{len(self._paths)}"
        self._paths[name] = DiskPath(file)
        return self._paths[name], f"nbd://127.0.0.1:{self._port}/{name}"

    def close(self) -> None:
        self._listener.close()
        for path in self._paths.values():
            path.heal()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as requests:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.sendall(b"NBDMAGIC" + OPTION_MAGIC + struct.pack(">H", 3))
                requests.read(4)
                path = self._choose(client, requests)
                if path is not None:
                    _transmit(client, requests, path)
        except (OSError, struct.error):
            pass  # QEMU has gone

    def _choose(self, client: socket.socket, requests) -> DiskPath | None:
        while True:
            _, option, length = struct.unpack(">8sII", requests.read(16))
            data = requests.read(length)

            def reply(kind: int, content: bytes = b"", option: int = option) -> None:
                client.sendall(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(content))
                               + content)

            if option in (INFO, GO):
                (size,) = struct.unpack(">I", data[:4])
                path = self._paths[data[4:4 + size].decode()]
                reply(REPLY_INFO, struct.pack(">HQH", 0, path.file.stat().st_size,
                                              HAS_FLAGS | SEND_FLUSH))
                reply(ACK)
                if option == GO:
                    return path
            elif option == ABORT:
                reply(ACK)
                return None
            else:
                reply(UNSUPPORTED)


def _transmit(client: socket.socket, requests, path: DiskPath) -> None:
    file = os.open(path.file, os.O_RDWR)
    try:
        while True:
            _, _, kind, handle, offset, size = struct.unpack(">IHHQQI", requests.read(28))
            data = requests.read(size) if kind == WRITE else b""
            if kind == DISCONNECT:
                return
            error = path.answer(kind, size)
            if not error and kind == WRITE:
                os.pwrite(file, data, offset)
            answer = struct.pack(">IIQ", 0x67446698, error, handle)
            if not error and kind == READ:
                answer += os.pread(file, size, offset)
            client.sendall(answer)
    finally:
        os.close(file)
