"""The limits that an image must keep to: its size, and the reservation that it saves a dump in."""

from cases.nfs import SUITES
from harness.case import Context, case, expect
from harness.image import ImageOptions, build_image, least_memory
from harness.measured import IMAGES, KINDS
from harness.server import HOST

DISK = "disk:LABEL=elsewhere:/var/crash"
DRIVERS = "virtio_pci,virtio_blk,ext4"
MB = 1_000_000


def at_most(context: Context, what: str, limit: int, options: ImageOptions) -> None:
    """`limit` is for Debian 12's kernel; modules of later ones are larger."""
    if not context.kernel.release.startswith("6.1."):
        limit += limit // 10
    size = build_image(context, options).stat().st_size
    expect(size <= limit, f"the image for {what} has {size} bytes, not at most {limit}")


@case("image-sizes")
def image_sizes(context: Context) -> None:
    """images for a disk, for disk, NFS and SSH, and with all drivers (of LVM: the stacks)"""
    at_most(context, "a disk", 850_000, ImageOptions([DISK], DRIVERS))
    key, known = context.dir / "key", context.dir / "known_hosts"
    context.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", key])
    known.write_text(f"{HOST} {key.with_suffix('.pub').read_text()}")
    three = [DISK, f"nfs://{HOST}/dumps?vers=4.2", f"ssh://root@{HOST}/dumps"]
    more = ["--ip", "dhcp", "--ssh-key", str(key), "--ssh-known-hosts", str(known)]
    at_most(context, "disk, NFS and SSH", 1_750_000,
            ImageOptions(three, f"{DRIVERS},virtio_net,nfsv4", more))
    at_most(context, "disk, NFS and SSH with all drivers", 12 * MB,
            ImageOptions(three, "generic", more))


@case("least-memory-disk", limit=600, long=True)
def disk(context: Context) -> None:
    """crashkernel=88M is enough for a disk"""
    KINDS["disk"](context, "88M")


@case("least-memory-nfs", limit=600, long=True)
def nfs(context: Context) -> None:
    """crashkernel=96M is enough for NFS"""
    KINDS["nfs"](context, "96M")


@case("least-memory-ssh", limit=600, long=True)
def ssh(context: Context) -> None:
    """and for SSH"""
    KINDS["ssh"](context, "96M")


def planned(kind: str, kernel: str, suite: str) -> None:
    @case(f"least-memory-{kind}-{kernel}", limit=900, long=True)
    def as_planned(context: Context) -> None:
        """what the plan calls the least is enough, on a kernel by name"""
        context.suite = suite
        least = least_memory(context, IMAGES[kind](context), context.board)
        KINDS[kind](context, f"{least}M")


for kernel_, suite_ in SUITES.items():
    for kind_ in ("disk", "generic"):
        planned(kind_, kernel_, suite_)
