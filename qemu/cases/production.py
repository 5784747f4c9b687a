"""The machine as it runs: its command line, its armed watchdog, its module options."""

import re
import time
from dataclasses import dataclass, replace

from harness.case import Context, case, expect
from harness.crash import Round, crash, saved, start
from harness.disk import Disk, make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions, left_out
from harness.kernel_tree import FAULTY, kernel_tree
from harness.machine import Machine
from harness.outcome import Outcome
from harness.synthetic import Synthetic, outcome_of, start_capture

PATH = "/var/crash"
DRIVERS = "virtio_pci,virtio_blk,ext4"
# Each of these alone has cost a dump. Modules are refused:
NO_MODULES = "nomodule module_blacklist=virtio_blk"
# the kernel panics at an unsigned crypto module:
FIPS = "fips=1"
# it panics at what a driver does wrong:
PANICS = ("oops=panic softlockup_panic=1 hung_task_panic=1 panic_on_taint=0x20 "
          "nmi_watchdog=panic panic_on_warn=1")
# memory is gone before /init runs:
MEMORY = "sysctl.vm.nr_hugepages=40 trace_buf_size=24M reserve_mem=16M:4096:x"
# The first target of those with a faulty driver: what is below drivers/net is loaded for it alone.
FAULTY_TARGET = "nfs://10.0.2.2/nowhere"
FAULTY_MODULES = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "nfsv3", "nfsv4",
                  "af_packet", "i6300esb", "lpc_ich", "iTCO_wdt"]


def target(disk: Disk) -> str:
    return f"disk:LABEL={disk.label}:{PATH}"


def faulty(disk: Disk, faults: str, **more: str) -> ImageOptions:
    """Two targets: for the first one a driver is loaded that does `faults`."""
    drivers = more.pop("drivers", DRIVERS)
    return ImageOptions(targets=[FAULTY_TARGET, target(disk)], drivers=f"{drivers},{FAULTY}",
                        options=["--ip", "dhcp", "--module-option", f"{FAULTY}.faults={faults}"],
                        **more)


def under_line(context: Context, options: ImageOptions, words: str, disk: Disk,
               verdicts: int = 1) -> Outcome:
    """A crash in 96M with an image that was built under this line: told, and saved whole."""
    options.production_line = f"BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet {words}"
    told = left_out(context, options)
    for word in words.split():
        expect(f"# left out: {word} " in told, f"--print append -v does not tell of {word}")
    outcome = crash(context, Round(Machine(disks=[("virtio-blk", disk)]), options,
                                   crashkernel="96M", limit=600))
    outcome.must_be_saved(verdicts)
    check_directory(context, read_files(context, disk) / PATH[1:], outcome)
    return outcome


@case("production-command-line")
def command_line(context: Context) -> None:
    """a machine whose own command line refuses modules, panics and eats memory: the dump is whole"""
    disk = make_disk(context, "ext4")
    under_line(context, ImageOptions([target(disk)], DRIVERS), f"{NO_MODULES} {FIPS} {PANICS} {MEMORY}",
               disk)


@case("production-faulty-driver", long=True)
def faulty_driver(context: Context) -> None:
    """the same line, and a first target whose driver warns, taints, leaves a late task and oopses"""
    kernel_tree(context, FAULTY_MODULES, faulty="net")
    disk = make_disk(context, "ext4")
    outcome = under_line(context, faulty(disk, "warn+taint+late+oops"),
                         f"{NO_MODULES} {FIPS} {PANICS} {MEMORY}", disk, verdicts=2)
    first = outcome.verdicts.targets[0]
    expect(first.step == "drivers" and "oops" in first.reason,
           f"failed at step {first.step}: {first.reason}")


@case("production-nomodule", long=True)
def no_modules(context: Context) -> None:
    """a machine that loads no modules, or not this one"""
    disk = make_disk(context, "ext4")
    under_line(context, ImageOptions([target(disk)], DRIVERS), NO_MODULES, disk)


@case("production-fips", long=True)
def fips(context: Context) -> None:
    """a machine in FIPS mode: the modules keep their signatures, and the capture kernel wants them"""
    disk = make_disk(context, "ext4")
    under_line(context, ImageOptions([target(disk)], DRIVERS, append="module.sig_enforce=1"), FIPS,
               disk)


@case("production-panics", limit=900, long=True)
def panics(context: Context) -> None:
    """a machine that panics at everything, and a first target whose driver does all and hangs"""
    kernel_tree(context, FAULTY_MODULES, faulty="net")
    disk = make_disk(context, "ext4")
    outcome = under_line(context, faulty(disk, "warn+taint+busy+hang"), PANICS, disk, verdicts=2)
    first = outcome.verdicts.targets[0]
    expect(first.step == "drivers" and "hanging" in first.reason,
           f"failed at step {first.step}: {first.reason}")


@case("production-memory", long=True)
def memory(context: Context) -> None:
    """a machine whose line sets memory aside that the reservation does not have"""
    disk = make_disk(context, "ext4")
    under_line(context, ImageOptions([target(disk)], DRIVERS), MEMORY, disk)


ARMED = 15  # seconds; what busybox and systemd ask for
I6300ESB = Machine(extra=["-device", "i6300esb", "-action", "watchdog=reset"])
ITCO = Machine(extra=["-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset"])
# A management controller, whose watchdog no device in /sys tells of.
IPMI = Machine(extra=["-device", "ipmi-bmc-sim,id=bmc0", "-device", "isa-ipmi-kcs,bmc=bmc0"])


def fed(seconds: int) -> str:
    """Commands that arm it and feed it every second: what is left at the panic is known."""
    return (f"wait_for /dev/watchdog && watchdog -T {seconds} -t 1 /dev/watchdog || "
            "give_up no watchdog; say watchdog is fed")


def slow_dump(context: Context, machine: Machine, modules: list[str], identity: str,
              armed: int) -> None:
    """A watchdog that the crashed system had fed, and a disk that takes a minute."""
    disk = make_disk(context, "ext4")
    machine = replace(machine, disks=[("virtio-blk", disk)],
                      drive_options=",throttling.bps-write=3000000")
    outcome = saved(context, Round(
        machine, ImageOptions(targets=[target(disk)], drivers=f"{DRIVERS},watchdog"),
        modules=modules, prepare=fed(armed)))
    expect("production: watchdog is fed" in (context.dir / "console.log").read_text(errors="replace"),
           "the crashed system had armed no watchdog")
    expect(f"watchdog {identity}: fed" in outcome.console,
           f"/init does not say that it feeds {identity}")
    took = outcome.verdicts.only().seconds
    expect(took > armed, f"the dump took {took:.0f} s: no watchdog of {armed} s was outlived")
    check_directory(context, read_files(context, disk) / PATH[1:], outcome)


@case("watchdog-i6300esb", limit=700)
def i6300esb(context: Context) -> None:
    """an i6300esb that production armed with 30 s is fed through a dump of a minute"""
    # With 15 s a loaded host, whose emulated kernel takes longer than that to start, resets it.
    slow_dump(context, I6300ESB, ["i6300esb"], "watchdog0 (i6300ESB timer)", 2 * ARMED)


@case("watchdog-itco", limit=700)
def itco(context: Context) -> None:
    """the same with the chipset's own timer, a function of the LPC bridge"""
    slow_dump(context, ITCO, ["lpc_ich", "iTCO_wdt"], "watchdog0 (iTCO_wdt)", 2 * ARMED)


@case("armed-i6300esb", limit=700, long=True)
def armed_i6300esb(context: Context) -> None:
    """an i6300esb armed with 15 s, on a host that has nothing else to do"""
    slow_dump(context, I6300ESB, ["i6300esb"], "watchdog0 (i6300ESB timer)", ARMED)


@case("armed-itco", limit=700, long=True)
def armed_itco(context: Context) -> None:
    """the same with the chipset's own timer"""
    slow_dump(context, ITCO, ["lpc_ich", "iTCO_wdt"], "watchdog0 (iTCO_wdt)", ARMED)


@case("armed-ipmi", limit=700, long=True)
def armed_ipmi(context: Context) -> None:
    """the same with a management controller's"""
    slow_dump(context, IPMI, ["ipmi_si", "ipmi_watchdog"], "watchdog", ARMED)


DEADLINE = 120  # seconds
TIMEOUT = 60  # of a watchdog that /init feeds


@dataclass(frozen=True)
class Spun:
    whole: float  # seconds from the first target's turn until the machine came back
    took: float  # and from the driver's last word
    at: float  # which it said then, on the capture kernel's clock
    console: str  # since then


def spin(context: Context, machine: Machine, faults: str, modules: list[str],
         drivers: str = DRIVERS, prepare: str = "") -> Spun:
    """A first target whose driver keeps the only CPU for ever."""
    kernel_tree(context, FAULTY_MODULES, faulty="net")
    disk = make_disk(context, "ext4")
    options = faulty(disk, faults, drivers=drivers)
    options.options += ["--deadline", f"{DEADLINE}s"]
    running = start(context, Round(replace(machine, disks=[("virtio-blk", disk)]), options,
                                   modules=modules, prepare=prepare))
    running.wait_for("capture: target ", 240)
    turn = time.monotonic()
    running.wait_for(f"{FAULTY}: {faults}$", 60)
    last = time.monotonic()
    console = running.wait_end(400)
    expect(not prepare or "production: watchdog is fed" in console,
           "the crashed system had armed no watchdog")
    ended = time.monotonic()
    word = re.search(rf"^\[ *([0-9.]+)\] {FAULTY}: {faults}$", console, re.MULTILINE)
    assert word is not None
    return Spun(ended - turn, ended - last, float(word[1]), console[word.end():])


def reset_by_watchdog(context: Context, machine: Machine, modules: list[str],
                      times: int = 1) -> None:
    """`times`: how often its timer runs down until it resets."""
    spun = spin(context, machine, "deaf", modules, f"{DRIVERS},watchdog", fed(ARMED))
    expect(spun.whole < DEADLINE + TIMEOUT, f"the capture took {spun.whole:.0f} s, its deadline is "
                                            f"{DEADLINE} s, the time-out {TIMEOUT} s")
    expect(spun.took < TIMEOUT * times + 5,
           f"the machine came back after {spun.took:.0f} s, promised are {TIMEOUT * times} s")
    expect("panic" not in spun.console and "reboot:" not in spun.console,
           "it was not the watchdog that ended it")


@case("spinning-driver-i6300esb", limit=700, long=True)
def spinning_i6300esb(context: Context) -> None:
    """a driver that spins with interrupts off: the watchdog resets the machine within its time-out"""
    reset_by_watchdog(context, I6300ESB, ["i6300esb"])


@case("spinning-driver-itco", limit=700, long=True)
def spinning_itco(context: Context) -> None:
    """the same with the chipset's own timer, whose second end is the one that resets"""
    reset_by_watchdog(context, ITCO, ["lpc_ich", "iTCO_wdt"], times=2)


@case("spinning-driver-unwatched", limit=700, long=True)
def spinning(context: Context) -> None:
    """a driver that spins, and no watchdog: the soft lockup detector ends it within three minutes"""
    spun = spin(context, Machine(), "spin", [])
    panic = re.search(r"^\[ *([0-9.]+)\] Kernel panic - not syncing: softlockup", spun.console,
                      re.MULTILINE)
    expect(panic and "Rebooting in 10 seconds" in spun.console, "it was not the detector")
    assert panic is not None
    took = float(panic[1]) - spun.at
    expect(120 < took < 180, f"the driver spun for {took:.0f} s, promised are 120 to 180")


@case("module-options")
def module_options(context: Context) -> None:
    """options of modules, by modprobe.d, --module-option and on the line: the capture's /sys has them"""
    tree = kernel_tree(context, ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"])
    modprobe = tree.root / "etc/modprobe.d/virtio.conf"
    modprobe.parent.mkdir(parents=True)
    modprobe.write_text("options virtio_blk num_request_queues=2\n")
    disk = make_disk(context, "ext4", size_mib=128)
    synthetic = Synthetic(Machine(disks=[("virtio-blk", disk)]), ImageOptions(
        targets=["disk:LABEL=elsewhere:/"], drivers=DRIVERS,
        options=["--shell", "--on-failure", "shell", "--deadline", "15s",
                 "--module-option", "virtio_blk.poll_queues=1"],
        append="capture.wait=3s virtio_blk.queue_depth=64"))
    running = start_capture(context, synthetic)
    running.wait_for(r"^# ", 120)
    running.type("cd /sys/module/virtio_blk/parameters; echo queues=$(cat num_request_queues) "
                 "polled=$(cat poll_queues) depth=$(cat queue_depth)\n")
    running.wait_for("^queues=2 polled=1 depth=64$", 20)
    running.type("exit\n")
    outcome_of(context, synthetic, running.wait_end(60)).must_have_failed(action="shell")


@case("watchdog-pretimeout", long=True)
def pretimeout(context: Context) -> None:
    """a watchdog that is to panic some seconds before it resets: it only resets"""
    disk = make_disk(context, "ext4", size_mib=128)
    machine = replace(IPMI, disks=[("virtio-blk", disk)], extra=[*IPMI.extra])
    synthetic = Synthetic(machine, ImageOptions(
        targets=["disk:LABEL=elsewhere:/"], drivers=f"{DRIVERS},watchdog",
        options=["--shell", "--on-failure", "shell", "--deadline", "15s",
                 "--module-option", "ipmi_watchdog.pretimeout=10"],
        append="capture.wait=3s"))
    running = start_capture(context, synthetic)
    running.wait_for(r"^# ", 120)
    expect("watchdog watchdog: fed" in running.console(), "no watchdog is fed")
    running.type("cd /sys/module/ipmi_watchdog/parameters; "
                 "echo pretimeout=$(cat pretimeout) timeout=$(cat timeout)\n")
    running.wait_for("^pretimeout=0 timeout=60$", 20)
    running.type("exit\n")
    outcome_of(context, synthetic, running.wait_end(120)).must_have_failed(action="shell")
