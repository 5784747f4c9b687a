"""A real panic, saved whole on an NFS server over virtio-net with DHCP."""

import re

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import nfs_server


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
