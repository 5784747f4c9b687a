"""Verdicts on saved bytes: the dump's content, its folder, and the logs beside it."""

import re
from pathlib import Path

from . import tools
from .case import Context, expect
from .crash import FILL, NODE, Outcome
from .image import DUMPS
from .verdicts import FAILED, LINE

DIRECTORY = re.compile(NODE + r"-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d(-\d+)?")
# FAT forbids colons in names.
FAT_DIRECTORY = re.compile(NODE + r"-\d{4}-\d\d-\d\d-\d\d[-._]\d\d[-._]\d\d(-\d+)?")


def check_directory(context: Context, base: Path, outcome: Outcome, fat: bool = False) -> Path:
    """`base` must hold exactly one dump folder, whole. Returns the folder."""
    expect(base.is_dir(), f"no folder {base.name} on the target")
    names = sorted(p.name for p in base.iterdir())
    expect(len(names) == 1, f"one dump folder expected, there are: {' '.join(names) or 'none'}")
    folder = base / names[0]
    expect((FAT_DIRECTORY if fat else DIRECTORY).fullmatch(names[0]),
           f"the folder's name {names[0]} is not HOST-YYYY-MM-DD-HH:MM:SS")
    files = sorted(p.name for p in folder.iterdir())
    expect(files == ["kexec-dmesg.log", "vmcore", "vmcore-dmesg.txt"],
           f"the folder has: {' '.join(files)}")
    verdict = outcome.verdicts.targets[-1]
    expect(verdict.path.rstrip("/").endswith(f"/{names[0]}")
           or verdict.path.endswith(f"/{names[0]}/vmcore"),
           f"the verdict's path is {verdict.path}, the folder {names[0]}")
    check_crash_log((folder / "vmcore-dmesg.txt").read_text(errors="replace"), outcome)
    check_capture_log((folder / "kexec-dmesg.log").read_text(errors="replace"), outcome)
    check_content(context, folder / "vmcore", outcome)
    return folder


def check_crash_log(text: str, outcome: Outcome) -> None:
    """The crashed kernel's log: from its first line to its last."""
    lines = text.splitlines()
    expect(lines and re.match(r"\[\s+0\.000000\] Linux version ", lines[0]),
           "vmcore-dmesg.txt does not begin with the kernel's first line")
    expect(any(line.endswith(outcome.round.marker) for line in lines),
           "vmcore-dmesg.txt lacks the marker")
    for wanted in ("sysrq: Trigger a crash", "Kernel panic - not syncing"):
        expect(wanted in text, f'vmcore-dmesg.txt lacks "{wanted}"')
    bad = [line for line in lines if not re.match(r"\[\s*\d+\.\d{6}\]", line)]
    expect(not bad, f"vmcore-dmesg.txt has a line without a time: {bad[:1]}")


def check_capture_log(text: str, outcome: Outcome) -> None:
    """The capture kernel's log, with /init's lines and the verdicts of targets that failed."""
    expect("Linux version" in text, "kexec-dmesg.log has not the capture kernel's first line")
    lines = [line["text"] for line in LINE.finditer(text)]
    expect(lines, "kexec-dmesg.log has no line of /init")
    failed = [v for v in outcome.verdicts.targets if v.status == "failed"]
    logged = [f for line in lines if (f := FAILED.fullmatch(line.strip()))]
    for verdict in failed:
        expect(any(f["target"] == verdict.target and f["reason"] == verdict.reason
                   for f in logged), f"kexec-dmesg.log lacks the verdict on {verdict.target}")


def check_content(context: Context, dump: Path, outcome: Outcome) -> None:
    """Every tagged page that the dump's kind promises, with the right bytes, and no other."""
    round_ = outcome.round
    kind = DUMPS[round_.image.dump]
    argv: list[str | Path] = [tools.check_dump(context), dump, "--nonce", round_.nonce,
                              "--release", context.kernel.release]
    for page_class in kind.everything:
        argv += ["--all", f"{page_class}={FILL[page_class] * 256}"]
    for page_class in kind.nothing:
        argv += ["--none", page_class]
    if "U" in kind.everything:  # nothing but the capture kernel's reservation may be missing
        argv += ["--min-pages", str((round_.machine.memory_mib - 192) * 256)]
    context.run(argv)
