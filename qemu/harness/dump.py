"""Verdicts on a dump's folder: its name, its files, the logs, the dump's content."""

import re
from pathlib import Path

from .case import Context, expect
from .content import check_content
from .outcome import Outcome
from .verdicts import LINE

WHEN = r"-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d(-\d+)?"
FAT_WHEN = r"-\d{4}-\d\d-\d\d-\d\d[-._]\d\d[-._]\d\d(-\d+)?"  # FAT has no colons in names
# Of the kernel's first lines, where its clock runs by then.
FIRST_TIME = {"s390x": r"0\.0\d{5}"}


def check_directory(context: Context, base: Path, outcome: Outcome, fat: bool = False) -> Path:
    """`base` must hold exactly one dump folder, whole. Returns the folder."""
    folder = dump_folder(base, outcome.node, fat)
    wanted = {"kexec-dmesg.log", "vmcore"}
    if outcome.marker:
        wanted.add("vmcore-dmesg.txt")
        check_crash_log(folder / "vmcore-dmesg.txt", outcome.marker, context.arch)
    files = {p.name for p in folder.iterdir()}
    expect(wanted <= files and files - wanted <= {"vmcore-dmesg.txt"},
           f"the folder has: {' '.join(sorted(files))}")
    path = outcome.verdicts.targets[-1].path.rstrip("/").removesuffix("/vmcore")
    expect(path.endswith("/" + folder.name), f"the verdict's path is {path}, not {folder.name}")
    check_capture_log(folder / "kexec-dmesg.log", outcome)
    check_content(context, folder / "vmcore", outcome.content, outcome.kind)
    return folder


def dump_folder(base: Path, node: str = "", fat: bool = False) -> Path:
    """The only dump folder under `base`, by the form of its name."""
    expect(base.is_dir(), f"no folder {base.name} on the target")
    names = sorted(p.name for p in base.iterdir() if p.name != "lost+found")
    expect(len(names) == 1, f"one dump folder expected, there are: {' '.join(names) or 'none'}")
    expect(re.fullmatch((re.escape(node) or "[A-Za-z0-9._:-]+") + (FAT_WHEN if fat else WHEN),
                        names[0]),
           f"the folder's name {names[0]} is not HOST-YYYY-MM-DD-HH:MM:SS")
    return base / names[0]


def check_crash_log(file: Path, marker: str, arch: str) -> None:
    """The crashed kernel's log: from its first line to its last."""
    expect(file.exists(), f"no {file.name}")
    text = file.read_text(errors="replace")
    lines = text.splitlines()
    # Some architectures say something before they say what they run.
    start = FIRST_TIME.get(arch, r"0\.000000")
    begins = [re.match(rf"\[\s+{start}\] (Linux version )?", line) for line in lines[:20]]
    expect(begins and begins[0] and any(found and found[1] for found in begins),
           "vmcore-dmesg.txt does not begin with the kernel's first lines")
    expect(any(line.endswith(marker) for line in lines),
           "vmcore-dmesg.txt lacks the marker")
    for wanted in ("sysrq: Trigger a crash", "Kernel panic - not syncing"):
        expect(wanted in text, f'vmcore-dmesg.txt lacks "{wanted}"')
    bad = [line for line in lines if not re.match(r"\[\s*\d+\.\d{6}\]", line)]
    expect(not bad, f"vmcore-dmesg.txt has a line without a time: {bad[:1]}")


def check_capture_log(file: Path, outcome: Outcome) -> None:
    """The capture kernel's log, with /init's lines and every verdict on a target."""
    expect(file.exists(), f"no {file.name}")
    text = file.read_text(errors="replace")
    expect("Linux version" in text, "kexec-dmesg.log has not the capture kernel's first line")
    logged = {line["text"].strip() for line in LINE.finditer(text)}
    said = [line["text"].strip() for line in LINE.finditer(outcome.console)]
    verdicts = [line for line in said if line.startswith(("failed ", "saved "))]
    expect(verdicts, "the console has no verdict")
    for verdict in verdicts:
        expect(verdict in logged, f"kexec-dmesg.log lacks this line: {verdict}")
