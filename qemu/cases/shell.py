"""The shell of an image with --shell, used as an administrator would when no target has the dump."""

from harness.case import Context, case, expect
from harness.content import check_content
from harness.disk import make_disk, read_files
from harness.image import ImageOptions
from harness.machine import Machine, Running
from harness.synthetic import Synthetic, outcome_of, start_capture

PROMPT = r"^# "  # BusyBox ash without line editing
BOOT = 120  # seconds


def shell_after_failure(context: Context, machine: Machine) -> tuple[Synthetic, Running]:
    synthetic = Synthetic(machine, ImageOptions(
        targets=["disk:LABEL=elsewhere:/"], drivers="virtio_pci,virtio_blk,ext4",
        options=["--shell", "--on-failure", "shell", "--deadline", "15s"], append="capture.wait=3s"))
    running = start_capture(context, synthetic)
    running.wait_for(PROMPT, BOOT)
    return synthetic, running


@case("shell")
def shell(context: Context) -> None:
    """after a failure a shell on the console: Ctrl-C works, the dump is copied by hand; exit reboots"""
    disk = make_disk(context, "ext4", size_mib=128)
    synthetic, running = shell_after_failure(context, Machine(disks=[("virtio-blk", disk)]))
    running.type("echo sleeps; sleep 1000\n")
    running.wait_for("^sleeps$", 20)
    running.type("\x03echo interrupted=$?\n")
    running.wait_for("interrupted=130$", 20)
    running.type("mount -t ext4 /dev/vda1 /mnt && cp /proc/vmcore /mnt/by-hand && "
                 "umount /mnt; echo copied=$?\n")
    running.wait_for("^copied=0$", 60)
    running.type("exit\n")
    outcome = outcome_of(context, synthetic, running.wait_end(60))
    outcome.must_have_failed(step="device", action="shell")
    check_content(context, read_files(context, disk) / "by-hand", outcome.content, "elf1")


@case("init-crashes")
def init_crashes(context: Context) -> None:
    """PID 1 gets a fatal signal: it says so and the machine reboots, where the kernel would panic"""
    _, running = shell_after_failure(context, Machine())
    running.type("kill -SEGV 1\n")
    console = running.wait_end(60)
    expect("capture: /init crashed: rebooting" in console, "/init does not say that it crashed")
    expect("Kernel panic" not in console, "the end of /init made the kernel panic")
