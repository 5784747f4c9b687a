"""mkcapture check: each target's way against real servers, on this machine as far as its kernel goes,
and on a whole Debian system."""

import re
import subprocess
from pathlib import Path

from harness import paths
from harness.case import Context, Failed, case, expect
from harness.debian import debian, put_files
from harness.machine import Machine, Running
from harness.server import free_port, ssh_server

from .system import LIGHT, NODE, QUIET, newest_package, unit_of_guest

# name: exit status, and what the output must say.
EXPECTED = {
    "disk": (0, r"disk:UUID=\S+: works, [\d.]+ [MG]B free \|"),
    "nfs": (0, r"nfs://127.0.0.1/srv/good/crash: works, [\d.]+ [MG]B free"),
    "root-squash": (1, r"failed at step directory: .*Permission denied \|.*no_root_squash"),
    "missing-path": (1, r"failed at step (mount|directory): .*\|.*`exportfs -v`"),
    "read-only": (1, r"failed at step directory: .*Read-only file system \|.*export it rw"),
    "nfs-full": (1, r"failed at step \w+: .*No space left on device \|.*make room"),
    "dead": (1, r"failed at step connect: .*\|.*is 127.0.0.1 up"),
    "disk-again": (0, r"works"),
}


# Where the kernel that images are for is this machine's, and what is recorded stays in the case.
HERE = """
mkdir -p /lib/modules
mount --bind "$1/lib/modules" /lib/modules
mount --bind "$1/boot" /boot
mount -t tmpfs none /var/lib
mkdir /var/lib/mkcapture
shift
exec "$@"
"""


@case("check-ssh")
def check_ssh(context: Context) -> None:
    """mkcapture check by SFTP on this machine: good, and five that fail with step and way out"""
    server = ssh_server(context)
    full = context.dir / "full"
    full.mkdir()
    context.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", full])
    context.at_end(lambda: subprocess.run(["umount", "-l", full], check=False))
    (full / "zeros").write_bytes(bytes(1 << 20))
    context.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", context.dir / "other"])
    here, nobody_there = f"[127.0.0.1]:{server.port} ", free_port()
    known, wrong = context.dir / "known", context.dir / "wrong"
    key_of_server = server.known_hosts.read_text().split()
    known.write_text("".join(f"{host} {' '.join(key_of_server[1:])}\n"
                             for host in (here.strip(), f"[127.0.0.1]:{nobody_there}")))
    wrong.write_text(here + " ".join((context.dir / "other.pub").read_text().split()[:2]) + "\n")

    def tried(path: Path, key: Path = server.key, known_hosts: Path = known,
              port: int = server.port, user: str = "root") -> str:
        return context.run([
            "unshare", "-m", "sh", "-ec", HERE, "sh", context.kernel.root, paths.MKCAPTURE, "check",
            "--kernel", context.kernel.release, "--drivers", "e1000", "--payload",
            paths.payload(context.arch), "--ssh-key", key, "--ssh-known-hosts", known_hosts,
            "-t", f"ssh://{user}@127.0.0.1:{port}{path}"], ok=(0, 1)).replace("\n", " | ")

    good = server.folder / "dumps"
    for said, wanted in [
            (tried(good), r": works, [\d.]+ [MG]B free \| $"),
            (tried(good, known_hosts=wrong),
             r"failed at step connect: host key mismatch.*\|.*ssh-keyscan"),
            (tried(good, key=context.dir / "other"),
             r"failed at step connect: .*accept the key \|.*authorized_keys"),
            (tried(full / "crash"), r"failed at step \w+: .*No space left on device \|.*make room"),
            (tried(Path("/proc/crash")), r"failed at step directory: .*No such file.*\|.*make PATH"),
            (tried(good, port=nobody_there),
             r"failed at step connect: .*Connection refused \|.*is 127.0.0.1 up"),
            (tried(good), ": works, ")]:
        expect(re.search(wanted, said), f"{said} is not {wanted}")
    left = [*server.folder.rglob("mkcapture-check*"), *full.rglob("mkcapture-check*"),
            *Path("/run").glob("mkcapture-check*")]
    expect(not left, f"left behind: {left}")


@case("check-servers", limit=3000, long=True)  # the first time a Debian system is made
def check(context: Context) -> None:
    """mkcapture check of disk and NFS: good, and five that fail, each with its step and way out"""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    context.run([paths.ROOT / "builder/package/build", "deb"])
    system = debian(context, [paths.MKCAPTURE], ["nfs-kernel-server"])
    unit, link = unit_of_guest(context, "check_round")
    put_files(context, system.disk, [(newest_package(), "/root/mkcapture.deb", 0o644), *unit], [link])
    machine = Machine(memory_mib=1024, disks=[("virtio-blk", system.disk)], extra=LIGHT)
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} ro {QUIET}")
    console = running.wait_end(limit=2400)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    said = dict(re.findall(r"^round: ([a-z-]+): (\d+: .*?)\r?$", console, re.MULTILINE))
    for name, (status, pattern) in EXPECTED.items():
        expect(name in said, f"{name}: not tried")
        code, _, output = said[name].partition(": ")
        expect(int(code) == status and re.search(pattern, output),
               f"{name}: exit status {code}, {output}")
    expect(re.findall(r"last check .*?(not all|all) targets", console) == ["not all", "all"],
           "status does not know the last check")
    expect(re.search(r"^round: left: /proc/mounts:0 /proc/1/mountinfo:0 ?\r?$", console, re.M),
           "something was left behind")
    expect(f"round: name: {NODE}" in console, "the machine's name has changed")
