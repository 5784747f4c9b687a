"""A machine that crashes as soon as it is up, ten times: what is on the target after each."""

import re
import shutil
from pathlib import Path
from typing import Callable

from cases.ssh import STATIC_IP
from cases.system import LIGHT, QUIET, system_with_package
from harness.case import Context, case, expect
from harness.crash import NODE, Round, start
from harness.debian import put_files
from harness.disk import make_disk
from harness.image import ImageOptions
from harness.machine import Machine, Running
from harness.server import nfs_server, ssh_server
from harness.verdicts import Verdicts, read_verdicts

CRASHES = 10
KEEP = 3
SIZE_MIB = 1022
RESERVE_MIB = 800
CROWDED = 6  # crashes before the root file system is filled up
TIGHT_MIB = 870  # about 916 are free, a dump takes about 20
# Another machine's dumps, whole and not, one of this machine with somebody's notes in it, and what
# is no dump at all.
OTHERS = {
    "elsewhere-2026-01-01-00:00:00": ["vmcore", "vmcore-dmesg.txt"],
    f"{NODE}2-2026-01-01-00:00:00": ["vmcore.incomplete"],
    f"{NODE}-2026-01-01-00:00:00": ["vmcore", "notes.txt"],
    f"{NODE}-old": ["vmcore"],
}
LOGS = {"vmcore-dmesg.txt", "kexec-dmesg.log"}
WHOLE = {"vmcore", *LOGS}
LIST = r"""
for folder in /mnt/crash/*; do echo "there: ${folder##*/}: $(ls "$folder" | tr '\n' ' ')"; done
echo "there, free: $(df -k /mnt | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4) KiB"
"""
# Folders of the target and the files in them, by what the console said since the last crash.
Look = Callable[[str], dict[str, set[str]]]
# Whether this machine's own, after so many crashes, is what there must be, with the last one's
# verdict.
Own = Callable[[int, dict[str, set[str]], Verdicts], None]


@case("crash-loop-disk", long=True, limit=3600)
def on_disk(context: Context) -> None:
    """on an ext4 of 1 GB with keep=3 and a reserve: three dumps, the reserve free, others untouched"""
    loop_on_disk(context, RESERVE_MIB, _newest_stay)


@case("crash-loop-reserve", long=True, limit=3600)
def at_the_reserve(context: Context) -> None:
    """the reserve leaves room for fewer dumps than are kept: these stay, then logs alone"""
    loop_on_disk(context, TIGHT_MIB, _first_stay)


def loop_on_disk(context: Context, reserve_mib: int, expect_own: Own) -> None:
    disk = make_disk(context, "ext4", SIZE_MIB, directory="crash")
    file = context.dir / "other"
    file.write_text("not ours\n")
    put_files(context, disk, [(file, f"/crash/{folder}/{name}", 0o600)
                              for folder, names in OTHERS.items() for name in names], [])

    def look(console: str) -> dict[str, set[str]]:
        free = re.search(r"^there, free: (\d+) KiB", console, re.MULTILINE)
        _expect_free(int(free[1]) if free else 0, reserve_mib)
        return _told(console)

    crash_loop(context, Machine(disks=[("virtio-blk", disk)]), ImageOptions(
        targets=[f"disk:UUID={disk.uuid}:/crash"], drivers="virtio_pci,virtio_blk,ext4",
        options=space(reserve_mib), dump="default"), LIST, look, expect_own)


@case("crash-loop-root", long=True, limit=7200)
def on_root(context: Context) -> None:
    """a Debian system of 1 GB with the package, booted after each: keep, then the reserve"""
    system = system_with_package(context, "loop_round", NODE, root_mib=SIZE_MIB,
                                 kernel_package="linux-image-cloud-amd64")  # a tenth of the size
    conf = context.dir / "loop.conf"
    others = " ".join(f"{folder}/{name}" for folder, names in OTHERS.items() for name in names)
    conf.write_text(f"KEEP={KEEP}\nCROWDED={CROWDED}\nOTHERS='{others}'\n")
    # Each crash would leave a journal of 8 MB behind, whose room is not what is looked at here.
    journal = context.dir / "journald.conf"
    journal.write_text("[Journal]\nStorage=volatile\n")
    put_files(context, system.disk, [
        (conf, "/root/round.conf", 0o644),
        (journal, "/etc/systemd/journald.conf.d/volatile.conf", 0o644)], [])

    def look(console: str) -> dict[str, set[str]]:
        free = re.search(r"^there, free: (\d+) KiB of (\d+)", console, re.MULTILINE)
        size = int(free[2]) if free else 0
        expect(size < 1 << 20, f"the root has {size} KiB")
        _expect_free(int(free[1]) if free else 0, (size // 20) >> 10)
        return _told(console)

    machine = Machine(memory_mib=1024, disks=[("virtio-blk", system.disk)], reboots=True, extra=LIGHT)
    crash_loop_of(context, Running(
        context, machine, system.kernel, system.initrd,
        f"root=UUID={system.disk.uuid} ro crashkernel=128M panic=5 {QUIET}"), look, _root_has)


@case("crash-loop-nfs", long=True, limit=3600)
def on_nfs(context: Context) -> None:
    """the same on an NFS export that other hosts use as well"""
    server = nfs_server(context, size_mib=SIZE_MIB)
    crash_loop(context, Machine(nic="virtio-net"), ImageOptions(
        targets=[server.target("/crash", "vers=4.2")], drivers="virtio_pci,virtio_net,nfsv4",
        options=["--ip", "dhcp", *space(RESERVE_MIB)], dump="default"), "", _served(server.folder / "crash"))


@case("crash-loop-sftp", long=True, limit=3600)
def on_sftp(context: Context) -> None:
    """the same on an SFTP server that other hosts use as well"""
    server = ssh_server(context, size_mib=SIZE_MIB)
    crash_loop(context, Machine(nic="e1000e"), ImageOptions(
        targets=[server.target()], drivers="e1000e",
        options=["--ip", STATIC_IP, *server.options(), *space(RESERVE_MIB)], dump="default"), "",
        _served(server.folder))


def _told(console: str) -> dict[str, set[str]]:
    return {name: set(files.split()) for name, files in
            re.findall(r"^there: ([^ ]+): (.*)$", console, re.MULTILINE)}


def _served(folder: Path) -> Look:
    """Puts the others' dumps into a server's folder, and looks there."""
    for name, files in OTHERS.items():
        (folder / name).mkdir(parents=True)
        for file in files:
            (folder / name / file).write_text("not ours\n")

    def look(_: str) -> dict[str, set[str]]:
        _expect_free(shutil.disk_usage(folder).free >> 10, RESERVE_MIB)
        for name, files in OTHERS.items():
            expect(all((folder / name / file).read_text() == "not ours\n" for file in files),
                   f"{name} was written to")
        return {found.name: {file.name for file in found.iterdir()} for found in folder.iterdir()}

    return look


def space(reserve_mib: int) -> list[str]:
    return ["--keep", str(KEEP), "--reserve", f"{reserve_mib}M"]


def _expect_free(kib: int, reserve_mib: int) -> None:
    expect(kib >= reserve_mib << 10, f"{kib >> 10} MiB are free, not {reserve_mib}")


def _newest_stay(crashes: int, there: dict[str, set[str]], said: Verdicts) -> None:
    expect(said.status == "saved", f"crash {crashes}: {said.targets[-1].reason}")
    expect(len(there) == min(crashes, KEEP),
           f"after crash {crashes}: {len(there)} dumps, not {min(crashes, KEEP)}")
    for name, files in there.items():
        expect(files == WHOLE, f"after crash {crashes}: {name} has {' '.join(sorted(files))}")


def _first_stay(crashes: int, there: dict[str, set[str]], said: Verdicts) -> None:
    whole = _then_logs(crashes, there, said)
    expect(len(there) == crashes, f"after crash {crashes}: {len(there)} folders")
    expect(1 <= whole < KEEP, f"after crash {crashes}: {whole} dumps")


def _root_has(crashes: int, there: dict[str, set[str]], said: Verdicts) -> None:
    if crashes <= CROWDED:
        _newest_stay(crashes, there, said)
        return
    whole = _then_logs(crashes, there, said)
    expect(whole == KEEP and len(there) == KEEP + crashes - CROWDED,
           f"after crash {crashes}: {whole} dumps, {len(there)} folders")


def _then_logs(crashes: int, there: dict[str, set[str]], said: Verdicts) -> int:
    """What there are dumps of, and then folders with logs alone of; how many dumps."""
    whole = [name for name, files in there.items() if files == WHOLE]
    logs = [name for name, files in there.items() if files == LOGS]
    expect(len(whole) + len(logs) == len(there) and
           max(whole, default="~") < min(logs, default="~"), f"after crash {crashes}: {there}")
    expect((said.status == "saved") == (not logs), f"crash {crashes}: {said.status}")
    expect(not logs or "the log alone" in said.targets[-1].reason,
           f"crash {crashes}: {said.targets[-1].reason}")
    return len(whole)


def crash_loop(context: Context, machine: Machine, image: ImageOptions, prepare: str,
               look: Look, expect_own: Own = _newest_stay) -> None:
    machine.reboots = True
    machine.extra = LIGHT
    crash_loop_of(context, start(context, Round(
        machine, image, fill={"K": 4, "U": 8, "C": 4}, prepare=prepare)), look, expect_own)


def crash_loop_of(context: Context, running: Running, look: Look, expect_own: Own) -> None:
    last = ""  # name of the newest dump
    begin = 0  # of what the console said since the last crash
    for crashes in range(CRASHES + 1):  # that are behind us
        found = running.wait_for(r"^(?:production|round): (crash now|FAILED)", 900, begin)
        expect(found[1] == "crash now", "the system did not come up")
        boot = found.string[begin:found.start()]
        begin = found.end()
        there = look(boot)
        for name, own in OTHERS.items():
            expect(there.pop(name, None) == set(own), f"after crash {crashes} {name} is not whole")
        context.note(f"after crash {crashes}: {' '.join(sorted(there))}\n")
        if not crashes:
            expect(not there, "there are dumps before the first crash")
            continue
        expect_own(crashes, there, read_verdicts(boot))
        for name in there:
            expect(re.fullmatch(NODE + r"-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d", name),
                   f"after crash {crashes}: {name}")
        newest = max(there)
        expect(newest > last, f"crash {crashes} has left no new dump")
        last = newest
    running.kill()
