"""mkcapture check on a whole Debian system: each target's way against real servers."""

import re

from harness import paths
from harness.case import Context, Failed, case, expect
from harness.debian import debian, put_files
from harness.machine import Machine, Running

from .system import NODE, newest_package, unit_of_guest

# name: exit status, and what the output must say.
EXPECTED = {
    "disk": (0, r"disk:UUID=\S+: works, [\d.]+ [MG]B free \|"),
    "nfs": (0, r"nfs://127.0.0.1/srv/good/crash: works, [\d.]+ [MG]B free"),
    "root-squash": (1, r"failed at step directory: .*Permission denied \|.*no_root_squash"),
    "missing-path": (1, r"failed at step mount: .*\|.*exportfs -v"),
    "read-only": (1, r"failed at step directory: .*Read-only file system \|.*export it rw"),
    "nfs-full": (1, r"failed at step \w+: .*No space left on device \|.*make room"),
    "ssh": (0, r"ssh://kdump@127.0.0.1/home/kdump/dumps: works"),
    "wrong-host-key": (1, r"failed at step connect: .*host key"),
    "not-authorised": (1, r"failed at step connect: .*key"),
    "not-mine": (1, r"failed at step directory: .*[Pp]ermission denied \|.*must belong to the user"),
    "ssh-full": (1, r"failed at step \w+: "),
    "dead": (1, r"failed at step connect: .*\|.*is 127.0.0.1 up"),
    "disk-again": (0, r"works"),
}


@case("check-servers", limit=1800, long=True)
def check(context: Context) -> None:
    """mkcapture check: good ways, and seven that fail, each with its step and way out"""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    context.run([paths.ROOT / "builder/package/build", "deb"])
    system = debian(context, [paths.MKCAPTURE], ["nfs-kernel-server", "openssh-server"])
    unit, link = unit_of_guest(context, "check_round")
    put_files(context, system.disk, [(newest_package(), "/root/mkcapture.deb", 0o644), *unit], [link])
    machine = Machine(memory_mib=1024, disks=[("virtio-blk", system.disk)])
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} ro systemd.show_status=0 mitigations=off")
    console = running.wait_end(limit=600)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    said = dict(re.findall(r"^round: ([a-z-]+): (\d+: .*?)\r?$", console, re.MULTILINE))
    for name, (status, pattern) in EXPECTED.items():
        expect(name in said, f"{name}: not tried")
        code, _, output = said[name].partition(": ")
        expect(int(code) == status and re.search(pattern, output),
               f"{name}: exit status {code}, {output}")
    expect(re.findall(r"last check .*(not all|all) targets", console) == ["not all", "all"],
           "status does not know the last check")
    expect(re.search(r"^round: left: /proc/mounts:0 /proc/1/mountinfo:0 ?\r?$", console, re.M),
           "something was left behind")
    expect(f"round: name: {NODE}" in console, "the machine's name has changed")
