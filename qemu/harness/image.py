"""Capture images by mkcapture, and the command that loads one."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .case import Context, Failed
from .boards import BOARDS


@dataclass
class ImageOptions:
    """What a case asks of mkcapture beyond the profile and the kernel."""

    targets: list[str]
    drivers: str = "generic"
    options: list[str] = field(default_factory=list)
    append: str = ""
    dump: str = "elf1"  # a key of DUMPS
    production_line: str = ""  # of the machine that crashes: mkcapture takes it for its own
    live: bool = False  # mkcapture runs in the machine that crashes (harness/live.py)

    def argv(self, context: Context, board: str) -> list[str]:
        root = "/" if self.production_line or self.live else str(context.kernel.root)
        argv = ["--profile", context.arch, "--root", root, "--kernel", context.kernel.release,
                "--drivers", "host" if self.live else self.drivers,
                "--append", " ".join(filter(None, [f"console={BOARDS[board].console}",
                                                   BOARDS[board].append, self.append]))]
        for target in self.targets:
            argv += ["--target", target]
        argv += ["--payload", str(paths.payload(context.arch))]
        # The machines of the tests check no signatures.
        if not self.production_line and "--signatures" not in self.options:
            argv += ["--signatures", "drop"]
        return argv + list(DUMPS[self.dump].options) + self.options


@dataclass(frozen=True)
class DumpKind:
    options: tuple[str, ...]
    everything: str  # classes of tagged pages that are all in it
    nothing: str  # classes that are left out


DUMPS = {
    "elf0": DumpKind(("--dump-level", "0", "--dump-format", "elf"), "KUC", ""),
    "elf1": DumpKind(("--dump-level", "1", "--dump-format", "elf"), "KUC", ""),
    "elf31": DumpKind(("--dump-format", "elf"), "K", "UC"),
    # What an image does by itself: kdump, level 31, zstd.
    "default": DumpKind((), "K", "UC"),
}


def by_itself(arch: str) -> str:
    """The kind of dump that an image makes by itself: level 31, kdump. On arm as an ELF file: its
    kdump format is misread by Debian's libkdumpfile (0.5.1), with which dumps are looked at."""
    return "elf31" if arch == "arm" else "default"


def build_image(context: Context, options: ImageOptions, board: str = "x86_64") -> Path:
    output = context.dir / "capture.img"
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    _mkcapture(context, options, board, "-o", output)
    return output


# In a mount namespace of its own: another machine's command line, kernel and modules in this one's
# places.
_AS_PRODUCTION = """
mkdir -p /lib/modules
mount --bind "$1" /proc/cmdline
mount --bind "$2/lib/modules" /lib/modules
mount --bind "$2/boot" /boot
shift 2
exec "$@"
"""


def _mkcapture(context: Context, options: ImageOptions, board: str, *more: str | Path) -> str:
    argv: list[str | Path] = [paths.MKCAPTURE, *options.argv(context, board), *more]
    if not options.production_line:
        return context.run(argv)
    line = context.dir / "cmdline"
    line.write_text(options.production_line + "\n")
    said = context.run(["unshare", "-m", "sh", "-ec", _AS_PRODUCTION, "sh", line,
                        context.kernel.root, *argv])
    return said.replace(" /boot/", f" {context.kernel.root}/boot/")


def load_command(context: Context, options: ImageOptions, board: str = "x86_64") -> str:
    """What `mkcapture --print kexec` says: a shell command, used as it is."""
    return _mkcapture(context, options, board, "-o", context.dir / "capture.img", "--print", "kexec")


def capture_cmdline(context: Context, options: ImageOptions, board: str = "x86_64") -> str:
    """The capture kernel's command line, as `mkcapture --print append` has it."""
    return _mkcapture(context, options, board, "--print", "append").strip()


def left_out(context: Context, options: ImageOptions, board: str = "x86_64") -> str:
    """What `mkcapture --print append -v` says of words that the capture kernel does not get."""
    return _mkcapture(context, options, board, "--print", "append", "-v")


def plan(context: Context, options: ImageOptions, board: str = "x86_64") -> str:
    """What `mkcapture --print plan` says."""
    return _mkcapture(context, options, board, "--print", "plan")


def least_memory(context: Context, options: ImageOptions, board: str = "x86_64") -> int:
    """MiB of crashkernel= that the plan calls the least for this image."""
    return int(re.findall(r"least +crashkernel=(\d+)M", plan(context, options, board))[0])
