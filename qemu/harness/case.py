"""A case: one question with a yes or a no, a folder for its files, and a limit in time."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from . import paths
from .boards import BOARDS
from .kernel import Kernel


class Failed(Exception):
    """The case's answer is no; the text says why, in one line."""


class Skipped(Exception):
    """The case cannot be asked here; the text says why, in one line."""


class Context:
    """What a running case gets: its folder (empty at the start), its kernel, its time."""

    def __init__(self, name: str, arch: str, limit: float):
        self.name = name
        self.arch = arch
        self.board = arch  # a key of BOARDS; a case may choose another one of its architecture
        self.suite = ""  # of Debian, where a case wants another one's kernel (harness/kernel.py)
        self.dir = paths.WORK / arch / name
        self.ends_at = time.monotonic() + limit
        self.cleanups: list[Callable[[], object]] = []
        self.parts: list[tuple[str, str]] = []
        self._kernel: Kernel | None = None

    @property
    def kernel(self) -> Kernel:
        if self._kernel is None:
            self._kernel = Kernel.of(self.arch, BOARDS[self.board].kernel, self.suite)
        return self._kernel

    def use_kernel(self, kernel: Kernel) -> Kernel:
        """In place of the board's own."""
        self._kernel = kernel
        return kernel

    def left(self) -> float:
        """Seconds until the case's limit; Failed once it has passed."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise Failed("the case's time limit has passed")
        return left

    def run(self, argv: Sequence[str | Path], ok: Sequence[int] = (0,), **options) -> str:
        """Runs a host program and returns its standard output; Failed unless its status is in
        `ok`. Everything goes to commands.log."""
        words = [str(a) for a in argv]
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  errors="replace", timeout=self.left(), **options)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{words[0]}: not done within the case's time limit") from error
        except FileNotFoundError as error:
            raise Failed(f"{words[0]}: not found") from error
        self.note(f"$ {shlex.join(words)}\n{done.stdout}{done.stderr}[exit {done.returncode}]\n")
        if done.returncode not in ok:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise Failed(f"{Path(words[0]).name}: exit status {done.returncode}: {last}")
        return done.stdout

    def part(self, name: str, why: str = "") -> None:
        """One of several answers of a case, which count each in place of the case's own. `why`: it
        is a no."""
        self.parts.append((name, why))

    def note(self, text: str) -> None:
        with open(self.dir / "commands.log", "a", encoding="utf-8") as log:
            log.write(text)

    def at_end(self, cleanup: Callable[[], object]) -> None:
        """Runs `cleanup` when the case is over, however it ends; last in, first out."""
        self.cleanups.append(cleanup)


@dataclass(frozen=True)
class Case:
    name: str
    function: Callable[[Context], None]
    archs: tuple[str, ...]
    limit: float
    long: bool  # not part of the default run

    @property
    def summary(self) -> str:
        return (self.function.__doc__ or "").strip().splitlines()[0]


CASES: list[Case] = []


def case(name: str, archs: Sequence[str] = ("x86_64",), limit: float = 500, long: bool = False):
    """Registers a function as a case. Its docstring's first line is what --list prints. A `long`
    case runs with --long, or where -k names it: what it shows, the default run shows in the main."""

    def register(function: Callable[[Context], None]) -> Callable[[Context], None]:
        CASES.append(Case(name, function, tuple(archs), limit, long))
        return function

    return register


def expect(condition: object, why: str) -> None:
    if not condition:
        raise Failed(why)
