"""A machine that crashes as soon as it is up, ten times: what is on the target after each."""

import re
from typing import Callable

from harness.case import Context, case, expect
from harness.crash import NODE, Round, start
from harness.debian import put_files
from harness.disk import make_disk
from harness.image import ImageOptions
from harness.machine import Machine
from harness.verdicts import read_verdicts

CRASHES = 10
KEEP = 3
RESERVE_MIB = 800  # of a disk of 1 GB
# Another machine's dumps, whole and not, one of this machine with somebody's notes in it, and what
# is no dump at all.
OTHERS = {
    "elsewhere-2026-01-01-00:00:00": ["vmcore", "vmcore-dmesg.txt"],
    f"{NODE}2-2026-01-01-00:00:00": ["vmcore.incomplete"],
    f"{NODE}-2026-01-01-00:00:00": ["vmcore", "notes.txt"],
    f"{NODE}-old": ["vmcore"],
}
WHOLE = {"vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log"}
LIST = r"""
for folder in /mnt/crash/*; do echo "there: ${folder##*/}: $(ls "$folder" | tr '\n' ' ')"; done
echo "there, free: $(df -k /mnt | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4) KiB"
"""
# Folders of the target and the files in them, by what the console said since the last crash.
Look = Callable[[str], dict[str, set[str]]]


@case("crash-loop-disk", long=True, limit=3600)
def on_disk(context: Context) -> None:
    """on an ext4 of 1 GB with keep=3 and a reserve: three dumps, the reserve free, others untouched"""
    disk = make_disk(context, "ext4", 1022, directory="crash")
    file = context.dir / "other"
    file.write_text("not ours\n")
    put_files(context, disk, [(file, f"/crash/{folder}/{name}", 0o600)
                              for folder, names in OTHERS.items() for name in names], [])

    def look(console: str) -> dict[str, set[str]]:
        free = re.search(r"^there, free: (\d+) KiB", console, re.MULTILINE)
        expect(free and int(free[1]) >= RESERVE_MIB << 10,
               f"{int(free[1]) >> 10 if free else '?'} MiB are free, not {RESERVE_MIB}")
        return {name: set(files.split()) for name, files in
                re.findall(r"^there: ([^ ]+): (.*)$", console, re.MULTILINE)}

    crash_loop(context, Machine(disks=[("virtio-blk", disk)]), ImageOptions(
        targets=[f"disk:UUID={disk.uuid}:/crash"], drivers="virtio_pci,virtio_blk,ext4",
        options=["--keep", str(KEEP), "--reserve", f"{RESERVE_MIB}M"], dump="default"), LIST, look)


def crash_loop(context: Context, machine: Machine, image: ImageOptions, prepare: str,
               look: Look) -> None:
    machine.reboots = True
    running = start(context, Round(machine, image, fill={"K": 4, "U": 8, "C": 4}, prepare=prepare))
    last = ""  # name of the newest dump
    begin = 0  # of what the console said since the last crash
    for crashes in range(CRASHES + 1):  # that are behind us
        found = running.wait_for(r"^production: (crash now|FAILED)", 600, begin)
        expect(found[1] == "crash now", "the system did not come up")
        boot = found.string[begin:found.start()]
        begin = found.end()
        if crashes:
            said = read_verdicts(boot)
            expect(said.status == "saved", f"crash {crashes}: {said.targets[-1].reason}")
        there = look(boot)
        for name, own in OTHERS.items():
            expect(there.pop(name, None) == set(own), f"after crash {crashes} {name} is not whole")
        context.note(f"after crash {crashes}: {' '.join(sorted(there))}\n")
        expect(len(there) == min(crashes, KEEP),
               f"after crash {crashes}: {len(there)} dumps, not {min(crashes, KEEP)}")
        for name, files in there.items():
            expect(re.fullmatch(NODE + r"-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d", name) and files == WHOLE,
                   f"after crash {crashes}: {name} has {' '.join(sorted(files))}")
        newest = max(there, default="")
        expect(newest > last or not crashes, f"crash {crashes} has left no new dump")
        last = newest
    running.kill()
