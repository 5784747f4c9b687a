"""The same round on every other architecture: a real panic, each tagged page and the verdicts
looked at. What is about targets, filesystems and errors is tested on x86_64."""

from pathlib import Path

from harness.boards import virtio_drivers
from harness.case import Context, case, expect
from harness.crash import Round, crash, saved
from harness.disk import make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import nfs_server, ssh_server

LIMIT = 900  # emulation of some is slow, and the host busy


def dump_names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if file.name != "lost+found"]


def on_disk(context: Context, memory_mib: int = 512, **round_: object) -> bytes:
    """Returns the first bytes of the dump."""
    disk = make_disk(context, "ext4")
    outcome = saved(context, Round(
        Machine(board=context.board, memory_mib=memory_mib, disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/var/crash"],
                     drivers=virtio_drivers(context.board, "virtio_blk,ext4")),
        limit=LIMIT, **round_))
    folder = check_directory(context, read_files(context, disk) / "var/crash", outcome)
    with open(folder / "vmcore", "rb") as dump:
        return dump.read(20)


@case("disk", ("arm64", "arm", "ppc64le", "ppc64", "s390x", "riscv64"), LIMIT)
def disk(context: Context) -> None:
    """ext4 on virtio, with the drivers named"""
    big_endian = context.arch in ("ppc64", "s390x")
    head = on_disk(context)
    expect(head[4] == (1 if context.arch == "arm" else 2), "the dump has the wrong ELF class")
    expect(head[5] == (2 if big_endian else 1), "the dump has not the machine's byte order")


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
    """NFS 4.2 on virtio"""
    server = nfs_server(context)
    outcome = saved(context, Round(
        Machine(board=context.board, nic="virtio-net"),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")],
                     drivers=virtio_drivers(context.board, "virtio_net,nfsv4"),
                     options=["--ip", "dhcp"]),
        limit=LIMIT))
    check_directory(context, server.folder / "crash", outcome)


@case("ssh", ("arm64", "s390x"), LIMIT)
def ssh(context: Context) -> None:
    """SSH with SFTP on virtio"""
    server = ssh_server(context)
    outcome = saved(context, Round(
        Machine(board=context.board, nic="virtio-net"),
        ImageOptions(targets=[server.target()],
                     drivers=virtio_drivers(context.board, "virtio_net"),
                     options=["--ip", "dhcp", *server.options()]), limit=LIMIT))
    check_directory(context, server.folder, outcome)
