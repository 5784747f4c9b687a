"""A Debian system with systemd on an ext4 root, as an administrator has it. Made once from the
machine's own package sources and kept in the cache; a case works on a copy."""

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from . import paths
from .case import Context, Failed
from .disk import Disk, END_MIB, START_MIB, read_partition

# This machine's own, as its mkcapture is linked with that one's libraries.
SUITE = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
ROOT_MIB = 2500
PACKAGES = ["systemd-sysv", "udev", "kmod", "kexec-tools", "util-linux"]
KERNEL = "linux-image-amd64"
# In the initrd: only what reaches the root, which is made and unpacked in a fraction of the time.
INITRD_CONFIG = "MODULES=list\\nCOMPRESS=gzip\\n"
INITRD_MODULES = ("virtio_pci", "virtio_blk", "ext4")


@dataclass(frozen=True)
class Debian:
    disk: Disk  # the system's only disk, a copy of the case's own
    kernel: Path
    initrd: Path

    @property
    def release(self) -> str:
        return self.kernel.name.removeprefix("vmlinuz-")


def debian(context: Context, programs: list[Path], more: Sequence[str] = (),
           initrd_modules: Sequence[str] = (), suite: str = SUITE, later: str = "",
           kernel_package: str = KERNEL, root_mib: int = ROOT_MIB) -> Debian:
    """With the packages whose libraries `programs` (of this host) are linked with, and `more`. What
    the package `later` stands for is in /root/packages, to be installed there."""
    packages = sorted({*PACKAGES, kernel_package, *more, *_packages_of_libraries(context, programs)})
    sources = _sources(context, suite)
    modules = "".join(f"{name}\\n" for name in (*INITRD_MODULES, *initrd_modules))
    parts = [suite, str(root_mib), modules, *packages, *([f"later {later}"] if later else []), sources]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    base = paths.CACHE / f"debian-{key}"
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with open(paths.CACHE / f"debian-{key}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not base.exists():
            _make(context, base, suite, packages, sources, modules, later, root_mib)
    kernel = next(base.glob("vmlinuz-*"))
    initrd = next(base.glob("initrd.img-*"))
    root_uuid, partuuid = (base / "ids").read_text().split()
    image = context.dir / "system.img"
    context.run(["cp", "--sparse=always", base / "system.img", image])
    return Debian(Disk(image, "ext4", root_mib, "", root_uuid, partuuid, ""), kernel, initrd)


def dependencies(context: Context, package: Path) -> list[str]:
    """Names of the packages that a .deb needs."""
    listed = context.run(["dpkg-deb", "-f", package, "Depends"])
    return [word.split()[0] for word in listed.split(",") if word.strip()]


def _packages_of_libraries(context: Context, programs: list[Path]) -> set[str]:
    if not programs:
        return set()
    listed = context.run(["ldd", *programs])
    packages = set()
    for library in set(re.findall(r"=> (/\S+)", listed)):
        names = {library, str(Path(library).resolve()), library.removeprefix("/usr"),
                 f"/usr{library}", f"/usr{Path(library).resolve()}"}
        owners = subprocess.run(["dpkg-query", "-S", *names], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, check=False).stdout
        if not owners:
            raise Failed(f"no package owns {library}")
        packages.add(owners.split(":")[0])
    return packages


def _sources(context: Context, suite: str) -> str:
    """This machine's sources of the suite, one line each, whatever form they are written in; where
    it has none, those of its own suite with the other's name in its place."""
    listed = context.run(["apt-get", "indextargets", "--format",
                          "deb $(SITE) $(CODENAME) $(COMPONENT)", "Created-By: Packages"])
    found = sorted(set(listed.splitlines()))
    for name in (suite, SUITE):
        lines = [f"deb {site} {codename.replace(name, suite, 1)} {component}"
                 for _, site, codename, component in map(str.split, found)
                 if codename.startswith(name)]
        if lines:
            return "\n".join(lines) + "\n"
    raise Failed(f"this machine has no package source for {suite}")


def _make(context: Context, base: Path, suite: str, packages: list[str], sources: str,
          modules: str, later: str, root_mib: int) -> None:
    work = base.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    root = work / "root"
    (work / "sources.list").write_text(sources)
    # Before initramfs-tools is there, so that the only initrd that is made is the small one.
    small_initrd = ("mkdir -p $1/etc/initramfs-tools/conf.d && "
                    f"printf '{INITRD_CONFIG}' > $1/etc/initramfs-tools/conf.d/small && "
                    f"printf '{modules}' > $1/etc/initramfs-tools/modules")
    fetch = ("mkdir -p $1/root/packages && chroot $1 sh -c 'cd /root/packages && apt-get -q download "
             f"$(apt-cache depends {later} | sed -n \"s/^  Depends: //p\")'")
    hooks = [f"--essential-hook={small_initrd}", *([f"--customize-hook={fetch}"] if later else [])]
    context.run(["mmdebstrap", "--mode=root", "--variant=minbase",
                 f"--include={','.join(packages)}", *hooks,
                 '--dpkgopt=force-confold', '--dpkgopt=force-unsafe-io',
                 suite, root, work / "sources.list"])
    for name in ("vmlinuz-*", "initrd.img-*"):
        file = sorted((root / "boot").glob(name))[-1]
        shutil.copy2(file, work / file.name)
    root_uuid, partuuid = str(uuid.uuid4()), str(uuid.uuid4())
    (root / "etc/fstab").write_text(f"UUID={root_uuid} / ext4 errors=remount-ro 0 1\n")
    (work / "ids").write_text(f"{root_uuid} {partuuid}\n")
    part = work / "part"
    with open(part, "wb") as content:
        content.truncate(root_mib << 20)
    context.run(["mkfs.ext4", "-q", "-U", root_uuid, "-d", root, part])
    image = work / "system.img"
    with open(image, "wb") as content:
        content.truncate((START_MIB + root_mib + END_MIB) << 20)
    context.run(["sfdisk", "-q", image],
                input=f"label: gpt\nstart={START_MIB}MiB, size={root_mib}MiB, uuid={partuuid}\n")
    context.run(["dd", f"if={part}", f"of={image}", "bs=1M", f"seek={START_MIB}",
                 "conv=sparse,notrunc", "status=none"])
    part.unlink()
    shutil.rmtree(root)
    work.rename(base)


def put_files(context: Context, disk: Disk, files: list[tuple[Path, str, int]],
              links: list[tuple[str, str]]) -> None:
    """Writes (source, absolute path, mode) and symbolic links (path, where it points) into the
    ext4 of a disk that is switched off."""
    commands: list[str] = []
    made: set[str] = set()
    for source, path, mode in files:
        for parent in reversed(Path(path).parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                commands.append(f"mkdir {parent}")  # says so where it exists already
        commands += [f"rm {path}", f"write {source} {path}",
                     f"sif {path} mode 0{0o100000 | mode:o}"]
    commands += [f"symlink {path} {target}" for path, target in links]
    script = context.dir / "put_files.debugfs"
    script.write_text("\n".join(commands) + "\n")
    part = read_partition(context, disk)
    context.run(["debugfs", "-w", "-f", script, part])
    context.run(["dd", f"if={part}", f"of={disk.image}", "bs=1M", f"seek={START_MIB}",
                 "conv=sparse,notrunc", "status=none"])
    part.unlink()
