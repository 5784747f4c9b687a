"""Kernel trees that the cases make of the test kernel's: its image, its configuration, a few of its
modules, as other distributions have them (packed, signed or not), and one module that Debian lacks:
the faulty driver of qemu/guest/faulty_driver.c."""

import fcntl
import os
import shutil
from dataclasses import replace
from pathlib import Path

from . import paths
from .case import Context, Failed, Skipped
from .kernel import Kernel

FAULTY = "faulty_driver"
FIRMWARE = "as the driver wants it"
# Programs that put a packed file in a file's place, as depmod and the kernel know them.
PACKERS = {"zst": ["zstd", "-q", "--rm"], "gz": ["gzip"], "xz": ["xz", "--check=crc32"]}


def kernel_tree(context: Context, names: list[str], faulty: str = "", packed: str = "",
                firmware: str = "") -> Kernel:
    """A tree in the case's folder, which becomes the case's kernel: the modules `names` with what
    they need, as files of the kind `packed`; with `faulty` that driver, in this folder below
    kernel/drivers, and its firmware as a file of the kind `firmware`."""
    whole = context.kernel
    root = context.dir / "tree"
    modules = root / "lib/modules" / whole.release
    (root / "boot").mkdir(parents=True)
    for file in (whole.root / "boot").glob(f"*-{whole.release}"):
        shutil.copy2(file, root / "boot")
    files = [file.relative_to(whole.modules_dir) for file in whole.load_order(names)]
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        files.append(Path(index))
    for file in files:
        (modules / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(whole.modules_dir / file, modules / file)
    if faulty:
        folder = modules / "kernel/drivers" / faulty
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(faulty_driver(context, whole.release), folder)
        blob = root / "lib/firmware" / f"{FAULTY}.bin"
        blob.parent.mkdir()
        blob.write_text(FIRMWARE)
        if firmware:
            context.run([*PACKERS[firmware], blob])
    context.run(["depmod", "-b", root, whole.release])
    for file in sorted(modules.rglob("*.ko")) if packed else []:
        context.run([*PACKERS[packed], file])
    # Debian's depmod knows no .ko.gz: what it would write where it does.
    dependencies = modules / "modules.dep"
    if packed:
        dependencies.write_text(dependencies.read_text().replace(".ko", f".ko.{packed}"))
    return context.use_kernel(Kernel(root, whole.release))


def as_unified_image(context: Context, kernel: Kernel) -> Kernel:
    """The kernel of a tree within a unified kernel image, where systemd's tools put it, and
    nowhere else: sections as systemd-stub(7) has them, behind the stub of systemd."""
    stub = _systemd_stub(context)
    plain = kernel.image
    boot = context.dir / plain.name
    plain.rename(boot)  # what the machine itself is booted with
    unified = kernel.root / "boot/EFI/Linux" / f"debian-{kernel.release}.efi"
    unified.parent.mkdir(parents=True)
    argv: list[str | Path] = ["objcopy"]
    for section, address, content in ((".uname", 0x25000, kernel.release + "\n"),
                                      (".cmdline", 0x30000, "root=/dev/sda1 ro quiet\n")):
        file = context.dir / f"uki{section}"
        file.write_text(content)
        argv += ["--add-section", f"{section}={file}",
                 "--change-section-vma", f"{section}={address:#x}"]
    argv += ["--add-section", f".linux={boot}", "--change-section-vma", ".linux=0x2000000"]
    context.run([*argv, stub, unified])
    return context.use_kernel(replace(kernel, unified=unified, booted=boot))


def _systemd_stub(context: Context) -> Path:
    root = _unpacked(context, "systemd-boot-efi", ["systemd-boot-efi"])
    return root / "usr/lib/systemd/boot/efi/linuxx64.efi.stub"


def faulty_driver(context: Context, release: str) -> Path:
    """Compiled with the kernel's own headers, which come from the machine's package sources."""
    source = paths.GUEST / f"{FAULTY}.c"
    folder = paths.TOOLS / f"{FAULTY}-{release}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = folder / f"{FAULTY}.ko"
        if not built.exists() or built.stat().st_mtime < source.stat().st_mtime:
            headers = _headers(context, release)
            shutil.copy(source, folder)
            (folder / "Kbuild").write_text(f"obj-m := {FAULTY}.o\n")
            context.run(["make", "-C", headers, f"M={folder}", "modules"])
    return built


def _headers(context: Context, release: str) -> Path:
    """The packages unpacked beside each other; what they have of absolute paths leads there."""
    abi, series = release.removesuffix("-amd64"), ".".join(release.split(".")[:2])
    root = _unpacked(context, f"headers-{release}",
                     [f"linux-headers-{release}", f"linux-headers-{abi}-common",
                      f"linux-kbuild-{series}"])
    headers = root / "usr/src" / f"linux-headers-{release}"
    makefile = headers / "Makefile"
    makefile.write_text(f"include {root}/usr/src/linux-headers-{abi}-common/Makefile\n")
    return headers


def _unpacked(context: Context, name: str, packages: list[str]) -> Path:
    """Packages that need not be installed, of this machine's sources, in the cache."""
    root = paths.CACHE / name
    if root.exists():
        return root
    part = root.with_suffix(f".{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        context.run(["apt-get", "-q", "download", *packages], cwd=part)
    except Failed as error:
        raise Skipped(f"{', '.join(packages)}: {error}") from error
    for deb in part.glob("*.deb"):
        context.run(["dpkg-deb", "-x", deb, part])
        deb.unlink()
    part.rename(root)
    return root
