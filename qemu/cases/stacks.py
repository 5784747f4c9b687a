"""A real panic of a machine whose /var/crash is on LVM or md, in use at the time. mkcapture runs in
that machine, without a target; the dump is read after the distribution's own lvm2 and mdadm have
brought the stack up again."""

from dataclasses import replace

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.nbd import NbdServer
from harness.outcome import Outcome
from harness.reader import read_stack
from harness.stack import FILL, MEMORY_MIB, Stack, array, blank_disk, lvm_on_mirror, volume

# As udev makes them: where a group's other PVs are, which a volume may be grown over.
PV_LINKS = (" && mkdir -p /dev/disk/by-id && lvm pvs -q --noheadings -o pv_name,pv_uuid | "
            "while read -r node uuid; do ln -s $node /dev/disk/by-id/lvm-pv-uuid-$uuid; done")


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


@case("lvm-grown", limit=900, long=True)
def lvm_grown(context: Context) -> None:
    """the same, which had one PV when the image was built and was grown over the second"""
    stack = volume("/dev/vda /dev/sda", "-L 1000M vg0 /dev/vda",
                   later="lvm lvextend -q -L 2000M vg0/var /dev/sda || give_up lvextend")
    stack.make += PV_LINKS
    outcome = on_stack(context, stack, ("virtio-blk", "ahci"))
    expect("by metadata 2" not in outcome.console, "the metadata is that of the build")


@case("lvm-striped", limit=900, long=True)
def lvm_striped(context: Context) -> None:
    """a striped volume"""
    stack = volume("/dev/vda /dev/vdb", "-i 2 -I 64k -L 2000M vg0")
    stack.largest = 950_000
    on_stack(context, stack, ("virtio-blk", "virtio-blk"))


@case("md-raid1-degraded", limit=900, long=True)
def md_raid1_degraded(context: Context) -> None:
    """a mirror (1.2) that lost a half after the image was built"""
    stack = array("1", "1.2", "/dev/vda /dev/vdb", up="/dev/vda", options="--assume-clean")
    stack.later = "mdadm /dev/md0 --fail /dev/vdb --remove /dev/vdb"
    on_stack(context, stack, ("virtio-blk", "virtio-blk"), ("raid1 with 1 of 2 members",))


# An array that was written to stays dirty, however slow the writer is on a busy host.
DIRTY = "echo 0 > /sys/block/md0/md/safe_mode_delay"


@case("md-raid5-dirty", limit=900, long=True)
def md_raid5_dirty(context: Context) -> None:
    """raid5 of three that was written to when the machine crashed"""
    stack = array("5", "1.2", "/dev/vda /dev/vdb /dev/vdc", options="--assume-clean")
    stack.later = DIRTY
    on_stack(context, stack, ("virtio-blk",) * 3, ("raid5 with 3 of 3 members, not in sync",))


@case("md-raid5-dirty-degraded", limit=900, long=True)
def md_raid5_dirty_degraded(context: Context) -> None:
    """the same with a member missing: started dirty, which is said"""
    stack = array("5", "1.2", "/dev/vda /dev/vdb missing")
    stack.activate = stack.activate.replace("--run", "--run --force")
    stack.later = DIRTY
    on_stack(context, stack, ("virtio-blk",) * 2,
             ("raid5 with 2 of 3 members", "start_dirty_degraded is set"))


@case("md-raid10", limit=900, long=True)
def md_raid10(context: Context) -> None:
    """raid10 of four, of which one is missing"""
    on_stack(context, array("10", "1.2", "/dev/vda /dev/vdb /dev/vdc missing"),
             ("virtio-blk",) * 3, ("raid10 with 3 of 4 members",))


@case("md-raid0", limit=900, long=True)
def md_raid0(context: Context) -> None:
    """raid0 over two controllers, metadata 1.0"""
    on_stack(context, array("0", "1.0", "/dev/vda /dev/sda"), ("virtio-blk", "ahci"))


@case("md-090", limit=900, long=True)
def md_090(context: Context) -> None:
    """a mirror with metadata 0.90"""
    on_stack(context, array("1", "0.90", "/dev/vda /dev/vdb", options="--assume-clean"),
             ("virtio-blk", "virtio-blk"))


@case("md-10", limit=900, long=True)
def md_10(context: Context) -> None:
    """a mirror with metadata 1.0, at its members' end"""
    on_stack(context, array("1", "1.0", "/dev/vda /dev/vdb", options="--assume-clean"),
             ("virtio-blk", "virtio-blk"))


@case("lvm-raid1-pv-gone", limit=900, long=True)
def lvm_raid1(context: Context) -> None:
    """a raid1 volume of which one PV is gone from the crash on"""
    disk = blank_disk(context, "gone")
    path, url = NbdServer(context).export(disk.image)
    disks = [("virtio-blk", blank_disk(context, "there")),
             ("virtio-blk", replace(disk, source=url))]
    machine = Machine(memory_mib=MEMORY_MIB, disks=disks)
    stack = volume("/dev/vda /dev/vdb", "--type raid1 -m 1 --nosync -L 1000M vg0")
    stack.modules = ["crc32c_generic", "raid1", "dm_raid"]
    stack.plan = ("LVM volume vg0/var (raid1 of 2 legs)",)
    stack.busy = False
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL,
                                   at_crash=lambda _: path.fail()))
    expect(path.failed_requests, "the PV that is gone was never asked for")
    expect("vg0/var has 1 of its 2 PVs" in outcome.console, "the missing PV is not said")
    stack.activate = stack.activate.replace("-ay", "-ay --activationmode degraded")
    only = Machine(memory_mib=MEMORY_MIB, disks=disks[:1])
    check_directory(context, read_stack(context, only, stack), outcome)


@case("lvm-thin", limit=900, long=True)
def lvm_thin(context: Context) -> None:
    """a thin volume"""
    stack = volume("/dev/vda /dev/vdb", "-T -L 1500M -V 2500M --thinpool pool vg0")
    stack.modules = ["crc32c_generic", "dm_thin_pool"]
    stack.plan = ("LVM volume vg0/var (thin in pool)",)
    on_stack(context, stack, ("virtio-blk", "virtio-blk"))
