"""What /init said: the lines of SPEC's contract in a console or in kexec-dmesg.log."""

import re
from dataclasses import dataclass

from .case import Failed, expect

LINE = re.compile(r"^(?:<\d+>)?(?:\[\s*(?P<time>\d+\.\d+)\] )?capture: (?P<text>.*)$", re.MULTILINE)
SAVED = re.compile(r'saved target=(?P<target>"[^"]+"|\S+) bytes=(?P<bytes>\d+) '
                   r"seconds=(?P<seconds>\d+\.\d{3}) path=(?P<path>.+?)(?: note=\"(?P<note>[^\"]+)\")?")
FAILED = re.compile(r'failed target=(?P<target>"[^"]+"|\S+) step=(?P<step>[a-z]+) reason="(?P<reason>[^"]+)"')
DONE = re.compile(r"done status=(?P<status>saved|failed) action=(?P<action>[a-z]+)")


@dataclass(frozen=True)
class Verdict:
    status: str  # "saved" or "failed"
    target: str
    at: float  # seconds on the capture kernel's clock; -1 where the line has none
    bytes: int = 0
    seconds: float = 0
    path: str = ""
    note: str = ""
    step: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Verdicts:
    targets: list[Verdict]
    status: str
    action: str
    done_at: float

    def only(self) -> Verdict:
        expect(len(self.targets) == 1, f"one verdict expected, there are {len(self.targets)}")
        return self.targets[0]


def read_verdicts(text: str, finished: bool = True) -> Verdicts:
    """All verdicts, in order. A line that begins like one and has another form is a failure of its
    own; with `finished` there must be exactly one `done` line, and it must be the last verdict."""
    targets: list[Verdict] = []
    done: list[tuple[re.Match[str], float]] = []
    for line in LINE.finditer(text):
        words = line["text"].strip()
        at = float(line["time"] or -1)
        kind = words.split(" ")[0]
        if kind not in ("saved", "failed", "done"):
            continue
        expect(not done or kind == "done", f'a verdict after "done": {words}')
        form = {"saved": SAVED, "failed": FAILED, "done": DONE}[kind]
        found = form.fullmatch(words)
        if not found:
            raise Failed(f"this line is not of SPEC's form: capture: {words}")
        if kind == "done":
            done.append((found, at))
        elif kind == "saved":
            targets.append(Verdict(kind, found["target"], at, bytes=int(found["bytes"]),
                                   seconds=float(found["seconds"]), path=found["path"],
                                   note=found["note"] or ""))
        else:
            targets.append(Verdict(kind, found["target"], at, step=found["step"],
                                   reason=found["reason"]))
    if not finished:
        return Verdicts(targets, "", "", -1)
    expect(len(done) == 1, f'exactly one "capture: done" expected, there are {len(done)}')
    return Verdicts(targets, done[0][0]["status"], done[0][0]["action"], done[0][1])
