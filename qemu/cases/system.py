"""A whole Debian system with systemd: the commands as README has them, the default target, and a
system that comes back by itself."""

from pathlib import Path

from harness import paths, tools
from harness.case import Context, Failed, case, expect
from harness.content import Content
from harness.crash import FILL, ZERO_MIB
from harness.debian import debian, put_files
from harness.disk import read_files
from harness.dump import check_directory
from harness.machine import Machine, Running
from harness.outcome import Outcome
from harness.verdicts import read_verdicts

NODE = "office"
NONCE = "00c0ffee00c0ffee"
MARKER = f"mkcapture test marker {NONCE}"


@case("systemd-default-target", limit=1800)  # the first time a Debian system is made
def default_target(context: Context) -> None:
    """`mkcapture --profile x86_64 -o capture.img` on the machine itself; panic; /var/crash; back"""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    system = debian(context, [paths.MKCAPTURE])
    put_files(context, system.disk, _files(context), [
        ("/etc/systemd/system/multi-user.target.wants/system_round.service",
         "/etc/systemd/system/system_round.service")])
    machine = Machine(memory_mib=2048, disks=[("virtio-blk", system.disk)], reboots=True)
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} ro crashkernel=128M panic=5 "
                      "systemd.show_status=0 mitigations=off")
    running.wait_for(r"^round: (crash now|FAILED)", limit=300)
    console = running.wait_end(limit=400)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    boots = console.split("] Linux version ")
    expect(len(boots) == 4, f"three boots expected (system, capture, system), {len(boots) - 1} seen")
    expect("round: back" in boots[3], "the system did not come back to where it was")
    content = Content(NONCE, {name: mib * 256 for name, mib in FILL.items()},
                      (machine.memory_mib - 192) * 256, system.release)
    outcome = Outcome(content, "default", boots[2], read_verdicts(boots[2]), NODE, MARKER)
    outcome.must_be_saved()
    files = read_files(context, system.disk, only="/var/crash")
    check_directory(context, files / "crash", outcome)


def _files(context: Context) -> list[tuple[Path, str, int]]:
    def text(name: str, content: str) -> Path:
        file = context.dir / name
        file.write_text(content)
        return file

    payload = paths.payload(context.arch)
    programs = [(file, f"/root/mkcapture/build/payload/{context.arch}/{file.name}", 0o755)
                for file in sorted(payload.iterdir()) if file.is_file()]
    fill = f"{' '.join(map(str, FILL.values()))} {ZERO_MIB}"
    settings = f"NONCE={NONCE}\nMARKER='{MARKER}'\nFILL='{fill}'\n"
    return [
        (paths.MKCAPTURE, "/root/mkcapture/build/mkcapture", 0o755), *programs,
        (tools.memfill(context), "/root/memfill", 0o755),
        (paths.GUEST / "system_round", "/root/system_round", 0o755),
        (text("round.conf", settings), "/root/round.conf", 0o644),
        (text("hostname", NODE + "\n"), "/etc/hostname", 0o644),
        (paths.GUEST / "system_round.service", "/etc/systemd/system/system_round.service",
         0o644),
    ]
