"""Two targets, the first one dead: the second has the dump, the log names the reason, and the wait
is the configured one."""

from pathlib import Path

from harness.case import Context, case, expect
from harness.disk import START_MIB, Disk, make_disk, read_files
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import ssh_server
from harness.synthetic import Synthetic, capture
from harness.verdicts import LINE, Verdict

WAIT = 8  # seconds
DRIVERS = "virtio_pci,virtio_blk,ext4"


def second_has_it(context: Context, dead: str, drivers: str, options: list[str], step: str,
                  nic: str = "") -> Verdict:
    """Returns the verdict on the dead target."""
    disk: Disk = make_disk(context, "ext4", size_mib=256)
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)], nic=nic),
        ImageOptions(targets=[dead, f"disk:LABEL={disk.label}:/"], drivers=drivers,
                     options=options, append=f"capture.wait={WAIT}s")))
    outcome.must_be_saved(number_of_verdicts=2)
    first = outcome.verdicts.targets[0]
    expect(first.status == "failed", "the dead target has a dump")
    expect(first.step == step, f"failed at step {first.step}, not {step}: {first.reason}")
    folder: Path = read_files(context, disk)
    check_directory(context, folder, outcome)
    return first


def check_wait(context: Context, first: Verdict) -> None:
    """From /init's first line to the end of the first try it took the configured wait, and a little."""
    console = (context.dir / "console.log").read_text(errors="replace").replace("\r", "")
    began = next(float(line["time"]) for line in LINE.finditer(console) if line["time"])
    ended = next((float(line["time"]) for line in LINE.finditer(console)
                  if line["text"].startswith(f"not yet target={first.target} ")), first.at)
    took = ended - began
    expect(WAIT - 0.5 <= took <= WAIT + 6, f"the wait was {took:.1f} s, {WAIT} s are configured")


@case("fallback-no-such-device")
def no_device(context: Context) -> None:
    """the first target's device does not exist"""
    first = second_has_it(context, "disk:UUID=00000000-dead-dead-dead-000000000000:/crash",
                          DRIVERS, [], "device")
    check_wait(context, first)
    expect("00000000-dead" in first.reason, f"the reason does not name the device: {first.reason}")


@case("fallback-nfs-absent")
def nfs_absent(context: Context) -> None:
    """the first target's NFS server does not answer"""
    first = second_has_it(context, "nfs://10.0.2.99/export/crash?vers=4.2",
                          DRIVERS + ",virtio_net,nfsv4", ["--ip", "dhcp"], "connect",
                          nic="virtio-net")
    check_wait(context, first)


@case("fallback-wrong-host-key")
def wrong_host_key(context: Context) -> None:
    """the first target's SSH server shows another host key"""
    server = ssh_server(context)
    other = context.dir / "other_key"
    context.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", other])
    words = other.with_suffix(".pub").read_text().split()
    server.known_hosts.write_text(f"[10.0.2.2]:{server.port} {words[0]} {words[1]}\n")
    first = second_has_it(context, server.target(), DRIVERS + ",virtio_net",
                          ["--ip", "dhcp", *server.options()], "connect", nic="virtio-net")
    expect("host key" in first.reason.lower() or "hostkey" in first.reason.lower(),
           f"the reason does not name the host key: {first.reason}")
    expect(not any(server.folder.iterdir()), "something was stored on a server that is not ours")


@case("fallback-key-refused")
def key_refused(context: Context) -> None:
    """the first target's SSH server does not let our key in: said at once"""
    server = ssh_server(context)
    first = second_has_it(context, server.target().replace("root@", "nosuchuser@"),
                          DRIVERS + ",virtio_net", ["--ip", "dhcp", *server.options()], "connect",
                          nic="virtio-net")
    expect("permission denied" in first.reason, f"the reason is another: {first.reason}")


@case("fallback-ext4-panics", long=True)
def ext4_panics(context: Context) -> None:
    """the first target's ext4 is broken, and set to panic when that is found"""
    broken = make_disk(context, "ext4", size_mib=64, name="broken", directory="/crash")
    content = f"{broken.image}?offset={START_MIB << 20}"
    context.run(["tune2fs", "-e", "panic", content])
    context.run(["debugfs", "-w", "-R", "set_inode_field /crash block[0] 0", content])
    disk = make_disk(context, "ext4", size_mib=256)
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", broken), ("virtio-blk", disk)]),
        ImageOptions([f"disk:UUID={broken.uuid}:/crash", f"disk:UUID={disk.uuid}:/crash"], DRIVERS)))
    outcome.must_be_saved(number_of_verdicts=2)
    first = outcome.verdicts.targets[0]
    expect(first.step == "directory" and "the file system is damaged" in first.reason,
           f"failed at step {first.step}: {first.reason}")
    expect("invalid magic" in outcome.console, "the kernel did not see the error")
    check_directory(context, read_files(context, disk) / "crash", outcome)
