"""Machines that do one thing to the disks of another, which is switched off: a stack is made for a
system to be put on it, or activated by the distribution's own programs to read what is there."""

import shutil
from pathlib import Path

from . import guest, paths
from .case import Context, Failed, expect
from .crash import DEVICE_MODULES, FILESYSTEM_MODULES
from .disk import Disk
from .initramfs import Initramfs
from .machine import Machine, Running
from .stack import Stack, add_stack_tools, blank_disk, device_nodes

CHECKS = {"ext4": "/usr/sbin/e2fsck -fn", "btrfs": "btrfs check"}


def start_job(context: Context, name: str, job: str, machine: Machine,
              modules: list[str]) -> Running:
    """`job` is shell; `give_up WHY` and `wait_for FILE` are there for it. When it is over, the
    machine switches itself off."""
    tree = Initramfs()
    tree.file(paths.GUEST / "stack_init", "init", 0o755)
    nodes = device_nodes([controller for controller, _ in machine.disks])
    tree.data("etc/job", f"DISKS='{' '.join(nodes)}'\nJOB='{job}'\n")
    guest.add_programs(context, tree)
    add_stack_tools(tree)
    for controller, _ in machine.disks:
        modules = modules + DEVICE_MODULES[controller]
    tree.modules(context.kernel, modules)
    initrd = tree.write(context.dir / f"{name}.img")
    return Running(context, machine, context.kernel.boot_image, initrd, "panic=5", name)


def run_job(context: Context, name: str, job: str, disks: list[tuple[str, Disk]],
            modules: list[str]) -> None:
    console = start_job(context, name, job, Machine(disks=disks), modules).wait_end(500)
    for line in console.splitlines():
        if line.startswith("job: FAILED"):
            raise Failed(f"{name}: {line}")
    expect("job: done" in console, f"{name} did not come to its end")


def read_stack(context: Context, machine: Machine, stack: Stack, only: str = "crash") -> Path:
    """The folder with what is in the folder `only` of the file system, which must be clean."""
    out = blank_disk(context, "out", 1400)
    disks = [*machine.disks, ("virtio-blk", out)]
    device, to = stack.device, device_nodes([controller for controller, _ in disks])[-1]
    run_job(context, "reader", f"""
{stack.activate}
wait_for {device}
{CHECKS[stack.fstype]} {device} || give_up "the file system is not clean"
mount -t {stack.fstype} -o ro {device} /mnt || give_up "cannot mount {device}"
[ -d /mnt/{only} ] || give_up "there is no {only}: $(ls /mnt)"
tar -C /mnt/{only} -cf {to} . || give_up tar
umount /mnt
""", disks, [*stack.modules, *FILESYSTEM_MODULES[stack.fstype]])
    files = context.dir / "stack.files"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir()
    context.run(["tar", "-xf", out.image, "-C", files])
    return files
