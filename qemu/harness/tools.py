"""The small programs that the cases need, compiled when they are older than their source."""

import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

from . import paths
from .case import Context, Failed

_lock = threading.Lock()


def _compiled(context: Context, name: str, argv: list[str], sources: list[Path]) -> Path:
    output = paths.TOOLS / name
    with _lock:
        newest = max(source.stat().st_mtime for source in sources)
        if not output.exists() or output.stat().st_mtime < newest:
            output.parent.mkdir(parents=True, exist_ok=True)
            context.run([*argv, "-o", output])
    return output


def run_to(context: Context, argv: list[str | Path], output: BinaryIO) -> None:
    """Runs a program whose standard output is bytes."""
    done = subprocess.run([str(a) for a in argv], stdout=output, stderr=subprocess.PIPE,
                          timeout=context.left(), check=False)
    if done.returncode != 0:
        raise Failed(f"{argv[0]}: exit status {done.returncode}")


def memfill(context: Context) -> Path:
    """Static, for the guest."""
    return _for_guest(context, "memfill", [paths.GUEST / "tagged_page.h"])


def memfill_here(context: Context) -> Path:
    """The same program for the host, which makes memory with it."""
    return _compiled(context, "memfill-host", [*_C, str(paths.GUEST / "memfill.c")],
                     [paths.GUEST / "memfill.c", paths.GUEST / "tagged_page.h"])


def kexec_file(context: Context) -> Path:
    """kexec -p -s for guests that Debian has no kexec-tools for."""
    return _for_guest(context, "kexec_file", [])


_C = ["clang-19", "-O2", "-static", "-Wall", "-Wextra", "-Werror"]


def _for_guest(context: Context, name: str, headers: list[Path]) -> Path:
    source = paths.GUEST / f"{name}.c"
    compiler = paths.BUILD / "sysroot" / context.arch / "clang.cfg"
    return _compiled(context, f"{context.arch}/{name}", [*_C, f"--config={compiler}", str(source)],
                     [source, *headers])


def check_dump(context: Context) -> Path:
    """The checker of a dump's content, for the host."""
    source = paths.ROOT / "tests" / "tools" / "check_dump.cc"
    return _compiled(context, "check_dump",
                     ["clang++-19", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror",
                      f"-I{paths.ROOT}", str(source), "-lkdumpfile"],
                     [source, paths.GUEST / "tagged_page.h"])
