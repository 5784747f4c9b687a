"""QEMU's monitor (QMP): what happens to a machine's hardware while it runs."""

import json
import socket
import tempfile
import time
from pathlib import Path

from .case import Context, Failed


class Monitor:
    def __init__(self, context: Context):
        folder = tempfile.TemporaryDirectory()  # a socket's name must be short
        context.at_end(folder.cleanup)
        self._path = Path(folder.name) / "qmp"
        self._socket: socket.socket | None = None
        self.argv = ["-qmp", f"unix:{self._path},server=on,wait=off"]
        context.at_end(self._close)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            ends_at = time.monotonic() + 20
            self._socket = socket.socket(socket.AF_UNIX)
            while True:
                try:
                    self._socket.connect(str(self._path))
                    break
                except OSError as error:
                    if time.monotonic() > ends_at:
                        raise Failed("QEMU's monitor is not there") from error
                    time.sleep(0.1)
            self._say("qmp_capabilities", {})
        return self._socket

    def _say(self, name: str, arguments: dict[str, object]) -> None:
        assert self._socket is not None
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        heard = b""
        while True:
            heard += self._socket.recv(65536)
            for line in heard.split(b"\n")[:-1]:
                answer = json.loads(line)
                if "error" in answer:
                    raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
                if "return" in answer:
                    return

    def command(self, execute: str, **arguments: object) -> None:
        self._connect()
        self._say(execute, arguments)
