"""Every path ends in a verdict and a reboot, also where there is nothing to save or nowhere."""

import hashlib
from pathlib import Path

from harness.case import Context, Failed, case, expect
from harness.disk import make_disk, read_files
from harness.dump import dump_folder
from harness.image import ImageOptions
from harness.machine import Machine
from harness.proxy import FlakyProxy
from harness.server import HOST, nfs_server, ssh_server
from harness.synthetic import Synthetic, capture
from harness.verdicts import LINE

DRIVERS = "virtio_pci,virtio_blk,ext4"


@case("no-vmcore")
def no_vmcore(context: Context) -> None:
    """booted by mistake, without a crash: says so, touches no disk, takes the failure action"""
    disk = make_disk(context, "ext4", size_mib=64)
    before = hashlib.sha256(disk.image.read_bytes()).hexdigest()
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:LABEL={disk.label}:/"], drivers=DRIVERS,
                     options=["--on-failure", "poweroff"]), vmcore=False))
    expect("/proc/vmcore" in " ".join(line["text"] for line in LINE.finditer(outcome.console)),
           "/init does not say that there is no /proc/vmcore")
    expect(outcome.verdicts.status == "failed", "status saved, without anything to save")
    expect(outcome.verdicts.action == "poweroff",
           f"action {outcome.verdicts.action}, poweroff is configured")
    expect(hashlib.sha256(disk.image.read_bytes()).hexdigest() == before, "the disk was written to")


@case("no-driver")
def no_driver(context: Context) -> None:
    """an image without the disk's driver: a failed verdict, and this harness sees it as a failure"""
    disk = make_disk(context, "ext4", size_mib=64)
    outcome = capture(context, Synthetic(
        Machine(disks=[("nvme", disk)]),
        ImageOptions(targets=[f"disk:UUID={disk.uuid}:/"], drivers=DRIVERS,
                     options=["--deadline", "40s"], append="capture.wait=5s")))
    expect("capture: not yet target=" in outcome.console, "the first try is not said to be one")
    expect("capture: round 2: 1 target is tried again" in outcome.console,
           "the target was not tried again")
    outcome.must_have_failed(step="device")
    try:
        outcome.must_be_saved()
    except Failed:
        return
    raise Failed("the harness takes a failed capture for a saved one")


@case("raw-over-partitions")
def raw_over_partitions(context: Context) -> None:
    """a raw target that turns out to be a whole disk with partitions: refused, nothing is written"""
    disk = make_disk(context, "ext4", size_mib=128)
    before = hashlib.sha256(disk.image.read_bytes()).hexdigest()
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"raw:PARTUUID={disk.partuuid}"], drivers="virtio_pci,virtio_blk",
                     append="capture.target=raw:/dev/vda")))
    reason = outcome.must_have_failed(step="device").reason
    expect("vda (gpt) is not overwritten" in reason, f"the reason is another: {reason}")
    expect(hashlib.sha256(disk.image.read_bytes()).hexdigest() == before, "the disk was written to")


@case("disk-too-small")
def disk_too_small(context: Context) -> None:
    """a dump that will not fit by its forecast: told, and no dump is begun"""
    disk = make_disk(context, "ext4", size_mib=48)
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:UUID={disk.uuid}:/crash"], drivers=DRIVERS)))
    verdict = outcome.must_have_failed(step="dump")
    expect("no room for a dump" in verdict.reason, f"another reason: {verdict.reason}")
    expect("may be written: it will not fit" in outcome.console, "the forecast is not told")
    left = [p.name for p in read_files(context, disk).rglob("vmcore*") if "dmesg" not in p.name]
    expect(not left, f"a dump was begun: {left}")


@case("disk-full")
def disk_full(context: Context) -> None:
    """a disk that fills within the forecast's margin: what fits is kept under its .incomplete name"""
    disk = make_disk(context, "ext4", size_mib=82)
    outcome = capture(context, Synthetic(
        Machine(disks=[("virtio-blk", disk)]),
        ImageOptions(targets=[f"disk:UUID={disk.uuid}:/crash"], drivers=DRIVERS)))
    verdict = outcome.must_have_failed(step="dump")
    expect("space" in verdict.reason.lower(), f"the reason is not the lack of space: "
                                              f"{verdict.reason}")
    folder = dump_folder(read_files(context, disk) / "crash")
    files = {p.name: p.stat().st_size for p in folder.iterdir()}
    expect("vmcore" not in files, "a partial dump has the whole one's name")
    expect(files.get("vmcore.incomplete", 0) > 8 << 20, f"the partial dump is not kept: {files}")


@case("nfs-server-dies")
def nfs_dies(context: Context) -> None:
    """the NFS server falls silent at 60 %: a verdict after the stall limit, and a reboot"""
    server = nfs_server(context)
    proxy = FlakyProxy(context, server.port, cut_after=38 << 20, silent=True)
    target = f"nfs://{HOST}:{proxy.port}/dumps/crash?vers=4.2"
    outcome = capture(context, Synthetic(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[target], drivers="virtio_pci,virtio_net,nfsv4",
                     options=["--ip", "dhcp", "--deadline", "30s"],
                     append="capture.stall=10s")))
    expect(proxy.has_cut, "the dump ended before the server did")
    expect(outcome.must_have_failed().step in ("dump", "sync"), "failed at another step than dump")
    took = outcome.verdicts.done_at - seconds_at(outcome.console, "dump starts")
    expect(10 <= took <= 45, f"{took:.1f} s from the dump's start to the end, the limit is 10 s")
    partial_stays(server.folder / "crash")


@case("ssh-server-dies")
def ssh_dies(context: Context) -> None:
    """the SSH connection is closed at 60 %: a verdict at once, and a reboot"""
    server = ssh_server(context)
    proxy = FlakyProxy(context, server.port, cut_after=38 << 20, silent=False)
    server.known_hosts.write_text(
        server.known_hosts.read_text().replace(f":{server.port} ", f":{proxy.port} "))
    outcome = capture(context, Synthetic(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[f"ssh://root@{HOST}:{proxy.port}{server.path}"],
                     drivers="virtio_pci,virtio_net",
                     options=["--ip", "dhcp", *server.options()])))
    expect(proxy.has_cut, "the dump ended before the connection did")
    expect(outcome.must_have_failed().step in ("dump", "sync"), "failed at another step than dump")
    partial_stays(server.folder)


@case("deadline")
def deadline(context: Context) -> None:
    """the whole capture's deadline ends a dump that hangs, whatever the other limits are"""
    server = nfs_server(context)
    proxy = FlakyProxy(context, server.port, cut_after=20 << 20, silent=True)
    outcome = capture(context, Synthetic(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[f"nfs://{HOST}:{proxy.port}/dumps/crash?vers=4.1"],
                     drivers="virtio_pci,virtio_net,nfsv4",
                     options=["--ip", "dhcp", "--deadline", "15s"], append="capture.stall=10min")))
    expect(proxy.has_cut, "the dump ended before the server did")
    outcome.must_have_failed()
    took = outcome.verdicts.done_at - seconds_at(outcome.console, "")
    expect(10 <= took <= 20, f"the capture took {took:.1f} s, its deadline is 15 s")
    partial_stays(server.folder / "crash")


def seconds_at(console: str, text: str) -> float:
    """When, on the capture kernel's clock, /init first said a line that begins with `text`."""
    for line in LINE.finditer(console):
        if line["time"] and line["text"].startswith(text):
            return float(line["time"])
    raise Failed(f'/init never said "{text}"')


def partial_stays(base: Path) -> None:
    names = {p.name for p in dump_folder(base).iterdir()}
    expect("vmcore" not in names, "a partial dump has the whole one's name")
    expect("vmcore.incomplete" in names, f"the partial dump is gone: {names}")
