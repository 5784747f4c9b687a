"""What came out of a capture, whichever way it was brought about."""

from dataclasses import dataclass

from .case import expect
from .content import Content
from .verdicts import Verdict, Verdicts


@dataclass(frozen=True)
class Outcome:
    content: Content
    kind: str  # of the dump, a key of DUMPS
    console: str  # of the capture kernel
    verdicts: Verdicts
    node: str  # the crashed machine's name; "" where it cannot be known
    marker: str  # a line of the crashed kernel's log; "" where there is none

    def must_be_saved(self, number_of_verdicts: int = 1) -> Verdict:
        """The verdict of the target that has the dump: the last one."""
        given = self.verdicts.targets
        expect(given, "no verdict on any target")
        last = given[-1]
        expect(last.status == "saved", f"step {last.step}: {last.reason}")
        expect(len(given) == number_of_verdicts,
               f"{number_of_verdicts} verdicts expected, there are {len(given)}")
        expect(self.verdicts.status == "saved", "a dump was saved, but the last line says failed")
        expect(self.verdicts.action == "reboot", f"action {self.verdicts.action}, not reboot")
        return last

    def must_have_failed(self, step: str = "", action: str = "reboot") -> Verdict:
        """The verdict of the only target, which has no dump."""
        verdict = self.verdicts.only()
        expect(verdict.status == "failed", "a dump was saved that cannot be whole")
        expect(not step or verdict.step == step,
               f"failed at step {verdict.step}, not {step}: {verdict.reason}")
        expect(self.verdicts.status == "failed", "no dump, but the last line says saved")
        expect(self.verdicts.action == action, f"action {self.verdicts.action}, not {action}")
        return verdict
