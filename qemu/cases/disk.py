"""A real panic, saved whole on a disk: each filesystem, each controller, each way to name it."""

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.disk import make_disk, read_files, read_partition
from harness.content import check_content
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine

PATH = "/var/crash"


def on_disk(context: Context, controller: str, fstype: str, name_by: str, board: str = "x86_64",
            **image: object) -> None:
    disk = make_disk(context, fstype)
    device = {"LABEL": f"LABEL={disk.label}", "UUID": f"UUID={disk.uuid}",
              "PARTUUID": f"PARTUUID={disk.partuuid}"}[name_by]
    outcome = saved(context, Round(
        Machine(board=board, disks=[(controller, disk)]),
        ImageOptions(targets=[f"disk:{device}:{PATH}"], **image)))
    files = read_files(context, disk)
    check_directory(context, files / PATH[1:], outcome, fat=fstype == "vfat")


@case("ext4-label-virtio-blk")
def ext4_label(context: Context) -> None:
    """ext4 by LABEL on virtio-blk, with the drivers named"""
    on_disk(context, "virtio-blk", "ext4", "LABEL", drivers="virtio_pci,virtio_blk,ext4")


@case("ext4-nvme")
def ext4_nvme(context: Context) -> None:
    """ext4 by UUID on NVMe"""
    on_disk(context, "nvme", "ext4", "UUID")


@case("xfs-uuid-ahci")
def xfs_uuid(context: Context) -> None:
    """xfs by UUID on AHCI"""
    on_disk(context, "ahci", "xfs", "UUID")


@case("btrfs-partuuid-virtio-scsi")
def btrfs_partuuid(context: Context) -> None:
    """btrfs by PARTUUID on virtio-scsi"""
    on_disk(context, "virtio-scsi", "btrfs", "PARTUUID")


@case("vfat-ide")
def vfat_ide(context: Context) -> None:
    """vfat by UUID on the older chipset's IDE"""
    on_disk(context, "ide", "vfat", "UUID", board="x86_64-pc")


@case("raw-partition")
def raw_partition(context: Context) -> None:
    """the dump straight onto a partition, named by PARTUUID"""
    disk = make_disk(context, "")
    outcome = saved(context, Round(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"raw:PARTUUID={disk.partuuid}"],
                     drivers="virtio_pci,virtio_blk")))
    content = read_partition(context, disk)
    with open(content, "rb") as dump:
        expect(dump.read(4) == b"\x7fELF", "the partition does not begin with an ELF header")
    check_content(context, content, outcome.content, outcome.kind)
