"""A crash round: a production system boots, fills its memory, loads the capture image as mkcapture
says, panics; the capture kernel does its work and reboots, which ends the machine."""

import secrets
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from . import guest, live, paths
from .boards import BOARDS
from .case import Context, Failed, expect
from .content import Content
from .image import ImageOptions, build_image, load_command
from .initramfs import Initramfs
from .machine import Machine, Running
from .outcome import Outcome
from .stack import MOUNT, Stack, add_mkcapture, add_stack_tools, device_nodes
from .verdicts import read_verdicts

NODE = "crashbox"
# MiB of tagged kernel, user and cache pages, and of zero pages.
FILL = {"K": 16, "U": 64, "C": 16}
ZERO_MIB = 64
SYSRQ = "echo c > /proc/sysrq-trigger"
# Modules that give the production system its devices and filesystems.
DEVICE_MODULES: dict[str, list[str]] = {
    "virtio-blk": ["virtio_pci", "virtio_blk"],
    "virtio-scsi": ["virtio_pci", "virtio_scsi", "sd_mod"],
    "ahci": ["ahci", "sd_mod"],
    "ide": ["ata_piix", "sd_mod"],
    "nvme": ["nvme"],
    "virtio-net": ["virtio_pci", "virtio_net"],  # virtio_pci: where there is one
    "e1000e": ["e1000e"],
    "e1000": ["e1000"],
}
FILESYSTEM_MODULES: dict[str, list[str]] = {
    "ext4": ["crc32c_generic", "ext4"],
    "xfs": ["crc32c_generic", "xfs"],
    "btrfs": ["crc32c_generic", "btrfs"],
    "vfat": ["nls_ascii", "nls_cp437", "nls_utf8", "vfat"],
    "": [],
}
DEVICE_NODES = {"virtio-blk": "/dev/vda1", "virtio-scsi": "/dev/sda1", "ahci": "/dev/sda1",
                "ide": "/dev/sda1", "nvme": "/dev/nvme0n1p1"}


@dataclass
class Round:
    machine: Machine
    image: ImageOptions
    crashkernel: str = "128M"
    crash: str = SYSRQ
    ready_image: Path | None = None  # in place of mkcapture's, for comparisons
    fill: dict[str, int] = field(default_factory=FILL.copy)
    modules: list[str] = field(default_factory=list)  # of the production system, beside the devices'
    programs: list[Path] = field(default_factory=list)  # static ones, for its /sbin
    busy: bool = True  # its disk is written to, or read, until it crashes
    prepare: str = ""  # shell commands, once memory is filled
    # Layers that the machine makes on its disks; mkcapture runs in it then, and takes the target
    # and the drivers from it where `image` names no target.
    stack: Stack | None = None
    at_crash: Callable[[Running], None] | None = None  # what happens to the machine from then on
    mend_kallsyms: bool = True  # arm64: what kexec-tools looks for is put there
    limit: float = 400  # seconds until the machine must have rebooted
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def marker(self) -> str:
        return f"mkcapture test marker {self.nonce}"


def crash(context: Context, round_: Round) -> Outcome:
    """One whole round. Failed where the production system did not get as far as the crash, or /init
    did not come to its verdict, or the machine did not come back."""
    running = start(context, round_)
    if round_.at_crash is not None:
        running.wait_for(r"^production: (crash now|FAILED)", round_.limit)
        round_.at_crash(running)
    console = running.wait_end(round_.limit)
    for line in console.splitlines():
        if line.startswith("production: FAILED"):
            raise Failed(line)
    if round_.stack is not None:
        _check_own_image(round_.stack, console)
    _, mark, capture = console.partition("Linux version")[2].partition("Linux version")
    if not mark:
        raise Failed("the capture kernel did not start")
    content = Content(round_.nonce, {name: mib * 256 for name, mib in round_.fill.items()},
                      (round_.machine.memory_mib - 192) * 256, context.kernel.release)
    return Outcome(content, round_.image.dump, capture, read_verdicts(capture), NODE,
                   round_.marker)


def start(context: Context, round_: Round) -> Running:
    """The production system boots, and will crash by itself."""
    image: Path | None = None
    command = ""
    if round_.stack is not None:
        pass  # both are made in the machine
    elif round_.image.live:
        command = _live_command(context, round_)
        round_.machine.extra += live.DEVICE
    elif round_.ready_image is None:
        image = build_image(context, round_.image, round_.machine.board)
        command = load_command(context, round_.image, round_.machine.board)
    else:
        image = round_.ready_image
        command = (f"kexec -p {context.kernel.image} --initrd={image} --append="
                   f"'console={BOARDS[round_.machine.board].console} irqpoll nr_cpus=1 "
                   "reset_devices'")
    initrd = _production_image(context, round_, image, command)
    return Running(
        context, round_.machine, context.kernel.boot_image, initrd,
        f"crashkernel={round_.crashkernel} panic=5 oops=panic random.trust_cpu=on mitigations=off")


def _check_own_image(stack: Stack, console: str) -> None:
    """What mkcapture said in the machine, and how large its image was."""
    for wanted in stack.plan:
        expect(any(line.startswith("plan: ") and wanted in line for line in console.splitlines()),
               f"the plan does not say \"{wanted}\"")
    size = int(console.partition("production: the image has ")[2].partition(" ")[0])
    expect(not stack.largest or size <= stack.largest,
           f"the image has {size} bytes, not at most {stack.largest}")


def saved(context: Context, round_: Round) -> Outcome:
    """A round that must save its dump on its only target and reboot."""
    outcome = crash(context, round_)
    outcome.must_be_saved()
    return outcome


def _live_command(context: Context, round_: Round) -> str:
    """mkcapture and kexec within the machine, once `prepare` has set it up."""
    argv = [*live.mkcapture_argv(), *round_.image.argv(context, round_.machine.board),
            "-o", "/tmp/capture.img"]
    return (f"{live.command(argv)} || exit 1\n"
            f"{live.command([*argv, '--print', 'kexec'])} > {live.ROOT}/tmp/load || exit 1\n"
            f"{live.command(['sh', '/tmp/load'])}\n")


def _production_image(context: Context, round_: Round, image: Path | None, command: str) -> Path:
    machine = round_.machine
    tree = Initramfs()
    tree.file(paths.GUEST / "production_init", "init", 0o755)
    guest.add_programs(context, tree)
    if image is not None:
        tree.file(image, str(image))
        tree.file(context.kernel.image, str(context.kernel.image))
    if command:
        tree.data("etc/kexec.sh", command)
    if round_.mend_kallsyms:
        tree.file(paths.GUEST / "kallsyms.sh", "etc/kallsyms.sh")
    else:
        tree.data("etc/kallsyms.sh", "")
    modules = round_.modules + DEVICE_MODULES.get(machine.nic, [])
    prepare = round_.prepare
    if round_.image.live:
        modules += live.MODULES
        prepare = live.enter(context) + prepare
    device = fstype = wait_for = ""
    stack = round_.stack
    if stack is not None:
        add_stack_tools(tree)
        for controller, _ in machine.disks:
            modules += DEVICE_MODULES[controller]
        device, fstype = stack.device, stack.fstype
        wait_for = " ".join(device_nodes([controller for controller, _ in machine.disks]))
        modules += stack.modules + FILESYSTEM_MODULES[fstype]
        add_mkcapture(context, tree, round_.image, machine.board, modules)
    elif machine.disks:
        controller, disk = machine.disks[0]
        device, fstype = DEVICE_NODES[controller], disk.fstype
        modules += DEVICE_MODULES[controller] + FILESYSTEM_MODULES[fstype]
    tree.modules(context.kernel, modules)
    for program in round_.programs:
        tree.file(program, f"sbin/{program.name}", 0o755)
    tree.data("etc/production", "".join(f"{name}={shlex.quote(value)}\n" for name, value in {
        "NODE": NODE, "NONCE": round_.nonce, "MARKER": round_.marker, "DEVICE": device,
        "FSTYPE": fstype, "NIC": machine.nic, "CRASH": round_.crash,
        "PREPARE": prepare, "MOUNT": MOUNT if stack else "/mnt",
        "DISKS": wait_for, "MAKE_STACK": stack.make_all if stack else "",
        "LATER": stack.later if stack else "",
        "PLAN": "yes" if stack and stack.plan else "",
        "BUSY": "yes" if round_.busy and (not stack or stack.busy) else "",
        "FILL": " ".join(str(round_.fill[name]) for name in "KUC") + f" {ZERO_MIB}"}.items()))
    return tree.write(context.dir / "production.img")
