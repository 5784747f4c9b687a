"""run_tests: picks the cases, runs them, prints a line for each and the sum."""

import argparse
import concurrent.futures
import importlib
import os
import pkgutil
import shutil
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .case import CASES, Case, Context, Failed, Skipped

ARCHS = ("x86_64", "i386", "arm64", "arm", "ppc64le", "ppc64", "s390x", "riscv64")


@dataclass(frozen=True)
class Job:
    case: Case
    arch: str

    @property
    def name(self) -> str:
        return f"{self.arch}/{self.case.name}"


@dataclass(frozen=True)
class Answer:
    job: Job
    status: str  # PASS, FAIL, SKIP
    seconds: float
    why: str
    parts: tuple[tuple[str, str], ...] = ()  # name, and why it failed

    def counts(self) -> dict[str, int]:
        """A case of several parts counts as these, unless it failed beyond them."""
        if not self.parts:
            return {self.status: 1}
        failed = sum(bool(why) for _, why in self.parts)
        return {"PASS": len(self.parts) - failed,
                "FAIL": failed + (self.status == "FAIL" and bool(self.why))}


def load_cases(folder: Path) -> None:
    for module in sorted(m.name for m in pkgutil.iter_modules([str(folder)])):
        importlib.import_module(f"cases.{module}")


def run_case(job: Job) -> Answer:
    started = time.monotonic()
    context = Context(job.case.name, job.arch, job.case.limit)
    shutil.rmtree(context.dir, ignore_errors=True)
    context.dir.mkdir(parents=True)
    status, why = "PASS", ""
    try:
        job.case.function(context)
    except Skipped as reason:
        status, why = "SKIP", str(reason)
    except Failed as reason:
        status, why = "FAIL", str(reason)
    except Exception as error:  # a bug of the harness is a failure too, not an end of the run
        status, why = "FAIL", f"{type(error).__name__}: {error}"
        context.note(traceback.format_exc())
    finally:
        if status == "PASS" and any(why for _, why in context.parts):
            status = "FAIL"
        for cleanup in reversed(context.cleanups):
            cleanup()
    if status != "FAIL" and not os.environ.get("MKCAPTURE_KEEP"):
        for big in context.dir.glob("*.img"):
            big.unlink()
        for files in [*context.dir.glob("*.files"), context.dir / "served"]:
            shutil.rmtree(files, ignore_errors=True)
    return Answer(job, status, time.monotonic() - started, why, tuple(context.parts))


def show(answer: Answer) -> None:
    why = f"  {answer.why}" if answer.why else ""
    for name, no in answer.parts:
        print(f"{'FAIL' if no else 'PASS'} {answer.job.name}/{name}{'  ' if no else ''}{no}")
    print(f"{answer.status} {answer.job.name:<34} {answer.seconds:6.1f} s{why}", flush=True)
    if answer.status != "FAIL":
        return
    folder = paths.WORK / answer.job.arch / answer.job.case.name
    print(f"     files: {folder}")
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if lines:
            print(f"     --- {log.name}, its end")
            for line in lines[-(3 if log.name == "commands.log" else 25):]:
                print(f"     | {line[:200]}")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run_tests", description=__doc__)
    parser.add_argument("archs", nargs="*", metavar="ARCH", help="default: those with a payload")
    parser.add_argument("-k", metavar="TEXT", action="append", default=[],
                        help="only cases whose name has TEXT in it; repeatable")
    parser.add_argument("-j", metavar="N", type=int, default=max(1, min(4, os.cpu_count() or 1)),
                        help="cases at the same time; default: one for each CPU, at most 4")
    parser.add_argument("--long", action="store_true",
                        help="the cases that the default run leaves out")
    parser.add_argument("--list", action="store_true", help="print the cases and run nothing")
    options = parser.parse_args(argv)
    if unknown := [a for a in options.archs if a not in ARCHS]:
        parser.error(f"no such architecture: {' '.join(unknown)}; there are: {' '.join(ARCHS)}")

    load_cases(paths.ROOT / "qemu" / "cases")
    built = [arch for arch in ARCHS if (paths.BUILD / "payload" / arch / "init").exists()]
    jobs = [Job(case, arch) for arch in options.archs or built or ARCHS[:1] for case in CASES
            if arch in case.archs
            and (any(text in case.name for text in options.k) if options.k
                 else case.long == options.long)]
    if options.list:
        for job in jobs:
            print(f"{job.name:<34} {job.case.summary}")
        return 0

    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_case, job) for job in jobs]):
            for status, count in done.result().counts().items():
                counts[status] += count
            show(done.result())
    skipped = f", {counts['SKIP']} skipped" if counts["SKIP"] else ""
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed{skipped}")
    return 1 if counts["FAIL"] or not counts["PASS"] else 0
