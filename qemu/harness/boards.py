"""The machines that QEMU emulates, one or more for each architecture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """How an architecture is emulated."""

    program: str
    options: tuple[str, ...]
    console: str
    bus: str = "pci"  # of the virtio devices
    kernel: str = ""  # the end of the kernel's release, where the tree has several
    append: str = ""  # what the emulation needs on both kernels' command lines


BOARDS = {
    # no_timer_check: on a busy host the timer's interrupt comes too late for the kernel's check.
    "x86_64": Board("qemu-system-x86_64", ("-M", "q35", "-cpu", "max"), "ttyS0",
                    append="no_timer_check"),
    # The older chipset: IDE in place of AHCI, no PCI Express.
    "x86_64-pc": Board("qemu-system-x86_64", ("-M", "pc", "-cpu", "max"), "ttyS0",
                       append="no_timer_check"),
    # userpte=nohigh: QEMU 7.2 walks no page tables that lie above 4 GiB outside of long mode.
    "i386": Board("qemu-system-i386", ("-M", "pc", "-cpu", "max"), "ttyS0", kernel="-686-pae",
                  append="no_timer_check userpte=nohigh"),
    "i386-nopae": Board("qemu-system-i386", ("-M", "pc", "-cpu", "max"), "ttyS0", kernel="-686",
                        append="no_timer_check"),
    "arm64": Board("qemu-system-aarch64", ("-M", "virt,gic-version=3", "-cpu", "cortex-a57"),
                   "ttyAMA0", kernel="-arm64"),
    "arm64-16k": Board("qemu-system-aarch64", ("-M", "virt,gic-version=3", "-cpu", "max"),
                       "ttyAMA0", kernel="-arm64-16k"),
    "arm": Board("qemu-system-arm", ("-M", "virt", "-cpu", "cortex-a15"), "ttyAMA0"),
    "ppc64le": Board("qemu-system-ppc64", ("-M", "pseries", "-cpu", "POWER9", "-vga", "none"),
                     "hvc0", kernel="le"),
    "ppc64le-64k": Board("qemu-system-ppc64", ("-M", "pseries", "-cpu", "POWER9", "-vga", "none"),
                         "hvc0", kernel="-64k"),
    # The last processor that big-endian distributions were made for; its MMU is the hashed one.
    "ppc64": Board("qemu-system-ppc64", ("-M", "pseries", "-cpu", "POWER8", "-vga", "none"),
                   "hvc0"),
    "s390x": Board("qemu-system-s390x", ("-M", "s390-ccw-virtio", "-cpu", "max"), "ttyS1",
                   bus="ccw"),
    "riscv64": Board("qemu-system-riscv64", ("-M", "virt",), "ttyS0"),
}


def virtio_drivers(board: str, drivers: str) -> str:
    """What --drivers is for these virtio drivers: with their bus, where it is not built in."""
    return f"virtio_pci,{drivers}" if BOARDS[board].bus == "pci" else drivers


def arch_of(board: str) -> str:
    """"x86_64-pc" is one of x86_64's."""
    return board.partition("-")[0]
