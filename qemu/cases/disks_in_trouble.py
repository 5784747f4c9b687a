"""Disks that do not answer, or are several things at once: sick ones beside the target, two paths to
one disk, a btrfs on two controllers. They are well while the machine runs, and mkcapture sees them
so; the trouble begins with the crash."""

import shutil
from dataclasses import replace
from typing import Callable

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.disk import Disk
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine, Running
from harness.nbd import DiskPath, NbdServer
from harness.outcome import Outcome
from harness.reader import read_stack
from harness.stack import FILL, LABEL, MEMORY_MIB, Stack, blank_disk
from harness.verdicts import LINE

WWN = "0x5000c50015ea71ac"
# reboot(2) waits for the drivers of what hangs: /init then takes the kernel's own reset.
RESTARTS = "reboot: machine restart|sysrq: Resetting"


def through_nbd(context: Context, disk: Disk, paths: int = 1) -> list[tuple[DiskPath, Disk]]:
    server = NbdServer(context)
    exports = [server.export(disk.image) for _ in range(paths)]
    return [(path, replace(disk, source=url)) for path, url in exports]


def hangs(path: DiskPath, seconds: float):
    """From the crash on; QEMU itself ends only when nothing hangs any more."""

    def at_crash(running: Running) -> None:
        path.hang(seconds)
        running.wait_for(RESTARTS, 300)
        path.heal()

    return at_crash


def not_held_up(outcome: Outcome) -> None:
    """The dump was there long before anything ceased to hang."""
    starts = next(float(line["time"]) for line in LINE.finditer(outcome.console) if line["time"])
    took = outcome.verdicts.only().at - starts
    expect(took < 100, f"the dump was saved {took:.0f} s after /init had started")


def sick_beside(context: Context, controller: str, device: str) -> None:
    target = blank_disk(context, "target")
    [(path, sick)] = through_nbd(context, blank_disk(context, "sick", 64))
    machine = Machine(memory_mib=MEMORY_MIB, disks=[("virtio-blk", sick), (controller, target)])
    stack = Stack(make="true", activate="true", device=device, busy=False)
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL,
                                   at_crash=hangs(path, 150)))
    expect(path.hung_requests, "nothing was ever read from the sick disk")
    not_held_up(outcome)
    check_directory(context, read_stack(context, machine, stack), outcome)


@case("sick-disk-beside", limit=900, long=True)
def sick_disk(context: Context) -> None:
    """a disk whose reads hang for 150 s, at the target's own driver: the dump is not held up"""
    sick_beside(context, "virtio-blk", "/dev/vdb")


def two_paths(context: Context, at_crash: Callable[[DiskPath, DiskPath, Running], None],
              ) -> tuple[Outcome, DiskPath, DiskPath]:
    """/var on dm-multipath over two paths, which both are given to `at_crash`. Which of them the
    capture kernel calls sda is not the same each time."""
    disk = replace(blank_disk(context, "lun"),
                   device_options=f",wwn={WWN},serial=LUN1,share-rw=on")
    (first, a), (second, b) = through_nbd(context, disk, 2)
    machine = Machine(memory_mib=MEMORY_MIB, disks=[("virtio-scsi", a), ("virtio-scsi", b)])
    table = (f"0 {disk.size_mib * 2048} multipath 0 0 2 1 round-robin 0 1 1 /dev/sda 1 "
             "round-robin 0 1 1 /dev/sdb 1")
    mapping = (f'dmsetup create mpatha -u mpath-3{WWN[2:]} --table "{table}" && dmsetup mknodes')
    stack = Stack(make=mapping, activate=mapping, device="/dev/mapper/mpatha", busy=False,
                  modules=["dm_multipath", "dm_round_robin"], plan=("mpatha (dm-0) on sda, sdb",))

    def trouble(running: Running) -> None:
        first.written = second.written = 0
        at_crash(first, second, running)

    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL,
                                   at_crash=trouble))
    written = max(first.written, second.written)
    expect(written >= outcome.verdicts.only().bytes, "the dump is not whole on any of the paths")
    first.heal()
    second.heal()
    files = read_stack(context, machine, stack)
    # What was begun by a path that died is there, and is not called whole.
    begun = [folder for folder in files.glob("crashbox-*") if not (folder / "vmcore").exists()]
    expect(len(begun) <= (1 if first.failed_requests + second.failed_requests else 0),
           f"{len(begun)} dumps were begun and not ended")
    for folder in begun:
        shutil.rmtree(folder)
    check_directory(context, files, outcome)
    return outcome, first, second


@case("two-paths-first-fails", limit=900, long=True)
def first_fails(context: Context) -> None:
    """two paths to one disk, and everything fails on the first from the crash on"""
    _, first, _ = two_paths(context, lambda path, _other, _running: path.fail())
    expect(first.failed_requests, "the first path was never asked")
    expect(not first.written, "something was written by the first path")


@case("two-paths-one-dies", limit=900, long=True)
def one_dies(context: Context) -> None:
    """the path that is taken fails in the middle of the dump, which is written anew by the other"""

    def at_crash(first: DiskPath, second: DiskPath, _running: Running) -> None:
        for path, other in ((first, second), (second, first)):
            path.fail(after_written=64 << 20, then=other.heal)

    _, first, second = two_paths(context, at_crash)
    failed = [path for path in (first, second) if path.failed_requests]
    expect(len(failed) == 1, f"{len(failed)} paths failed")
    expect(failed[0].written >= 64 << 20, "it failed before the dump was under way")


@case("two-paths-first-hangs", limit=900, long=True)
def first_hangs(context: Context) -> None:
    """two paths to one disk, and nothing comes back from the first from the crash on"""
    outcome, first, _ = two_paths(
        context, lambda path, _other, running: hangs(path, 240)(running))
    expect(first.hung_requests, "the first path was never asked")
    not_held_up(outcome)


@case("btrfs-default-subvolume", limit=900, long=True)
def btrfs_default(context: Context) -> None:
    """btrfs with a default subvolume, as openSUSE has it: the dump is where /var/crash is"""
    disk = blank_disk(context, "target")
    machine = Machine(memory_mib=MEMORY_MIB, disks=[("virtio-blk", disk)])
    stack = Stack(
        make=f"mkfs.btrfs -q -L {LABEL} /dev/vda && mount -t btrfs /dev/vda /mnt && "
             "btrfs subvolume create /mnt/@ && btrfs subvolume set-default /mnt/@ && umount /mnt",
        activate="true", device="/dev/vda", fstype="btrfs")
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL))
    expect("path=/@/crash/" in outcome.console, "the dump is not in the default subvolume")
    check_directory(context, read_stack(context, machine, stack), outcome)


@case("btrfs-late-member", limit=900, long=True)
def btrfs_late(context: Context) -> None:
    """a btrfs over two controllers, of which one gives its disk 20 s after it is asked"""
    [(path, late)] = through_nbd(context, blank_disk(context, "late"))
    machine = Machine(memory_mib=MEMORY_MIB,
                      disks=[("virtio-blk", blank_disk(context, "first")), ("ahci", late)])
    stack = Stack(make=f"mkfs.btrfs -q -L {LABEL} -d single -m raid1 /dev/vda /dev/sda && "
                       "btrfs device scan",
                  activate="btrfs device scan", device="/dev/vda", fstype="btrfs",
                  busy=False)
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL,
                                   at_crash=lambda _: path.hang_when_asked(20)))
    expect(path.hung_requests, "the late member was never late")
    check_directory(context, read_stack(context, machine, stack), outcome)
