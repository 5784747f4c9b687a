"""The rounds that the limits are measured with: 1 GiB (x86_64: q35), the drivers named, one
target."""

import shutil
from pathlib import Path
from typing import Callable

from .boards import virtio_drivers
from .case import Context, expect
from .comparison import by_hand_image, floor_image
from .crash import Round, crash
from .disk import make_disk, read_files
from .dump import check_directory
from .image import ImageOptions, by_itself
from .machine import Machine
from .outcome import Outcome
from .reader import read_stack
from .server import nfs_server, ssh_server
from .stack import blank_disk, lvm_on_mirror

MEMORY_MIB = 1024
DISK_DRIVERS = "virtio_blk,ext4"
NET_DRIVERS = "virtio_net"


def new_context(name: str, limit: float, arch: str = "x86_64") -> Context:
    context = Context(name, arch, limit)
    shutil.rmtree(context.dir, ignore_errors=True)
    context.dir.mkdir(parents=True)
    return context


def clean_up(context: Context) -> None:
    for cleanup in reversed(context.cleanups):
        cleanup()
    for file in [*context.dir.glob("*.img"), *context.dir.glob("*.part")]:
        file.unlink()
    for folder in [*context.dir.glob("*.files"), context.dir / "served"]:
        shutil.rmtree(folder, ignore_errors=True)


def disk_options(context: Context, drivers: str = DISK_DRIVERS) -> ImageOptions:
    """The image for make_disk()'s, with these drivers for virtio, or all."""
    return ImageOptions(
        targets=["disk:LABEL=CRASHDUMPS:/var/crash"], dump=by_itself(context.arch),
        drivers=drivers if drivers == "generic" else virtio_drivers(context.board, drivers))


def disk(context: Context, crashkernel: str, append: str = "", cpus: int = 1,
         drivers: str = DISK_DRIVERS) -> Outcome:
    target = make_disk(context, "ext4")
    options = disk_options(context, drivers)
    options.append = f"nr_cpus={cpus} {append}" if cpus > 1 else append
    outcome = crash(context, Round(
        Machine(board=context.board, memory_mib=MEMORY_MIB, cpus=cpus,
                disks=[("virtio-blk", target)]), options, crashkernel, limit=context.left()))
    outcome.must_be_saved()
    check_directory(context, read_files(context, target) / "var/crash", outcome)
    return outcome


def generic(context: Context, crashkernel: str, append: str = "") -> Outcome:
    return disk(context, crashkernel, append, drivers="generic")


def lvm_on_raid1(context: Context, crashkernel: str, append: str = "") -> Outcome:
    """mkcapture runs in the machine, and the image has what this stack needs."""
    machine = Machine(memory_mib=MEMORY_MIB,
                      disks=[("virtio-blk", blank_disk(context, name)) for name in ("a", "b")])
    stack = lvm_on_mirror()
    outcome = crash(context, Round(
        machine, ImageOptions(targets=[], append=append, dump=by_itself(context.arch)),
        crashkernel, stack=stack))
    outcome.must_be_saved()
    check_directory(context, read_stack(context, machine, stack), outcome)
    return outcome


def disk_two_cpus(context: Context, crashkernel: str, append: str = "") -> Outcome:
    return disk(context, crashkernel, append, cpus=2)


def nfs(context: Context, crashkernel: str, append: str = "") -> Outcome:
    server = nfs_server(context)
    outcome = crash(context, Round(
        Machine(board=context.board, memory_mib=MEMORY_MIB, nic="virtio-net"),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")],
                     drivers=virtio_drivers(context.board, NET_DRIVERS + ",nfsv4"),
                     options=["--ip", "dhcp"], append=append, dump=by_itself(context.arch)),
        crashkernel))
    outcome.must_be_saved()
    check_directory(context, server.folder / "crash", outcome)
    return outcome


def ssh(context: Context, crashkernel: str, append: str = "") -> Outcome:
    server = ssh_server(context)
    outcome = crash(context, Round(
        Machine(board=context.board, memory_mib=MEMORY_MIB, nic="virtio-net"),
        ImageOptions(targets=[server.target()], drivers=virtio_drivers(context.board, NET_DRIVERS),
                     options=["--ip", "dhcp", *server.options()], append=append,
                     dump=by_itself(context.arch)),
        crashkernel))
    outcome.must_be_saved()
    check_directory(context, server.folder, outcome)
    return outcome


def _ready(context: Context, crashkernel: str, image: Path) -> Outcome:
    target = make_disk(context, "ext4")
    outcome = crash(context, Round(
        Machine(board=context.board, memory_mib=MEMORY_MIB, disks=[("virtio-blk", target)]),
        ImageOptions([]),
        crashkernel, ready_image=image))
    expect(outcome.verdicts.status == "saved", "the dump was not saved")
    return outcome


def floor(context: Context, crashkernel: str, _append: str = "") -> Outcome:
    return _ready(context, crashkernel, floor_image(context))


def by_hand(context: Context, crashkernel: str, _append: str = "") -> Outcome:
    return _ready(context, crashkernel, by_hand_image(context))


# Each saves one dump with crashkernel=SIZE and whether it is right; then words for the capture
# kernel's command line where the image is ours.
KINDS: dict[str, Callable[..., Outcome]] = {
    "disk": disk, "generic": generic, "lvm-raid1": lvm_on_raid1, "disk-2-cpus": disk_two_cpus,
    "nfs": nfs, "ssh": ssh, "floor": floor, "by-hand": by_hand}
# The images of those whose image is made here.
IMAGES: dict[str, Callable[[Context], ImageOptions]] = {
    "disk": disk_options, "generic": lambda context: disk_options(context, "generic")}
