"""A real panic, saved whole on an NFS server over virtio-net with DHCP."""

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


@case("nfs42-debian13")
def nfs42_debian13(context: Context) -> None:
    """NFS 4.2 with Debian 13's kernel, which has READ_PLUS: the client never reads"""
    context.suite = "trixie"
    console = on_nfs(context, "4.2", dump="default", append="capture.debug")
    counted = [line for line in console.splitlines() if "NFS operations:" in line]
    expect(counted and "NFS operations: READ 0, READ_PLUS 0, " in counted[-1],
           f"the client has read from the server: {counted}")
