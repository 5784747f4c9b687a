"""A whole Debian system whose root and /var/crash are on LVM, also over an md mirror."""

from pathlib import Path

from cases.system import (
    LIGHT, MARKER, NODE, NONCE, QUIET, package_round, system_with_package, unit_of_guest)
from harness import paths, tools
from harness.case import Context, Failed, case, expect
from harness.content import Content
from harness.crash import FILL, ZERO_MIB
from harness.debian import ROOT_MIB, Debian, debian, put_files
from harness.disk import Disk
from harness.dump import check_directory
from harness.machine import Machine, Running
from harness.outcome import Outcome
from harness.reader import read_stack, run_job
from harness.stack import LVM_UP, Stack, blank_disk
from harness.verdicts import read_verdicts

LVM = Stack(
    make="lvm pvcreate -q /dev/vda && lvm vgcreate -q vg0 /dev/vda && "
         "lvm lvcreate -q -y -Wn -Zn -n root -l 100%FREE vg0 && lvm vgmknodes vg0",
    activate=LVM_UP, device="/dev/vg0/root", modules=["dm_mod"])
STACK = Stack(
    make="mdadm -q --create /dev/md0 --run --assume-clean -l1 -n2 -e1.2 /dev/vda /dev/vdb && "
         "lvm pvcreate -q /dev/md0 && lvm vgcreate -q vg0 /dev/md0 && "
         "lvm lvcreate -q -y -Wn -Zn -n root -l 100%FREE vg0 && lvm vgmknodes vg0",
    activate=f"mdadm --assemble /dev/md0 /dev/vda /dev/vdb; {LVM_UP}",
    device="/dev/vg0/root", modules=["raid1", "dm_mod"])


@case("systemd-package-lvm", limit=3000, long=True)  # the first time a Debian system is made
def package_on_lvm(context: Context) -> None:
    """the package installed, armed, status 0, a panic, /var/crash, the machine back, on LVM"""
    system = system_with_package(context, more=("lvm2",), initrd_modules=("dm_mod",))
    members = [("virtio-blk", blank_disk(context, "volume", ROOT_MIB + 200))]
    _install(context, LVM, members, system)
    machine = Machine(memory_mib=2048, disks=members, reboots=True, extra=LIGHT)
    outcome = package_round(context, machine, system, "/dev/mapper/vg0-root")
    check_directory(context, read_stack(context, machine, LVM, "var/crash"), outcome)


@case("system-on-lvm-raid1", limit=3000, long=True)  # the first time a Debian system is made
def on_lvm_raid1(context: Context) -> None:
    """mkcapture without options, the command that it prints, a panic, /var/crash, the machine back"""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    system = debian(context, [paths.MKCAPTURE], ("lvm2", "mdadm"), ("raid1", "dm_mod"))
    unit, link = unit_of_guest(context, "stack_round")
    put_files(context, system.disk, [*_files(context), *unit], [link])
    members = [("virtio-blk", blank_disk(context, f"member{number}", ROOT_MIB + 200))
               for number in range(2)]
    _install(context, STACK, members, system, "mdadm --stop /dev/md0")
    machine = Machine(memory_mib=2048, disks=members, reboots=True)
    outcome = _crash(context, machine, system)
    check_directory(context, read_stack(context, machine, STACK, "var/crash"), outcome)


def _install(context: Context, stack: Stack, members: list[tuple[str, Disk]], system: Debian,
             down: str = ":") -> None:
    """Makes the stack on the blank members and copies the system's root onto it."""
    source = f"/dev/vd{chr(ord('a') + len(members))}1"
    run_job(context, "install", f"""
{stack.make} || give_up "the stack cannot be made"
e2image -ra {source} {stack.device} || give_up "the system cannot be copied"
lvm vgchange -q -an vg0
{down}
""", [*members, ("virtio-blk", system.disk)], stack.modules)


def _crash(context: Context, machine: Machine, system: Debian) -> Outcome:
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=/dev/mapper/vg0-root ro crashkernel=128M panic=5 {QUIET}")
    running.wait_for(r"^round: (crash now|FAILED)", limit=600)
    console = running.wait_end(limit=900)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    for wanted in ("LVM volume vg0/root", "md raid1 of 2 members, metadata 1.2"):
        expect(wanted in console, f'the plan does not say "{wanted}"')
    boots = console.split("] Linux version ")
    expect(len(boots) == 4, f"three boots expected (system, capture, system), {len(boots) - 1} seen")
    expect("round: back" in boots[3], "the system did not come back to where it was")
    content = Content(NONCE, {name: mib * 256 for name, mib in FILL.items()},
                      (machine.memory_mib - 192) * 256, system.release)
    outcome = Outcome(content, "default", boots[2], read_verdicts(boots[2]), NODE, MARKER)
    outcome.must_be_saved()
    return outcome


def _files(context: Context) -> list[tuple[Path, str, int]]:
    def text(name: str, content: str) -> Path:
        file = context.dir / name
        file.write_text(content)
        return file

    fill = f"{' '.join(map(str, FILL.values()))} {ZERO_MIB}"
    settings = f"NONCE={NONCE}\nMARKER='{MARKER}'\nFILL='{fill}'\n"
    payload = paths.payload(context.arch)
    return [
        (paths.MKCAPTURE, "/usr/bin/mkcapture", 0o755),
        *[(file, f"/usr/lib/mkcapture/payload/{context.arch}/{file.name}", 0o755)
          for file in sorted(payload.iterdir())],
        (tools.memfill(context), "/root/memfill", 0o755),
        (text("round.conf", settings), "/root/round.conf", 0o644),
    ]
