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
            paths.TOOLS.mkdir(parents=True, exist_ok=True)
            context.run([*argv, "-o", output])
    return output


def run_to(context: Context, argv: list[str | Path], output: BinaryIO) -> None:
    """Runs a program whose standard output is bytes."""
    done = subprocess.run([str(a) for a in argv], stdout=output, stderr=subprocess.PIPE,
                          timeout=context.left(), check=False)
    if done.returncode != 0:
        raise Failed(f"{argv[0]}: exit status {done.returncode}")


def memfill(context: Context) -> Path:
    """Static, for the guest; runs on the host as well."""
    source = paths.GUEST / "memfill.c"
    return _compiled(context, "memfill",
                     ["clang-19", "-O2", "-static", "-Wall", "-Wextra", "-Werror", str(source)],
                     [source, paths.GUEST / "tagged_page.h"])


def check_dump(context: Context) -> Path:
    """The checker of a dump's content, for the host."""
    source = paths.ROOT / "tests" / "tools" / "check_dump.cc"
    return _compiled(context, "check_dump",
                     ["clang++-19", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror",
                      str(source), "-lkdumpfile"],
                     [source, paths.GUEST / "tagged_page.h"])
