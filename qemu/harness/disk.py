"""Disk images: a GPT with one partition that has a filesystem, written and read on the host without
mounting, so that neither root nor a kernel module is needed."""

import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from .case import Context, Failed, expect

START_MIB = 1  # where the partition begins
END_MIB = 1  # room for the second GPT


@dataclass(frozen=True)
class Disk:
    image: Path
    fstype: str  # "" for a raw partition
    size_mib: int  # of the partition
    label: str
    uuid: str
    partuuid: str
    partlabel: str
    source: str = ""  # what QEMU opens in the image's place: "nbd://..."
    device_options: str = ""  # of the disk's device: ",serial=X"


def make_disk(context: Context, fstype: str, size_mib: int = 1536, name: str = "target",
              directory: str = "") -> Disk:
    """A disk whose partition has `fstype` ("" for none). FAT names have at most 11 characters."""
    disk = Disk(image=context.dir / f"{name}.img", fstype=fstype, size_mib=size_mib,
                label="CRASHDUMPS",
                uuid="%04X-%04X" % divmod(uuid.uuid4().int % 2**32, 2**16)
                if fstype == "vfat" else str(uuid.uuid4()),
                partuuid=str(uuid.uuid4()), partlabel="crash dumps")
    with open(disk.image, "wb") as image:
        image.truncate((START_MIB + size_mib + END_MIB) << 20)
    context.run(["sfdisk", "-q", disk.image],
                input=f"label: gpt\nstart={START_MIB}MiB, size={size_mib}MiB, "
                      f"uuid={disk.partuuid}, name=\"{disk.partlabel}\"\n")
    if fstype:
        content = context.dir / f"{name}.part"
        with open(content, "wb") as part:
            part.truncate(size_mib << 20)
        context.run(_mkfs(disk, content))
        if directory:
            expect(fstype == "ext4", "a directory can be put on ext4 only")
            context.run(["debugfs", "-w", "-R", f"mkdir {directory}", content])
        context.run(["dd", f"if={content}", f"of={disk.image}", "bs=1M", f"seek={START_MIB}",
                     "conv=sparse,notrunc", "status=none"])
        content.unlink()
    return disk


def _mkfs(disk: Disk, content: Path) -> list[str | Path]:
    match disk.fstype:
        case "ext4":
            return ["mkfs.ext4", "-q", "-L", disk.label, "-U", disk.uuid, content]
        case "xfs":
            return ["mkfs.xfs", "-q", "-L", disk.label, "-m", f"uuid={disk.uuid}", content]
        case "btrfs":
            return ["mkfs.btrfs", "-q", "-L", disk.label, "-U", disk.uuid, content]
        case "vfat":
            return ["mkfs.vfat", "-F", "32", "-n", disk.label, "-i", disk.uuid.replace("-", ""),
                    content]
    raise Failed(f"no recipe for a {disk.fstype} disk")


def read_partition(context: Context, disk: Disk) -> Path:
    """The partition's content as a file of its own."""
    content = disk.image.with_suffix(".part")
    content.unlink(missing_ok=True)
    context.run(["dd", f"if={disk.image}", f"of={content}", "bs=1M", f"skip={START_MIB}",
                 f"count={disk.size_mib}", "conv=sparse", "status=none"])
    return content


def read_files(context: Context, disk: Disk, check: bool = True, only: str = "/") -> Path:
    """Copies everything on the disk, on ext4 what is in the folder `only`, into a folder and
    returns it. With `check` the filesystem must be clean, as it is after an unmount."""
    content = read_partition(context, disk)
    out = disk.image.with_suffix(".files")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    match disk.fstype:
        case "ext4":
            if check:
                context.run(["e2fsck", "-fn", content])
            context.run(["debugfs", "-R", f"rdump {only} {out}", content])
        case "xfs":
            if check:
                context.run(["xfs_repair", "-n", content])
            _read_by_grub(context, content, "", out)
        case "btrfs":
            if check:
                context.run(["btrfs", "-q", "check", content])
            context.run(["btrfs", "restore", content, out])
        case "vfat":  # stays marked as dirty by the crash: no check
            context.run(["mcopy", "-s", "-n", "-i", content, "::/", out])
    content.unlink()
    return out


def _read_by_grub(context: Context, content: Path, path: str, out: Path) -> None:
    """GRUB's own drivers read XFS from a file, and nothing else does that without a kernel."""
    listing = context.run(["grub-fstest", content, "ls", f"(loop0){path}/"])
    for name in re.split(r"\s+", listing.strip()):
        if name.endswith("/"):
            (out / name).mkdir()
            _read_by_grub(context, content, f"{path}/{name[:-1]}", out / name)
        elif name:
            context.run(["grub-fstest", content, "cp", f"(loop0){path}/{name}", out / name])
