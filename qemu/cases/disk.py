"""A real panic, saved whole on a disk: each filesystem, each controller, each way to name it."""

from pathlib import Path

from cases.nfs import SUITES
from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.debian import put_files
from harness.disk import make_disk, read_files, read_partition
from harness.content import check_content
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.synthetic import CRASH_TIME, Synthetic, capture

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


@case("keep-two")
def keep_two(context: Context) -> None:
    """five captures on one small disk with keep=2: the two newest stay, another host's dump and a
    folder with notes too, and a dump that failed removes nothing"""
    disk = make_disk(context, "ext4", size_mib=320)
    here = context.dir / "here"
    here.write_text("not to be touched")
    old = f"{PATH}/unknown-2020-01-01-00:00:0"
    foreign = [f"{PATH}/otherhost-2020-01-01-00:00:00/vmcore", f"{old}1/vmcore", f"{old}1/notes",
               f"{PATH}/vmcore"]
    ours = [f"{old}2/vmcore", f"{old}3/vmcore.incomplete"]
    put_files(context, disk, [(here, path, 0o600) for path in foreign + ours], [])
    dumps: list[str] = []
    for number in range(5):
        fails = number == 3
        outcome = capture(context, Synthetic(
            Machine(disks=[("virtio-blk", disk)]),
            ImageOptions(targets=[f"disk:LABEL={disk.label}:{PATH}"],
                         drivers="virtio_pci,virtio_blk,ext4",
                         options=["--keep", "2"] + (["--reserve", "312M"] if fails else [])),
            crash_time=CRASH_TIME + number))
        folder = f"unknown-2023-11-14-22:13:2{number}"
        if fails:
            reason = outcome.must_have_failed(step="dump").reason
            expect("the log alone" in reason, f"the reason is another: {reason}")
        else:
            outcome.must_be_saved()
            dumps = (dumps + [folder])[-2:]
        files = read_files(context, disk) / PATH[1:]
        for path in foreign:
            expect((files / Path(path).relative_to(PATH)).read_text() == here.read_text(),
                   f"{path} is not what it was")
        whole = sorted(p.parent.name for p in files.glob("unknown-2*/vmcore")
                       if not (p.parent / "notes").exists())
        # The first capture finds one older whole dump, which is the second of the two.
        wanted = sorted(dumps if len(dumps) == 2 else [f"{old}2".removeprefix(f"{PATH}/"), *dumps])
        expect(whole == wanted, f"after capture {number + 1}: {whole}, not {wanted}")
        partial = sorted(p.name for p in files.glob("unknown-2*") if not (p / "vmcore").exists())
        expect(partial == ([folder] if fails else []), f"incomplete ones that stay: {partial}")


def on_partition(context: Context, head: bytes, **image: object) -> None:
    disk = make_disk(context, "")
    outcome = saved(context, Round(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"raw:PARTUUID={disk.partuuid}"],
                     drivers="virtio_pci,virtio_blk", **image)))
    content = read_partition(context, disk)
    with open(content, "rb") as dump:
        expect(dump.read(len(head)) == head, f"the partition does not begin with {head!r}")
    check_content(context, content, outcome.content, outcome.kind)


@case("raw-partition")
def raw_partition(context: Context) -> None:
    """the dump straight onto a partition, named by PARTUUID"""
    on_partition(context, b"\x7fELF")


def by_default(fstype: str, kernel: str, suite: str) -> None:
    # One round with the newest kernel is a part of each run.
    @case(f"{fstype or 'raw'}-{kernel}", long=(fstype, kernel) != ("ext4", "newest"))
    def with_defaults(context: Context) -> None:
        """a dump as images make it by themselves, on a kernel by name"""
        context.suite = suite
        if not fstype:
            on_partition(context, b"KDUMP   ", dump="default")
            return
        on_disk(context, "virtio-blk", fstype, "UUID", dump="default",
                drivers=f"virtio_pci,virtio_blk,{fstype}")


for kernel_, suite_ in SUITES.items():
    if suite_:
        for fstype_ in ("ext4", "xfs", "btrfs", "vfat", ""):
            by_default(fstype_, kernel_, suite_)
