"""A real panic, saved whole on an NFS server over virtio-net with DHCP."""

import re

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.outcome import Outcome
from harness.server import NfsServer, nfs_server


def on_nfs(context: Context, version: str, nic: str = "virtio-net", **image: object) -> str:
    """Returns the capture kernel's console."""
    server = nfs_server(context)
    outcome = saved(context, Round(
        Machine(nic=nic),
        ImageOptions(targets=[server.target("/crash", f"vers={version}")],
                     options=["--ip", "dhcp"], **image)))
    check_directory(context, server.folder / "crash", outcome)
    return outcome.console


@case("nfs3-dhcp-virtio-net")
def nfs3(context: Context) -> None:
    """NFS 3, the address by DHCP"""
    on_nfs(context, "3")


@case("nfs42-dhcp-virtio-net")
def nfs42(context: Context) -> None:
    """NFS 4.2, the address by DHCP, with the drivers named"""
    on_nfs(context, "4.2", drivers="virtio_pci,virtio_net,nfsv4")


def never_reads(console: str) -> None:
    """/init counts what its client has asked the server for (mountstats)."""
    counted = [line for line in console.splitlines() if "NFS operations:" in line]
    expect(counted, "/init did not count the NFS operations")
    reads = re.findall(r"\bREAD(?:_PLUS)? (\d+)", counted[-1])
    expect(reads and set(reads) == {"0"}, f"the client has read from the server: {counted[-1]}")


# Debian 12's kernel, which has no READ_PLUS, Debian 13's and the newest for Debian 13.
SUITES = {"debian12": "", "debian13": "trixie", "newest": "trixie-backports"}


def by_default(version: str, kernel: str, suite: str, long: bool) -> None:
    @case(f"nfs{version.replace('.', '')}-{kernel}", long=long)
    def with_defaults(context: Context) -> None:
        """a dump as images make it by themselves, on a kernel by name: the client never reads"""
        context.suite = suite
        drivers = "virtio_pci,virtio_net," + ("nfsv3" if version == "3" else "nfsv4")
        never_reads(on_nfs(context, version, dump="default", drivers=drivers,
                           append="capture.debug"))


for kernel_, suite_ in SUITES.items():
    for version_ in ("3", "4.1", "4.2"):
        by_default(version_, kernel_, suite_, long=(kernel_, version_) != ("debian13", "4.2"))


def exported(context: Context, server: NfsServer, path: str, options: str, folder: str) -> Outcome:
    """A dump to `path` of a server of a kind of its own, which is `folder` of what it serves."""
    outcome = saved(context, Round(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[server.target_of(path, options)], options=["--ip", "dhcp"],
                     drivers="virtio_pci,virtio_net,nfsv3,nfsv4", dump="default",
                     append="capture.debug"), limit=600))
    check_directory(context, server.folder / folder, outcome)
    return outcome


@case("nfs-fsid-0", long=True)
def fsid_0(context: Context) -> None:
    """the export is the root of version 4 (fsid=0); PATH's last folder is made"""
    server = nfs_server(context, pseudo="/")
    (server.folder / "crash").mkdir()
    outcome = exported(context, server, "/crash/host", "vers=4", "crash/host")
    expect("mounted 10.0.2.2:/crash by NFS 4.2" in outcome.console, "mounted is something else")


@case("nfs-version-3-alone", long=True)
def v3_alone(context: Context) -> None:
    """an export by version 3 alone, of a server that shows its root by version 4"""
    outcome = exported(context, nfs_server(context, protocols="3"), "/dumps/crash", "", "crash")
    expect("by NFS 3" in outcome.console, "not by version 3")


@case("nfs-read-only-pseudo-root", long=True)
def pseudo_root(context: Context) -> None:
    """an export below folders that only version 4's pseudo file system has, which is read-only"""
    server = nfs_server(context, pseudo="/srv/nfs/dumps")
    outcome = exported(context, server, "/srv/nfs/dumps/a/b", "vers=4", "a/b")
    expect("mounted 10.0.2.2:/srv/nfs/dumps by NFS 4.2" in outcome.console,
           "mounted is something else")


@case("nfs-grace-period", long=True, limit=700)
def grace_period(context: Context) -> None:
    """a server in its grace period, longer than the stall limit: waited for"""
    outcome = exported(context, nfs_server(context, grace=180), "/dumps/crash", "vers=4.2", "crash")
    expect("its grace period is waited for" in outcome.console, "there was no grace period")
