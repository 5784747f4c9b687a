"""mkcapture in the machine that crashes, where it sees that machine's own cards, addresses and
routes. The guest has this host's files as its root: by 9p, read-only, with a tmpfs on top."""

import re
import shlex
from pathlib import Path

from . import guest, paths
from .case import Context
from .initramfs import Initramfs
from .machine import Machine, Running

MODULES = ["virtio_pci", "virtio_net", "9pnet_virtio", "9p", "overlay"]
DEVICE = ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,"
          "multidevs=remap"]
ROOT = "/live"  # in the guest


def enter(context: Context) -> str:
    """Shell commands that bring the root about, with the guest's kernel in /boot and /lib/modules."""
    root = f"{ROOT}/.host{context.kernel.root.resolve()}"
    modules = context.kernel.modules_dir.resolve()
    return f"""
mkdir -p {ROOT} /lower /upper
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=500000 host /lower || give_up 9p
mount -t tmpfs upper /upper
mkdir /upper/up /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/up,workdir=/upper/work over {ROOT} ||
    give_up overlay
mkdir -p {ROOT}/.host {ROOT}/lib/modules/{context.kernel.release} {ROOT}/boot {ROOT}/tmp {ROOT}/run
mount -o bind /lower {ROOT}/.host
mount -o bind {ROOT}/.host{modules} {ROOT}/lib/modules/{context.kernel.release}
mount -o bind {root}/boot {ROOT}/boot
for folder in proc sys dev; do mount -o bind /$folder {ROOT}/$folder; done
mount -t tmpfs tmp {ROOT}/tmp
mount -t tmpfs run {ROOT}/run
"""


def command(argv: list[str]) -> str:
    """A program of this host's, in the guest."""
    return f"chroot {ROOT} {shlex.join(argv)}"


LIVE_INIT = """#!/bin/busybox sh
give_up() { echo "live: FAILED: $*"; poweroff -f; }
/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /proc /sys /dev
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "$module" || echo "live: insmod $module failed"; done < /etc/modules
ip link set lo up
"""


def run(context: Context, machine: Machine, modules: list[str], argv: list[str],
        limit: float) -> str:
    """A program of this host in a guest of its own, which is switched off then. Returns what it
    has printed."""
    tree = Initramfs()
    guest.add_programs(context, tree)
    tree.modules(context.kernel, MODULES + modules)
    tree.data("init", LIVE_INIT + enter(context) +
              f"echo live: begins\n{command(argv)}\necho live: ends\npoweroff -f\n", 0o755)
    machine.extra += DEVICE
    initrd = tree.write(context.dir / "live.img")
    console = Running(context, machine, context.kernel.boot_image, initrd,
                      "quiet no_timer_check").wait_end(limit)
    found = re.search(r"^live: begins\n(.*)^live: ends", console, re.MULTILINE | re.DOTALL)
    return found[1] if found else console


def in_guest(path: Path) -> str:
    """The name of this host's file there."""
    return str(path.resolve())


def mkcapture_argv() -> list[str]:
    return [in_guest(paths.MKCAPTURE)]
