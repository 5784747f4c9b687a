"""A kernel tree as builder/bootstrap lays it out: boot/vmlinuz-RELEASE (or vmlinuz in the modules'
folder), lib/modules/RELEASE."""

import gzip
import lzma
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import paths


@dataclass(frozen=True)
class Kernel:
    root: Path
    release: str
    unified: Path | None = None  # a unified kernel image that holds the only kernel of the tree
    booted: Path | None = None  # what the machine itself runs where the tree has it not

    @staticmethod
    def of(arch: str, flavour: str = "", suite: str = "") -> "Kernel":
        """The tree's newest kernel, of those whose release ends in `flavour`; with `suite` that of
        another suite of Debian, "trixie"."""
        name = f"{arch}@{suite}" if suite else arch
        root = paths.KERNELS / name
        trees = sorted(root.glob("lib/modules/*/modules.dep")) or sorted(
            root.glob("usr/lib/modules/*/modules.dep"))
        releases = [tree.parent.name for tree in trees if tree.parent.name.endswith(flavour)]
        if not releases:
            raise FileNotFoundError(f"no kernel tree under {root}: run builder/bootstrap "
                                    f"--kernel {name}")
        return Kernel(root, releases[-1])

    @property
    def image(self) -> Path:
        """What kexec loads, by itself or out of this file."""
        return self.unified or self._image("vmlinuz", "vmlinux", "Image")

    @property
    def boot_image(self) -> Path:
        """What QEMU boots: on riscv64 another form."""
        return self.booted or self._image("Image", "vmlinuz", "vmlinux")

    def _image(self, *names: str) -> Path:
        for name in names:
            if (found := self.root / "boot" / f"{name}-{self.release}").exists():
                return found
        if (found := self.modules_dir / "vmlinuz").exists():  # as Debian packs it from 7.x on
            return found
        raise FileNotFoundError(f"no kernel image of {self.release} under {self.root}")

    @property
    def modules_dir(self) -> Path:
        for base in ("lib/modules", "usr/lib/modules"):
            if (found := self.root / base / self.release).is_dir():
                return found
        raise FileNotFoundError(f"no modules of {self.release} under {self.root}")

    def load_order(self, names: list[str]) -> list[Path]:
        """The files of the modules named and of all that they need, each after what it needs.
        A name that is not there is taken to be built in."""
        files: dict[str, Path] = {}
        needs: dict[str, list[str]] = {}
        for line in (self.modules_dir / "modules.dep").read_text().splitlines():
            file, _, deps = line.partition(":")
            files[_module_name(file)] = self.modules_dir / file
            needs[_module_name(file)] = [_module_name(d) for d in deps.split()]
        for line in (self.modules_dir / "modules.softdep").read_text().splitlines():
            words = line.split()
            if len(words) > 3 and words[0] == "softdep" and words[2] == "pre:":
                wanted = words[3:words.index("post:")] if "post:" in words else words[3:]
                needs.setdefault(words[1].replace("-", "_"), []).extend(
                    w.replace("-", "_") for w in wanted)
        order: list[Path] = []
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name in seen or name not in files:
                return
            seen.add(name)
            for need in needs[name]:
                visit(need)
            order.append(files[name])

        for name in names:
            visit(name.replace("-", "_"))
        return order


def _module_name(file: str) -> str:
    return Path(file).name.split(".ko")[0].replace("-", "_")


def module_bytes(file: Path) -> bytes:
    """The module, unpacked: busybox's insmod leaves compression to the kernel."""
    data = file.read_bytes()
    match file.suffix:
        case ".xz":
            return lzma.decompress(data)
        case ".gz":
            return gzip.decompress(data)
        case ".zst":
            return subprocess.run(["zstd", "-dc", str(file)], stdout=subprocess.PIPE,
                                  check=True).stdout
    return data
