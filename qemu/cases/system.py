"""A whole Debian system with systemd: the package, armed by its unit, the default target, and a
system that comes back by itself and says what happened."""

import re
from pathlib import Path
from typing import Any

from harness import paths, tools
from harness.case import Context, Failed, case, expect
from harness.content import Content
from harness.crash import FILL, ZERO_MIB
from harness.debian import Debian, debian, put_files
from harness.disk import read_files
from harness.dump import check_directory
from harness.machine import Machine, Running
from harness.outcome import Outcome
from harness.verdicts import read_verdicts

NODE = "office"
NONCE = "00c0ffee00c0ffee"
MARKER = f"mkcapture test marker {NONCE}"
# Without the devices that a Debian system would look for drivers of in each of its boots. The level
# of CPUID that tells the width of addresses is one that QEMU has for SVM's sake alone. What a real CPU
# copies fast, byte by byte, an emulated one does not.
LIGHT = ["-M", "q35,sata=off,smbus=off", "-cpu", "max,-svm,-erms,-fsrm,xlevel=0x80000008"]
# On a busy host a machine measures its TSC wrongly at times, and its seconds are minutes.
QUIET = "systemd.show_status=0 mitigations=off tsc=unstable"
MOTD = "mkcapture: a new crash dump since anybody looked, the last one in /var/crash/"


@case("systemd-package", limit=1800)  # the first time a Debian system is made
def package(context: Context) -> None:
    """dpkg -i; armed; status 0; panic; /var/crash; back; motd, status 3, dumps, status 0; dpkg -P"""
    system = system_with_package(context)
    machine = Machine(memory_mib=2048, disks=[("virtio-blk", system.disk)], reboots=True, extra=LIGHT)
    outcome = package_round(context, machine, system, f"UUID={system.disk.uuid}")
    files = read_files(context, system.disk, only="/var/crash")
    check_directory(context, files / "crash", outcome)


def system_with_package(context: Context, script: str = "system_round", node: str = NODE,
                        **of_debian: Any) -> Debian:
    """A system called `node` that runs qemu/guest/SCRIPT once it is up and has the package in /root;
    all else is as debian() takes it."""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    context.run([paths.ROOT / "builder/package/build", "deb"])
    system = debian(context, [paths.MKCAPTURE], **of_debian)
    unit, link = unit_of_guest(context, script, node)
    put_files(context, system.disk, [*_files(context), *unit], [link])
    return system


def package_round(context: Context, machine: Machine, system: Debian, root: str) -> Outcome:
    """The system installs the package, crashes, comes back and removes it; `root` is what its kernel
    is told."""
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root={root} ro crashkernel=128M panic=5 {QUIET}")
    running.wait_for(r"^round: (crash now|FAILED)", limit=600)
    console = running.wait_end(limit=900)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    boots = console.split("] Linux version ")
    expect(len(boots) == 4, f"three boots expected (system, capture, system), {len(boots) - 1} seen")
    expect(f"pages differ from what kernel {system.release} says of them" in boots[1],
           "status does not say how the page filter and the kernel agree")
    expect(re.search(r"page filter was compared with this kernel while it ran: \d+ of \d+ pages "
                     r"differ\s*$", boots[2], re.MULTILINE),
           "the capture does not know that the page filter and the kernel agree")
    back = boots[3]
    for word in ("round: status 3 after the crash", f"{NODE}-", MOTD,
                 "round: status 0 when somebody has looked", "round: early unit: active",
                 "round: left: ; loaded: 0", "round: back, state running"):
        expect(word in back, f"the system that came back does not say '{word}'")
    content = Content(NONCE, {name: mib * 256 for name, mib in FILL.items()},
                      (machine.memory_mib - 192) * 256, system.release)
    outcome = Outcome(content, "default", boots[2], read_verdicts(boots[2]), NODE, MARKER)
    outcome.must_be_saved()
    return outcome


def newest_package() -> Path:
    return max((paths.BUILD / "packages").glob("mkcapture_*.deb"), key=lambda f: f.stat().st_mtime)


def unit_of_guest(context: Context, name: str, node: str = NODE) -> tuple[
        list[tuple[Path, str, int]], tuple[str, str]]:
    """The files that have qemu/guest/NAME run after the system's start, and the link that asks for
    it; the system is called `node`."""
    unit = f"/etc/systemd/system/{name}.service"
    hostname = context.dir / "hostname"
    hostname.write_text(node + "\n")
    service = context.dir / f"{name}.service"
    service.write_text((paths.GUEST / "round.service").read_text().replace("ROUND", name))
    return ([(paths.GUEST / name, f"/root/{name}", 0o755), (hostname, "/etc/hostname", 0o644),
             (service, unit, 0o644)],
            (f"/etc/systemd/system/multi-user.target.wants/{name}.service", unit))


def _files(context: Context) -> list[tuple[Path, str, int]]:
    def text(name: str, content: str) -> Path:
        file = context.dir / name
        file.write_text(content)
        return file

    fill = f"{' '.join(map(str, FILL.values()))} {ZERO_MIB}"
    settings = f"NONCE={NONCE}\nMARKER='{MARKER}'\nFILL='{fill}'\n"
    return [
        (newest_package(), "/root/mkcapture.deb", 0o644),
        (tools.memfill(context), "/root/memfill", 0o755),
        (text("round.conf", settings), "/root/round.conf", 0o644),
    ]
