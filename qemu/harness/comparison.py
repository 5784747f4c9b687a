"""What our image is measured against: the smallest thing that runs at all, and what a skilled
administrator puts together by hand from busybox and makedumpfile."""

import os
import shutil
from pathlib import Path

from .case import Context, Failed
from .initramfs import Initramfs

FLOOR = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc
/bin/busybox mount -t proc proc /proc
/bin/busybox dd if=/proc/vmcore of=/dev/null bs=4096 count=1 &&
    echo "capture: saved target=none bytes=4096 seconds=0.000 path=/dev/null"
echo "capture: done status=saved action=reboot"
/bin/busybox reboot -f
"""

BY_HAND = """#!/bin/busybox sh
/bin/busybox mkdir -p /bin /proc /sys /dev /mnt /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "$module"; done < /etc/modules
until [ -e /dev/vda1 ]; do usleep 20000; done
mount -t ext4 /dev/vda1 /mnt && mkdir -p /mnt/by-hand
echo "capture: dump starts" > /dev/kmsg
status=failed
@MEASURE@makedumpfile @CODEC@ -d 31 /proc/vmcore /mnt/by-hand/vmcore > /dev/null && status=saved
sync
umount /mnt
echo "capture: saved target=by-hand bytes=0 seconds=0.000 path=/by-hand" > /dev/kmsg
echo "capture: done status=$status action=reboot" > /dev/kmsg
reboot -f
"""


def floor_image(context: Context) -> Path:
    """busybox alone: opens /proc/vmcore and reboots."""
    tree = Initramfs()
    tree.file(Path("/bin/busybox"), "bin/busybox", 0o755)
    tree.data("init", FLOOR, 0o755)
    return _packed(context, tree, "floor.img")


def by_hand_image(context: Context, measured: bool = False) -> Path:
    """busybox, a shell script, makedumpfile with its libraries, ext4 on virtio-blk. `measured`: it
    compresses by zstd, as our images do, and its time and memory are on the console."""
    makedumpfile = os.environ.get("MAKEDUMPFILE") or shutil.which("makedumpfile")
    if makedumpfile is None:
        raise Failed("makedumpfile is not installed")
    tree = Initramfs()
    tree.file(Path("/bin/busybox"), "bin/busybox", 0o755)
    tree.program(Path(makedumpfile), "/sbin/makedumpfile")
    tree.modules(context.kernel, ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"])
    script = BY_HAND.replace("@MEASURE@", "time -v " if measured else "")
    tree.data("init", script.replace("@CODEC@", "-z" if measured else "-l"), 0o755)
    return _packed(context, tree, "by-hand.img")


def _packed(context: Context, tree: Initramfs, name: str) -> Path:
    """xz with a small dictionary: of the compressors that the kernel unpacks, the one that needs
    least memory while it does."""
    image = tree.write(context.dir / name)
    context.run(["xz", "-f", "--check=crc32", "--lzma2=preset=6,dict=1MiB", image])
    return image.with_name(name + ".xz").rename(image)
