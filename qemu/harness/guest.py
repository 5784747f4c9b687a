"""Programs of the machine that crashes: this host's own on its architecture, else Debian's
(qemu/guest_programs), and where Debian has none the image's BusyBox and what is compiled here with
the image's compiler."""

import platform
from pathlib import Path

from . import paths, tools
from .case import Context, Failed
from .initramfs import Initramfs


def add_programs(context: Context, tree: Initramfs) -> None:
    """bin/busybox, sbin/kexec with its libraries, sbin/memfill."""
    tree.file(tools.memfill(context), "sbin/memfill", 0o755)
    if context.arch == platform.machine():
        tree.file(Path("/bin/busybox"), "bin/busybox", 0o755)
        tree.program(Path("/sbin/kexec"), "/sbin/kexec")
        return
    root = paths.GUESTS / context.arch
    if not root.exists():
        raise Failed(f"{root}: not there: run qemu/guest_programs {context.arch}")
    busybox = root / "bin/busybox"
    if not busybox.exists():
        busybox = paths.payload(context.arch) / "busybox"
    tree.file(busybox, "bin/busybox", 0o755)
    if (root / "sbin/kexec").exists():
        tree.program_of(root, "sbin/kexec")
    else:
        tree.file(tools.kexec_file(context), "sbin/kexec", 0o755)
