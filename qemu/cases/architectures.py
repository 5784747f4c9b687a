"""The same round on every other architecture: a real panic, each tagged page and the verdicts
looked at. What is about targets, filesystems and errors is tested on x86_64."""

import struct
from pathlib import Path

from harness.boards import virtio_drivers
from harness.case import Context, Skipped, case, expect
from harness.crash import Round, crash, saved
from harness.disk import make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions, by_itself
from harness.machine import Machine
from harness.server import nfs_server, ssh_server

LIMIT = 900  # emulation of some is slow, and the host busy
BIG_ENDIAN = ("ppc64", "s390x")
KDUMP_VERSION = 6


def dump_names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.name != "lost+found"]


def on_disk(context: Context, memory_mib: int = 512, dump: str = "elf1") -> bytes:
    """Returns the first bytes of the dump."""
    disk = make_disk(context, "ext4")
    outcome = saved(context, Round(
        Machine(board=context.board, memory_mib=memory_mib, disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/var/crash"], dump=dump,
                     drivers=virtio_drivers(context.board, "virtio_blk,ext4")),
        limit=LIMIT))
    folder = check_directory(context, read_files(context, disk) / "var/crash", outcome)
    return beginning(folder)


def beginning(folder: Path) -> bytes:
    with open(folder / "vmcore", "rb") as dump:
        return dump.read(12)


def expect_format(context: Context, head: bytes) -> None:
    """How a dump of by_itself() begins. Kdump's numbers are in the crashed machine's byte order."""
    order = ">I" if context.arch in BIG_ENDIAN else "<I"
    kdump = b"KDUMP   " + struct.pack(order, KDUMP_VERSION)
    expect(head.startswith(b"\x7fELF" if by_itself(context.arch) == "elf31" else kdump),
           f"the dump begins with {head!r}")


@case("disk", ("arm64", "arm", "ppc64le", "ppc64", "s390x", "riscv64"), LIMIT)
def disk(context: Context) -> None:
    """ext4 on virtio, with the drivers named: all memory, as an ELF file"""
    head = on_disk(context)
    expect(head[4] == (1 if context.arch == "arm" else 2), "the dump has the wrong ELF class")
    expect(head[5] == (2 if context.arch in BIG_ENDIAN else 1),
           "the dump has not the machine's byte order")


@case("disk-filtered", ("i386", "arm", "ppc64le", "ppc64", "riscv64"), LIMIT)
def disk_filtered(context: Context) -> None:
    """ext4 on virtio, as images do by themselves: level 31, compressed, kdump (arm: ELF)"""
    expect_format(context, on_disk(context, dump=by_itself(context.arch)))


@case("disk-pae-5g", ("i386",), LIMIT)
def disk_pae(context: Context) -> None:
    """a PAE kernel with 5 GiB: memory beyond what 32-bit headers can name"""
    head = on_disk(context, memory_mib=5120)
    expect(head[4] == 2, "the dump has 32-bit headers")


@case("disk-686", ("i386",), LIMIT)
def disk_686(context: Context) -> None:
    """a kernel without PAE: 32-bit headers, which gdb wants"""
    context.board = "i386-nopae"
    expect(on_disk(context)[4] == 1, "the dump has 64-bit headers")


@case("impossible-headers", ("arm64",), LIMIT)
def impossible_headers(context: Context) -> None:
    """loaded by a kexec that took a missing symbol for zero: refused with the reason, and a reboot"""
    config = context.kernel.root / f"boot/config-{context.kernel.release}"
    if "CONFIG_KALLSYMS_ALL=y" in config.read_text():
        raise Skipped("this kernel shows kexec all of its symbols")
    disk = make_disk(context, "ext4", size_mib=64)
    outcome = crash(context, Round(
        Machine(board=context.board, disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/"],
                     drivers=virtio_drivers(context.board, "virtio_blk,ext4")),
        limit=LIMIT, mend_kallsyms=False))
    reason = outcome.must_have_failed(step="start").reason
    expect("impossible" in reason, f"the reason does not name the headers: {reason}")
    expect(not dump_names(read_files(context, disk, check=False)), "something was written")


@case("nfs", ("arm64", "s390x"), LIMIT)
def nfs(context: Context) -> None:
    """NFS 4.2 on virtio, as images do by themselves: level 31, compressed, kdump"""
    server = nfs_server(context)
    outcome = saved(context, Round(
        Machine(board=context.board, nic="virtio-net"),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")],
                     drivers=virtio_drivers(context.board, "virtio_net,nfsv4"),
                     options=["--ip", "dhcp"], dump=by_itself(context.arch)),
        limit=LIMIT))
    expect_format(context, beginning(check_directory(context, server.folder / "crash", outcome)))


@case("ssh", ("arm64", "i386", "arm", "ppc64le", "s390x", "riscv64", "ppc64"), LIMIT)
def ssh(context: Context) -> None:
    """SSH with SFTP on virtio, as images do by themselves"""
    server = ssh_server(context)
    outcome = saved(context, Round(
        Machine(board=context.board, nic="virtio-net"),
        ImageOptions(targets=[server.target()],
                     drivers=virtio_drivers(context.board, "virtio_net"),
                     options=["--ip", "dhcp", *server.options()], dump=by_itself(context.arch)),
        limit=LIMIT))
    expect_format(context, beginning(check_directory(context, server.folder, outcome)))
