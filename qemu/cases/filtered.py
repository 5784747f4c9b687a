"""A real panic, saved as images do by themselves: level 31, compressed, in the kdump format."""

from pathlib import Path

from harness.case import Context, case, expect
from harness.content import check_content
from harness.crash import SYSRQ, Round, saved
from harness.disk import make_disk, read_files, read_partition
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import nfs_server, ssh_server

NET_DRIVERS = "virtio_pci,virtio_net"


def begins_with(dump: Path, signature: bytes) -> None:
    with open(dump, "rb") as file:
        found = file.read(len(signature))
    expect(found == signature, f"the dump begins with {found!r}, not {signature!r}")


@case("filtered-disk")
def on_disk(context: Context) -> None:
    """on ext4; two CPUs compress"""
    disk = make_disk(context, "ext4")
    # The first CPU panics: a capture kernel of 6.12 that another one started does without it.
    outcome = saved(context, Round(
        Machine(cpus=2, disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/var/crash"], append="nr_cpus=2",
                     drivers="virtio_pci,virtio_blk,ext4", dump="default"),
        crash=f"taskset 1 sh -c '{SYSRQ}'"))
    folder = check_directory(context, read_files(context, disk) / "var/crash", outcome)
    begins_with(folder / "vmcore", b"KDUMP   ")
    expect("by 2 threads" in outcome.console, "the second CPU did not compress")


@case("filtered-raw")
def on_partition(context: Context) -> None:
    """straight onto a partition"""
    disk = make_disk(context, "")
    outcome = saved(context, Round(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"raw:PARTUUID={disk.partuuid}"], dump="default",
                     drivers="virtio_pci,virtio_blk")))
    content = read_partition(context, disk)
    begins_with(content, b"KDUMP   ")
    check_content(context, content, outcome.content, outcome.kind)


@case("filtered-nfs42")
def on_nfs(context: Context) -> None:
    """on NFS 4.2"""
    server = nfs_server(context)
    outcome = saved(context, Round(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")], dump="default",
                     drivers=NET_DRIVERS + ",nfsv4", options=["--ip", "dhcp"])))
    check_directory(context, server.folder / "crash", outcome)


def on_ssh(context: Context, kind: str, signature: bytes) -> None:
    server = ssh_server(context, kind)
    outcome = saved(context, Round(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[server.target()], drivers=NET_DRIVERS, dump="default",
                     options=["--ip", "dhcp", *server.options()])))
    folder = check_directory(context, server.folder, outcome)
    begins_with(folder / "vmcore", signature)


@case("filtered-ssh-sftp")
def on_sftp(context: Context) -> None:
    """on an SSH server by SFTP"""
    on_ssh(context, "sftp", b"KDUMP   ")


@case("filtered-ssh-exec")
def on_exec(context: Context) -> None:
    """on an SSH server that only takes a stream: flattened"""
    on_ssh(context, "exec", b"makedumpfile\0")
