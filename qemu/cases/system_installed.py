"""From the package to its removal on a whole Debian system that boots by GRUB from its own disk."""

import re
from pathlib import Path

from harness import paths, tools
from harness.case import Context, Failed, Skipped, case, expect
from harness.content import Content
from harness.crash import FILL, ZERO_MIB
from harness.debian import ROOT_MIB, SUITE, Debian, debian, dependencies, put_files
from harness.disk import START_MIB, read_files
from harness.dump import check_directory
from harness.machine import Machine, Running
from harness.outcome import Outcome
from harness.verdicts import read_verdicts

from .system import LIGHT, MARKER, MOTD, NODE, NONCE, QUIET, newest_package, unit_of_guest

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"  # the type of the partition that GRUB lives in


@case("system-installed-debian12", long=True, limit=5400)
def on_debian12(context: Context) -> None:
    """.deb, crashkernel --apply, reboot, status 0, panic, back, motd, a second kernel by apt, purge"""
    installed(context, "bookworm")


@case("system-installed-debian13", long=True, limit=5400)
def on_debian13(context: Context) -> None:
    """the same on Debian 13, with the package that was made there (build/packages/trixie)"""
    installed(context, "trixie")


def installed(context: Context, suite: str) -> None:
    package = package_of(context, suite)
    system = debian(context, [], ("grub-pc-bin", "grub2-common", *dependencies(context, package)),
                    suite=suite, later="linux-image-cloud-amd64")
    unit, link = unit_of_guest(context, "installed_round")
    put_files(context, system.disk, [*_files(context, package), *unit], [link])
    _make_room_for_grub(context, system)
    _set_up(context, system)

    machine = Machine(memory_mib=2048, disks=[("virtio-blk", system.disk)], reboots=True, extra=LIGHT)
    running = Running(context, machine, None, None, "")
    running.wait_for(r"^round: (crash now|FAILED)", limit=1800)
    _check(context, system, machine, _ended(running, context.left()))


def _check(context: Context, system: Debian, machine: Machine, console: str) -> None:
    boots = console.split("] Linux version ")
    expect(len(boots) == 5, "four boots expected (system, capture, system, system), "
           f"{len(boots) - 1} seen")
    _says(boots[1], "round: reserved: status 0", f"kernel {system.release}, crashkernel=")
    _says(boots[3], "round: crashed: status 3", MOTD, f"{NODE}-", "round: seen: status 0")
    second = re.search(r"^round: boot 4, kernel ([^\s,]+)", boots[4], re.MULTILINE)
    expect(second and "-cloud-" in second[1], "the fourth boot is not the second kernel's")
    release = second[1] if second else ""
    _says(boots[3], f"capture-{release}.img")
    _says(boots[4], "round: second kernel: status 0", f"for {release},",
          "round: left: ; loaded: 0; grub: 0")
    expect(not re.search(r"^journal: .*building", boots[4], re.MULTILINE),
           "the second kernel's image was built at its boot, not by the hook")
    content = Content(NONCE, {name: mib * 256 for name, mib in FILL.items()},
                      (machine.memory_mib - 256) * 256, system.release)
    outcome = Outcome(content, "default", boots[2], read_verdicts(boots[2]), NODE, MARKER)
    outcome.must_be_saved()
    check_directory(context, read_files(context, system.disk, only="/var/crash") / "crash", outcome)


def _set_up(context: Context, system: Debian) -> None:
    """The first boot, by QEMU's own loader, as an installer would: GRUB, the package."""
    machine = Machine(memory_mib=2048, disks=[("virtio-blk", system.disk)], extra=LIGHT)
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} ro {QUIET}",
                      name="setup")
    console = _ended(running, 1800)
    _says(console, "round: before: status 1", "update-grub was run")


def _ended(running: Running, limit: float) -> str:
    console = running.wait_end(limit)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    return console


def _says(console: str, *words: str) -> None:
    for word in words:
        expect(word in console, f"the system does not say '{word}'")


def _make_room_for_grub(context: Context, system: Debian) -> None:
    """A second partition in front of the root, which stays where it is, the first."""
    disk = system.disk
    context.run(["sfdisk", "-q", "--wipe", "never", "--wipe-partitions", "never", disk.image],
                input=f"label: gpt\nfirst-lba: 34\n"
                      f"start={START_MIB}MiB, size={ROOT_MIB}MiB, uuid={disk.partuuid}\n"
                      f"start=34, size=2014, type={BIOS_BOOT}\n")


def package_of(context: Context, suite: str) -> Path:
    """The .deb for a suite: this machine's own is made, another's is where somebody put it who
    built it there."""
    if suite == SUITE:
        if not paths.MKCAPTURE.exists():
            raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
        context.run([paths.ROOT / "builder/package/build", "deb"])
        return newest_package()
    folder = paths.BUILD / "packages" / suite
    packages = sorted(folder.glob("mkcapture_*.deb"), key=lambda file: file.stat().st_mtime)
    if not packages:
        raise Skipped(f"no package that was made on {suite} is in {folder}")
    return packages[-1]


def _files(context: Context, package: Path) -> list[tuple[Path, str, int]]:
    conf = context.dir / "round.conf"
    conf.write_text(f"NONCE={NONCE}\nMARKER='{MARKER}'\nQUIET='{QUIET}'\n"
                    f"FILL='{' '.join(map(str, FILL.values()))} {ZERO_MIB}'\n")
    return [(package, "/root/mkcapture.deb", 0o644),
            (tools.memfill(context), "/root/memfill", 0o755), (conf, "/root/round.conf", 0o644)]
