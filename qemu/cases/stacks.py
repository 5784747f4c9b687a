"""A real panic of a machine whose /var/crash is on LVM or md, in use at the time. mkcapture runs in
that machine, without a target; the dump is read after the distribution's own lvm2 and mdadm have
brought the stack up again."""

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.outcome import Outcome
from harness.reader import read_stack
from harness.stack import FILL, MEMORY_MIB, Stack, blank_disk, lvm_on_mirror, volume


def on_stack(context: Context, stack: Stack, controllers: tuple[str, ...],
             said: tuple[str, ...] = ()) -> Outcome:
    """`said` is what /init has to say."""
    disks = [(controller, blank_disk(context, f"member{number}"))
             for number, controller in enumerate(controllers)]
    machine = Machine(memory_mib=MEMORY_MIB, disks=disks)
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL))
    for words in said:
        expect(words in outcome.console, f'/init does not say "{words}"')
    check_directory(context, read_stack(context, machine, stack), outcome)
    return outcome


@case("lvm-on-raid1", limit=900)
def lvm_on_raid1(context: Context) -> None:
    """LVM on an md mirror (1.2)"""
    stack = lvm_on_mirror()
    stack.largest = 1_200_000
    on_stack(context, stack, ("virtio-blk", "virtio-blk"))


@case("lvm-two-controllers", limit=900, long=True)
def lvm_two_controllers(context: Context) -> None:
    """a linear volume over two PVs on virtio-blk and AHCI"""
    on_stack(context, volume("/dev/vda /dev/sda", "-L 2000M vg0"), ("virtio-blk", "ahci"))
