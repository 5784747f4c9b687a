"""Kernels as other distributions have them: packed modules and firmware, signatures, the kernel in a
unified image, no configuration beside it."""

import gzip

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.disk import Disk, make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions, plan
from harness.kernel_tree import FAULTY, FIRMWARE, as_unified_image, kernel_tree
from harness.machine import Machine
from harness.outcome import Outcome
from harness.synthetic import Synthetic, capture

PATH = "/var/crash"
DRIVERS = "virtio_pci,virtio_blk,ext4"
MODULES = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"]


def options(disk: Disk, *more: str, drivers: str = DRIVERS, append: str = "") -> ImageOptions:
    return ImageOptions([f"disk:LABEL={disk.label}:{PATH}"], drivers, [*more], append)


def dumped(context: Context, disk: Disk, image: ImageOptions) -> Outcome:
    outcome = saved(context, Round(Machine(disks=[("virtio-blk", disk)]), image))
    check_directory(context, read_files(context, disk) / PATH[1:], outcome)
    return outcome


def packed(context: Context, modules: str, firmware: str) -> None:
    kernel_tree(context, MODULES, faulty="misc", packed=modules, firmware=firmware)
    disk = make_disk(context, "ext4")
    outcome = dumped(context, disk, options(disk, "--module-option", f"{FAULTY}.faults=firmware",
                                            drivers=f"{DRIVERS},{FAULTY}"))
    expect(f'{FAULTY}: firmware "{FIRMWARE}"' in outcome.console,
           "the driver did not get its firmware")


@case("packed-modules-zst", long=True)
def packed_zst(context: Context) -> None:
    """modules and firmware in .zst, which this kernel could not unpack itself"""
    packed(context, "zst", "zst")


@case("packed-modules-gz", long=True)
def packed_gz(context: Context) -> None:
    """modules in .gz, firmware in .xz"""
    packed(context, "gz", "xz")


@case("unified-image", long=True)
def unified_image(context: Context) -> None:
    """the only kernel is within a unified kernel image"""
    as_unified_image(context, kernel_tree(context, MODULES))
    disk = make_disk(context, "ext4")
    dumped(context, disk, options(disk))


@case("configuration-in-image", long=True)
def configuration_in_image(context: Context) -> None:
    """no configuration but the one within the kernel's image (IKCONFIG)"""
    tree = kernel_tree(context, MODULES)
    config = tree.root / f"boot/config-{tree.release}"
    with open(tree.image, "ab") as kernel:
        # As kernel/configs.c frames it. This kernel was built without: it lies behind the rest.
        kernel.write(b"IKCFG_ST" + gzip.compress(config.read_bytes(), 9) + b"IKCFG_ED")
    config.unlink()
    disk = make_disk(context, "ext4")
    image = options(disk)
    told = plan(context, image)
    expect(f"{tree.image} (IKCONFIG)" in told, "the configuration was not found in the kernel")
    expect("xz: least memory" in told, "what the kernel can unpack was not read in it")
    dumped(context, disk, image)


@case("signatures-kept", long=True)
def signatures_kept(context: Context) -> None:
    """a kernel that wants signed modules gets them with --signatures keep"""
    disk = make_disk(context, "ext4")
    dumped(context, disk, options(disk, "--signatures", "keep", append="module.sig_enforce=1"))


@case("signatures-dropped", long=True)
def signatures_dropped(context: Context) -> None:
    """and refuses those of --signatures drop, which the verdict tells"""
    disk = make_disk(context, "ext4", size_mib=64)
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)]),
        options(disk, "--signatures", "drop", "--deadline", "40s",
                append="module.sig_enforce=1 capture.wait=3s")))
    outcome.must_have_failed(step="device")
    expect("virtio_blk not loaded" in outcome.console, "/init does not say what was refused")
