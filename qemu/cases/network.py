"""Ways to an address, without a crash: IPv6 by router advertisement, a bond."""

from harness.case import Context, case
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import ssh_server
from harness.synthetic import Synthetic, capture

MACS = ("52:54:00:aa:bb:01", "52:54:00:aa:bb:02")


@case("ipv6-router-advertisement")
def ipv6(context: Context) -> None:
    """an SSH server by its IPv6 address, ours by router advertisement"""
    server = ssh_server(context, ipv6=True)
    outcome = capture(context, Synthetic(
        Machine(nic="virtio-net"),
        ImageOptions(targets=[server.target()], drivers="virtio_pci,virtio_net",
                     options=["--ip", "auto6", *server.options()])))
    outcome.must_be_saved()
    check_directory(context, server.folder, outcome)


@case("bond-active-backup")
def bond(context: Context) -> None:
    """DHCP over a bond of two cards, named by their MACs"""
    server = ssh_server(context)
    cards = []
    for number, mac in enumerate(MACS):
        cards += ["-netdev", f"hubport,id=port{number},hubid=0",
                  "-device", f"virtio-net-pci,netdev=port{number},mac={mac}"]
    slaves = ",".join(mac.replace(":", "-") for mac in MACS)
    outcome = capture(context, Synthetic(
        Machine(extra=["-netdev", "user,id=user0",
                       "-netdev", "hubport,id=port9,hubid=0,netdev=user0", *cards]),
        ImageOptions(targets=[server.target()], drivers="virtio_pci,virtio_net",
                     options=["--bond", f"bond0:{slaves}:mode=active-backup,miimon=100",
                              "--ip", "bond0:dhcp", *server.options()]),
        memory_mib=4))  # QEMU's hub loses packets, so it is slow
    outcome.must_be_saved()
    check_directory(context, server.folder, outcome)
