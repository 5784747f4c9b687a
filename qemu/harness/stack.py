"""Stacks of LVM, md and btrfs: made by the distribution's own programs in the machine that crashes,
since the kernel that runs the tests may have none of them. mkcapture runs in that machine, too, as
its administrator would call it, and has to see the stack in its /sys."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from . import paths
from .boards import BOARDS
from .case import Context, Failed
from .disk import Disk
from .image import DUMPS, ImageOptions
from .initramfs import Initramfs

LABEL = "STACKED"
# Of the machine: enough for its programs; tagged pages of each class, few enough for a slow reader.
MEMORY_MIB = 576
FILL = {"K": 8, "U": 24, "C": 8}
MOUNT = "/var"  # where the file system is in the machine that crashes: /var/crash is on it
PROGRAMS = ("/usr/sbin/lvm", "/usr/sbin/dmsetup", "/usr/sbin/mdadm", "/usr/sbin/mke2fs",
            "/usr/sbin/e2fsck", "/usr/sbin/e2image", "/bin/btrfs", "/sbin/mkfs.btrfs")
LEVEL_MODULES = {"0": "raid0", "1": "raid1", "5": "raid456", "10": "raid10"}
# What the machine has of its kernel's modules, beside those that it loads itself: mkcapture takes
# from it what it needs.
MORE_MODULES = ["crc32c_intel", "crct10dif_pclmul", "crct10dif_generic", "quota_v2", "sd_mod",
                "virtio_pci", "ext4", "blake2b_generic", "xxhash_generic", "sha256_generic"]
# lvm2 without udev, and without a file that says which devices are its own.
LVM_CONF = """devices { dir="/dev" scan=["/dev"] use_devicesfile=0 multipath_component_detection=0 }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
global { use_lvmpolld=0 event_activation=0 thin_check_executable="" }
"""
LVM_UP = "lvm vgchange -q -ay --sysinit vg0; lvm vgmknodes vg0"


@dataclass
class Stack:
    """`make` and `activate` are shell commands that leave `device` there: with nothing on it, where
    `fstype` is ext4, else as the file system that it shall be."""

    make: str
    activate: str
    device: str  # "/dev/vg0/var"
    fstype: str = "ext4"
    modules: list[str] = field(default_factory=list)  # beside the devices' and the file system's
    # Shell commands between mkcapture and the crash: what the image cannot know of.
    later: str = ""
    busy: bool = True  # the file system is written to when the machine crashes
    largest: int = 0  # bytes that the image may have; 0: any
    # What `mkcapture --print plan` has to say of it.
    plan: tuple[str, ...] = ()

    @property
    def make_all(self) -> str:
        if self.fstype != "ext4":
            return self.make
        return f"{self.make} && /usr/sbin/mke2fs -q -F -t ext4 -L {LABEL} {self.device}"


def volume(pvs: str, create: str, later: str = "") -> Stack:
    """vg0/var on these PVs."""
    return Stack(
        make=f"lvm pvcreate -q {pvs} && lvm vgcreate -q vg0 {pvs} && "
             # vgmknodes fails where there is a thin pool, after it has made the nodes.
             f"lvm lvcreate -q -y -Wn -n var {create} && {{ lvm vgmknodes vg0; wait_for "
             "/dev/vg0/var; }",
        activate=LVM_UP, device="/dev/vg0/var", modules=["dm_mod"],
        later=later)


def array(level: str, metadata: str, members: str, up: str = "", options: str = "") -> Stack:
    """md0 of these members, of which one may be `missing`; with `up` other ones are there later."""
    count = len(members.split())
    there = up or members.replace("missing", "")
    return Stack(
        make=f"mdadm -q --create /dev/md0 --run -l{level} -n{count} -e{metadata} {options} "
             f"{members}",
        # Frozen: Linux 6.1 never switches off while a raid5 resyncs.
        activate=f"mdadm --assemble --run /dev/md0 {there}; "
                 "echo frozen > /sys/block/md0/md/sync_action",
        device="/dev/md0",
        modules=["crc32c_generic", LEVEL_MODULES[level]])


def lvm_on_mirror() -> Stack:
    """LVM on an md mirror (1.2) of two virtio disks."""
    mirror = array("1", "1.2", "/dev/vda /dev/vdb", options="--assume-clean")
    var = volume("/dev/md0", "-l 100%FREE vg0")
    return Stack(make=f"{mirror.make} && {var.make}",
                 activate=f"{mirror.activate}; {var.activate}",
                 device=var.device, modules=mirror.modules + var.modules,
                 plan=("LVM volume vg0/var", "md raid1 of 2 members, metadata 1.2"))


def blank_disk(context: Context, name: str, size_mib: int = 1200) -> Disk:
    image = context.dir / f"{name}.img"
    with open(image, "wb") as file:
        file.truncate(size_mib << 20)
    return Disk(image, "", size_mib, "", "", "", "")


def device_nodes(controllers: list[str]) -> list[str]:
    """The nodes of whole disks at these controllers, as the kernel names them."""
    letters = {"virtio-blk": "vd", "virtio-scsi": "sd", "ahci": "sd"}
    seen: dict[str, int] = {}
    nodes = []
    for controller in controllers:
        kind = letters[controller]
        nodes.append(f"/dev/{kind}{'abcdefgh'[seen.get(kind, 0)]}")
        seen[kind] = seen.get(kind, 0) + 1
    return nodes


def add_stack_tools(tree: Initramfs) -> None:
    for program in PROGRAMS:
        source = Path(program)
        if not source.exists():
            raise Failed(f"{program}: not found")
        tree.program(source, program)
    tree.data("etc/lvm/lvm.conf", LVM_CONF)
    tree.data("etc/mdadm/mdadm.conf", "")
    tree.file(Path("/etc/mke2fs.conf"))


def add_mkcapture(context: Context, tree: Initramfs, image: ImageOptions, board: str,
                  modules: list[str]) -> None:
    """The tool with its payload and the kernel as installed, and etc/mkcapture.sh: its call, by
    which it takes everything but the target's directory from the machine."""
    tree.program(paths.MKCAPTURE, "/usr/bin/mkcapture")
    payload = paths.payload(context.arch)
    for program in sorted(payload.iterdir()):
        tree.file(program, f"usr/lib/mkcapture/payload/{context.arch}/{program.name}", 0o755)
    kernel = context.kernel
    files = [*kernel.load_order([*modules, *MORE_MODULES]), *kernel.modules_dir.glob("modules.*")]
    for file in sorted(files):
        tree.file(file, f"lib/modules/{kernel.release}/{file.relative_to(kernel.modules_dir)}")
    tree.file(kernel.image, f"boot/{kernel.image.name}")
    tree.file(kernel.root / "boot" / f"config-{kernel.release}",
              f"boot/config-{kernel.release}")
    words = ["--append", " ".join(filter(None, [f"console={BOARDS[board].console}",
                                                BOARDS[board].append, image.append]))]
    for target in image.targets:
        words += ["--target", target]
    tree.data("etc/mkcapture.sh", "mkcapture -o /capture.img "
              + shlex.join([*words, *DUMPS[image.dump].options, *image.options]) + ' "$@"\n')
