"""The filter on many kernels: what it makes of each page is compared with what the kernel says itself,
then with what makedumpfile keeps of the same memory, and each page's bytes with that memory.

MAKEDUMPFILE (MAKEDUMPFILE_ARCH, as MAKEDUMPFILE_ARM64, on other architectures: a command, such as an
emulator and the program) names one that knows the kernel; Debian's own is taken where it does."""

import os
import re
import shutil
from dataclasses import dataclass

from harness import paths
from harness.boards import BOARDS, arch_of, virtio_drivers
from harness.case import Context, Failed, case, expect
from harness.crash import Round, saved
from harness.disk import make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine

# Of a page in a thousand a running kernel may change its mind while it is looked at.
AGREEMENT = 0.999
COMPARED = r"^check: (\d+) pages compared with /proc/kpageflags, (\d+) differ"


@dataclass(frozen=True)
class Matrix:
    board: str
    suite: str = ""
    makedumpfile: str = "newer"  # "own": Debian 12's knows the kernel; "newer": one that is named does


MATRIX = {
    "debian12": Matrix("x86_64", makedumpfile="own"),
    "debian13": Matrix("x86_64", "trixie"),
    "6.18": Matrix("x86_64", "trixie-backports=6.18"),
    "newest": Matrix("x86_64", "trixie-backports"),
    "arm64-4k": Matrix("arm64", "trixie"),
    # makedumpfile of June 2026 reads no page tables of 16 KB and 52 bits.
    "arm64-16k": Matrix("arm64-16k", "trixie", makedumpfile="none"),
    # Nor where a radix MMU has the descriptors with pages of 4 KB: it takes those of other pages, and
    # leaves out two thirds of what is tagged as the kernel's own.
    "ppc64le-4k": Matrix("ppc64le", "trixie", makedumpfile="none"),
    "ppc64le-64k": Matrix("ppc64le-64k", "trixie"),
}


def makedumpfile(arch: str, kind: str) -> str:
    if kind == "none":
        return kind
    name = "MAKEDUMPFILE" if arch == "x86_64" else f"MAKEDUMPFILE_{arch.upper()}"
    return os.environ.get(name) or (shutil.which("makedumpfile") if kind == "own" else None) or "none"


def agrees(console: str) -> None:
    """savecore --check, in the machine before it crashed."""
    expect("check: kernel " in console and re.search(r"^check: kernel .*: level 31$", console, re.M),
           "level 31 was not reached in the running machine")
    found = re.search(COMPARED, console, re.M)
    expect(found, "no page was compared with what the kernel says")
    pages, differ = (int(number) for number in found.groups()) if found else (0, 0)
    expect(pages > 0 and differ <= pages * (1 - AGREEMENT),
           f"{differ} of {pages} pages are not what the kernel says")


def filtered_as_it_should_be(context: Context, matrix: Matrix) -> None:
    context.board, context.suite = matrix.board, matrix.suite
    disk = make_disk(context, "ext4")
    outcome = saved(context, Round(
        Machine(board=context.board, disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/var/crash"], dump="elf0",
                     drivers=virtio_drivers(context.board, "virtio_blk,ext4")),
        programs=[paths.payload(context.arch) / "savecore"], busy=False,
        prepare="savecore --check -d 31 2>&1 | sed 's/^/check: /'", limit=context.left()))
    files = read_files(context, disk, only="/var/crash")
    vmcore = check_directory(context, files / "crash", outcome) / "vmcore"
    savecore = paths.BUILD / "savecore"
    expect(": level 31" in context.run([savecore, "--check", "-d", "31", vmcore]).splitlines()[0],
           "level 31 is not reached in the dump")
    said = context.run([paths.ROOT / "tests/tools/compare_levels", vmcore, "--levels", "31",
                        "--savecore", savecore, "--work", context.dir,
                        "--makedumpfile", makedumpfile(context.arch, matrix.makedumpfile)], ok=(0, 1))
    if "1 of 1 the same" not in said:
        raise Failed((said or "the dumps were not compared").splitlines()[0])
    agrees((context.dir / "console.log").read_text(errors="replace").replace("\r", ""))


def proven(name: str, matrix: Matrix) -> None:
    @case(f"filter-{name}", (arch_of(matrix.board),), limit=1400, long=True)
    def on_kernel(context: Context) -> None:
        """level 31 on a kernel by name: against /proc/kpageflags, makedumpfile and all bytes"""
        filtered_as_it_should_be(context, matrix)


for name_, matrix_ in MATRIX.items():
    assert matrix_.board in BOARDS
    proven(name_, matrix_)
