"""The machine as it runs: its command line, its armed watchdog, its module options."""

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.disk import Disk, make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions, left_out
from harness.machine import Machine
from harness.synthetic import Synthetic, outcome_of, start_capture

PATH = "/var/crash"
DRIVERS = "virtio_pci,virtio_blk,ext4"
# Each of these alone has cost a dump: no module is loaded, one is refused, the kernel panics at an
# unsigned crypto module or at the first taint, memory is gone before /init runs.
HOSTILE = ("nomodule module_blacklist=virtio_blk fips=1 oops=panic softlockup_panic=1 "
           "hung_task_panic=1 panic_on_taint=0x20 nmi_watchdog=panic panic_on_warn=1 "
           "sysctl.vm.nr_hugepages=40 trace_buf_size=24M reserve_mem=16M:4096:x")


def target(disk: Disk) -> str:
    return f"disk:LABEL={disk.label}:{PATH}"


@case("production-command-line")
def command_line(context: Context) -> None:
    """a machine whose own command line refuses modules, panics and eats memory: the dump is whole"""
    disk = make_disk(context, "ext4")
    options = ImageOptions(
        targets=[target(disk)], drivers=DRIVERS,
        production_line=f"BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet {HOSTILE}")
    told = left_out(context, options)
    for word in HOSTILE.split():
        expect(f"# left out: {word} " in told, f"--print append -v does not tell of {word}")
    outcome = saved(context, Round(Machine(disks=[("virtio-blk", disk)]), options,
                                   crashkernel="96M"))
    check_directory(context, read_files(context, disk) / PATH[1:], outcome)


def slow_dump(context: Context, machine: Machine, modules: list[str], identity: str,
              armed: int) -> None:
    """A watchdog of `armed` seconds that the crashed system had fed, and a disk that takes a minute."""
    disk = make_disk(context, "ext4")
    machine.disks = [("virtio-blk", disk)]
    machine.drive_options = ",throttling.bps-write=3000000"
    machine.extra += ["-action", "watchdog=reset"]
    outcome = saved(context, Round(
        machine, ImageOptions(targets=[target(disk)], drivers=f"{DRIVERS},watchdog"),
        modules=modules, prepare=f"watchdog -T {armed} -t 5 /dev/watchdog"))
    expect(f"({identity})" in outcome.console, f"/init does not say that it feeds {identity}")
    took = outcome.verdicts.only().seconds
    expect(took > armed, f"the dump took {took:.0f} s: no watchdog of {armed} s was outlived")
    check_directory(context, read_files(context, disk) / PATH[1:], outcome)


@case("watchdog-i6300esb", limit=700)
def i6300esb(context: Context) -> None:
    """an i6300esb that production armed with 30 s is fed through a dump of a minute"""
    # With 15 s a loaded host, whose emulated kernel takes longer than that to start, resets it.
    slow_dump(context, Machine(extra=["-device", "i6300esb"]), ["i6300esb"], "i6300ESB timer", 30)


@case("watchdog-itco", limit=700)
def itco(context: Context) -> None:
    """the same with the chipset's own timer, a function of the LPC bridge"""
    slow_dump(context, Machine(extra=["-global", "ICH9-LPC.noreboot=false"]),
              ["lpc_ich", "iTCO_wdt"], "iTCO_wdt", 30)


@case("module-options")
def module_options(context: Context) -> None:
    """options of modules, by --module-option and on the line, as /sys of the capture kernel has them"""
    disk = make_disk(context, "ext4", size_mib=128)
    synthetic = Synthetic(Machine(disks=[("virtio-blk", disk)]), ImageOptions(
        targets=["disk:LABEL=elsewhere:/"], drivers=DRIVERS,
        options=["--shell", "--on-failure", "shell", "--deadline", "15s",
                 "--module-option", "virtio_blk.num_request_queues=2"],
        append="capture.wait=3s virtio_blk.queue_depth=64"))
    running = start_capture(context, synthetic)
    running.wait_for(r"^# ", 120)
    running.type("cd /sys/module/virtio_blk/parameters; "
                 "echo queues=$(cat num_request_queues) depth=$(cat queue_depth)\n")
    running.wait_for("^queues=2 depth=64$", 20)
    running.type("exit\n")
    outcome_of(context, synthetic, running.wait_end(60)).must_have_failed(action="shell")
