"""Initramfs images for the machine that crashes: cpio "newc" (the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed, which boots fastest."""

import re
import subprocess
from pathlib import Path

from .kernel import Kernel, module_bytes


class Initramfs:
    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes]] = {}  # path -> (mode with file type, content)

    def directory(self, path: str) -> None:
        path = path.strip("/")
        if not path or path in self._entries:
            return
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (0o040755, b"")

    def data(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (
            0o100000 | mode, content.encode() if isinstance(content, str) else content)

    def file(self, source: Path, path: str = "", mode: int = 0o644) -> None:
        self.data(path or str(source), source.read_bytes(), mode)

    def link(self, path: str, points_to: str) -> None:
        path = path.strip("/")
        self.directory(path.rpartition("/")[0])
        self._entries[path] = (0o120777, points_to.encode())

    def program(self, source: Path, path: str = "") -> None:
        """A program with its shared libraries, as this host's loader finds them."""
        self.file(source, path, 0o755)
        listed = subprocess.run(["ldd", str(source)], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False).stdout
        for library in re.findall(r"(?:^\s*|=> )(/\S+)", listed, re.MULTILINE):
            self.file(Path(library), library, 0o755)

    def program_of(self, root: Path, path: str) -> None:
        """A program of another architecture's packages, unpacked at `root`, with its libraries."""
        libraries = {file.name: file for folder in ("lib", "usr/lib") for file in
                     (root / folder).rglob("*.so*") if file.is_file()}
        wanted, seen = [root / path], set()
        while wanted:
            file = wanted.pop()
            if file in seen:
                continue
            seen.add(file)
            self.file(file, str(file.relative_to(root)), 0o755)
            headers = subprocess.run(["llvm-readelf-19", "-d", "-l", str(file)], text=True,
                                     stdout=subprocess.PIPE, check=True).stdout
            for name in re.findall(r"Shared library: \[(.+?)\]", headers):
                wanted.append(libraries[name])
            for interpreter in re.findall(r"program interpreter: /(.+?)\]", headers):
                file = root / interpreter
                if file.is_symlink() and (target := file.readlink()).is_absolute():
                    file = root / target.relative_to("/")
                self.file(file, interpreter, 0o755)

    def modules(self, kernel: Kernel, names: list[str]) -> None:
        """Modules with all that they need, and etc/modules: their paths in load order."""
        order = kernel.load_order(names)
        for file in order:
            self.data(f"modules/{file.name.split('.ko')[0]}.ko", module_bytes(file))
        self.data("etc/modules",
                  "".join(f"/modules/{file.name.split('.ko')[0]}.ko\n" for file in order))

    def write(self, output: Path) -> Path:
        with open(output, "wb") as out:
            for number, (path, (mode, content)) in enumerate(
                    [*self._entries.items(), ("TRAILER!!!", (0, b""))], start=1):
                name = path.encode() + b"\0"
                fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
                out.write(b"070701" + b"".join(b"%08x" % f for f in fields) + name)
                out.write(b"\0" * (-(110 + len(name)) % 4))
                out.write(content + b"\0" * (-len(content) % 4))
        return output
