"""A whole Debian system with the package that crashes early in its boot, or with more memory than it
was armed with."""

from harness import paths, tools
from harness.case import Context, Failed, case, expect
from harness.content import Content
from harness.debian import Debian, debian, put_files
from harness.disk import read_files
from harness.dump import check_directory
from harness.machine import Machine, Running
from harness.monitor import Monitor
from harness.outcome import Outcome
from harness.verdicts import read_verdicts

from .system import LIGHT, MARKER, NODE, NONCE, QUIET, newest_package, unit_of_guest

CRASH_UNIT = """[Unit]
DefaultDependencies=no
After=local-fs.target
ConditionPathExists=/root/crash_early

[Service]
ExecStart=/root/early_round early
"""
# The network of the boot that crashes does not come up.
SLOW_UNIT = """[Unit]
DefaultDependencies=no
Before=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c "while [ -e /root/crash_early ] || [ -e /run/crashing ]; do sleep 1; done"
"""
APPEND = f"ro crashkernel=128M panic=5 {QUIET}"


@case("panic-before-network", long=True, limit=3000)
def before_network(context: Context) -> None:
    """2 s after local-fs.target, while the network is not up: saved by the image of last time"""
    system = _system(context, "early_round", [
        ("crash_early.service", CRASH_UNIT, "sysinit.target"),
        ("slow_network.service", SLOW_UNIT, "network-online.target")])
    machine = Machine(memory_mib=1024, disks=[("virtio-blk", system.disk)], reboots=True, extra=LIGHT)
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} {APPEND}")
    console = _console(running, 1800)
    boots = console.split("] Linux version ")
    expect(len(boots) == 5,
           f"four boots expected (system twice, capture, system), {len(boots) - 1} seen")
    expect("round: early unit active, network inactive, mkcapture.service inactive, loaded 1"
           in boots[2], "the crash was not between the early unit and the network")
    expect("round: back" in boots[4], "the system did not come back")
    content = Content(NONCE, {}, (machine.memory_mib - 192) * 256, system.release)
    outcome = Outcome(content, "default", boots[3], read_verdicts(boots[3]), NODE, MARKER)
    outcome.must_be_saved()
    check_directory(context, read_files(context, system.disk, only="/var/crash") / "crash", outcome)


@case("memory-added-after-arm", long=True, limit=3000)
def memory_added(context: Context) -> None:
    """512 MB by a pc-dimm after the machine was armed, filled: in the dump"""
    fill = {"K": 16, "U": 600, "C": 16}  # more than the machine had without it
    system = _system(context, "hotplug_round", [],
                     f"FILL='{' '.join(map(str, fill.values()))} 0'\n")
    monitor = Monitor(context)
    machine = Machine(memory_mib=768, disks=[("virtio-blk", system.disk)],
                      extra=[*LIGHT, "-m", "768M,slots=2,maxmem=4G", *monitor.argv])
    running = Running(context, machine, system.kernel, system.initrd,
                      f"root=UUID={system.disk.uuid} {APPEND}")
    running.wait_for(r"^round: (more memory now|FAILED)", limit=600)
    monitor.command("object-add", **{"qom-type": "memory-backend-ram", "id": "more",
                                     "size": 512 << 20})
    monitor.command("device_add", driver="pc-dimm", id="dimm", memdev="more")
    boots = _console(running, 900).split("] Linux version ")
    expect(len(boots) == 3, f"two boots expected (system, capture), {len(boots) - 1} seen")
    content = Content(NONCE, {name: mib * 256 for name, mib in fill.items()},
                      (machine.memory_mib + 512 - 192) * 256, system.release)
    outcome = Outcome(content, "elf1", boots[2], read_verdicts(boots[2]), NODE, MARKER)
    outcome.must_be_saved()
    check_directory(context, read_files(context, system.disk, only="/var/crash") / "crash", outcome)


def _system(context: Context, script: str, units: list[tuple[str, str, str]],
            settings: str = "") -> Debian:
    """With the package in it; `script` runs after the start, and each of `units` (name, text, the
    target that wants it) beside."""
    if not paths.MKCAPTURE.exists():
        raise Failed(f"{paths.MKCAPTURE}: not there: run builder/bootstrap")
    context.run([paths.ROOT / "builder/package/build", "deb"])
    system = debian(context, [paths.MKCAPTURE])
    own, link = unit_of_guest(context, script)
    links = [link]
    conf = context.dir / "round.conf"
    conf.write_text(f"NONCE={NONCE}\nMARKER='{MARKER}'\n{settings}")
    more = [(newest_package(), "/root/mkcapture.deb", 0o644), *own,
            (conf, "/root/round.conf", 0o644), (tools.memfill(context), "/root/memfill", 0o755)]
    for name, text, target in units:
        file = context.dir / name
        file.write_text(text)
        more.append((file, f"/etc/systemd/system/{name}", 0o644))
        wants = f"/etc/systemd/system/{target}.wants"
        keep = context.dir / f"{name}.keep"  # so that the folder is there for the link
        keep.write_text("")
        more.append((keep, f"{wants}/.keep", 0o644))
        links.append((f"{wants}/{name}", f"/etc/systemd/system/{name}"))
    put_files(context, system.disk, more, links)
    return system


def _console(running: Running, limit: float) -> str:
    console = running.wait_end(limit)
    for line in console.splitlines():
        if line.startswith("round: FAILED"):
            raise Failed(line)
    return console
