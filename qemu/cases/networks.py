"""Networks as they are: real panics on machines whose way to the server is not a plain one. Where
mkcapture runs in the machine itself (harness/live.py), it is told nothing: it takes the way that the
kernel has."""

import time

from harness.case import Context, case, expect
from harness.crash import Round, crash, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import IPV6_PREFIX, MAC, Machine, Running
from harness.monitor import Monitor
from harness.outcome import Outcome
from harness.server import address_of_host, nfs_server, ssh_server
from harness.switch import DOT1AD, DOT1Q, Card, Switch

MACS = ("52:54:00:aa:bb:01", "52:54:00:aa:bb:02")
STATIC = ("ip addr add 10.0.2.77/24 dev {0}; ip link set {0} up; "
          "ip route add default via 10.0.2.2")

# Router advertisements are not heard, so that there is nothing else.
STATIC6 = ("echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_ra; "
           f"ip addr add {IPV6_PREFIX}77/64 dev eth0; ip link set eth0 up; sleep 3; "
           f"ip -6 route add default via {IPV6_PREFIX}2")


def in_machine(commands: str) -> str:
    """The machine's own network, with this host's ip(8)."""
    return f"chroot /live sh -ec '{commands}' || give_up network\n"


def live_round(targets: list[str], network: str, qemu: list[str], modules: list[str] | None = None,
               options: list[str] | None = None, append: str = "capture.debug") -> Round:
    return Round(Machine(memory_mib=768, extra=qemu),
                 ImageOptions(targets=targets, live=True, dump="default", append=append,
                              options=options or []),
                 prepare=in_machine(network), modules=modules or [], limit=600)


def plain_card(mac: str, more: str = "") -> list[str]:
    return ["-netdev", f"user,id=net0{more}",
            "-device", f"virtio-net-pci,netdev=net0,mac={mac}"]


def to_nfs(context: Context, network: str, qemu: list[str], modules: list[str] | None = None,
           ipv6: bool = False) -> Outcome:
    server = nfs_server(context, ipv6=ipv6)
    outcome = saved(context, live_round([server.target("/crash", "vers=4.2")], network, qemu,
                                        modules))
    check_directory(context, server.folder / "crash", outcome)
    return outcome


@case("two-gateways", limit=700, long=True)
def two_gateways(context: Context) -> None:
    """two targets behind two gateways by two cards, the first server dead: each its own way"""
    address = "192.0.2.9"
    address_of_host(context, address)
    server = ssh_server(context, own_address=address)
    cards = []
    for number, options in ((1, "restrict=on"), (2, "")):
        cards += ["-netdev", f"user,id=net{number},net=10.{number}.0.0/24,{options}".rstrip(","),
                  "-device", f"virtio-net-pci,netdev=net{number},mac={MACS[number - 1]}"]
    outcome = crash(context, live_round(
        ["nfs://198.51.100.7/dumps?vers=4.2", server.target()],
        "ip addr add 10.1.0.5/24 dev eth0; ip link set eth0 up; ip addr add 10.2.0.5/24 dev eth1; "
        "ip link set eth1 up; ip route add default via 10.1.0.2; "
        f"ip route add {address} via 10.2.0.2",
        cards, options=server.options(), append="capture.debug capture.wait=15s"))
    outcome.must_be_saved(number_of_verdicts=2)
    expect(outcome.verdicts.targets[0].step == "connect", "the dead server was not asked")
    expect(f"route to {address}/32 by 10.2.0.2 on eth1" in outcome.console, "not by its own gateway")
    check_directory(context, server.folder, outcome)


@case("mac-set-by-hand", limit=700, long=True)
def set_mac(context: Context) -> None:
    """the card's MAC was set by hand: the capture finds it by the one that it was made with"""
    outcome = to_nfs(context, "ip link set eth0 address 02:12:34:56:78:9a; " +
                     STATIC.format("eth0"), plain_card(MAC))
    # By the MAC that was set there would be no card.
    expect("network: 10.0.2.77/24 on eth0" in outcome.console, "the address is not the machine's")


@case("static-ipv6-nfs", limit=700, long=True)
def static6_nfs(context: Context) -> None:
    """nothing but a static IPv6 address, to NFS"""
    to_nfs(context, STATIC6,
           plain_card(MAC, f",ipv4=off,ipv6=on,ipv6-prefix={IPV6_PREFIX}"), ipv6=True)


@case("static-ipv6-ssh", limit=700, long=True)
def static6_ssh(context: Context) -> None:
    """nothing but a static IPv6 address, to SSH"""
    server = ssh_server(context, ipv6=True)
    outcome = saved(context, live_round(
        [server.target()], STATIC6,
        plain_card(MAC, f",ipv4=off,ipv6=on,ipv6-prefix={IPV6_PREFIX}"), options=server.options()))
    check_directory(context, server.folder, outcome)


@case("mtu-1400", limit=700, long=True)
def mtu(context: Context) -> None:
    """a network that drops what is longer than 1400 bytes"""
    switch = Switch(context, [Card(MAC)], mtu=1400)
    to_nfs(context, "ip link set eth0 mtu 1400; " + STATIC.format("eth0"), switch.argv)
    expect(switch.dropped == 0, f"{switch.dropped} frames were too long")


@case("qinq", limit=700, long=True)
def qinq(context: Context) -> None:
    """a VLAN in a provider's VLAN"""
    switch = Switch(context, [Card(MAC, [(DOT1AD, 100), (DOT1Q, 7)])])
    to_nfs(context, "ip link set eth0 up; ip link add link eth0 name out.100 type vlan "
           "protocol 802.1ad id 100; ip link set out.100 up; "
           "ip link add link out.100 name in.7 type vlan id 7; " + STATIC.format("in.7"),
           switch.argv, ["8021q"])


@case("bond-of-vlans", limit=700, long=True)
def bond_of_vlans(context: Context) -> None:
    """a bond of VLANs on two cards"""
    switch = Switch(context, [Card(MACS[0], [(DOT1Q, 5)]), Card(MACS[1], [(DOT1Q, 6)])])
    to_nfs(context, "ip link set eth0 up; ip link set eth1 up; "
           "ip link add link eth0 name a.5 type vlan id 5; "
           "ip link add link eth1 name b.6 type vlan id 6; "
           "ip link add bond1 type bond mode active-backup miimon 100; "
           "ip link set a.5 master bond1; ip link set b.6 master bond1; " + STATIC.format("bond1"),
           switch.argv, ["8021q", "bonding"])


@case("dhcp-first-leads-nowhere", limit=500, long=True)
def first_leads_nowhere(context: Context) -> None:
    """two cards that answer to DHCP, of which the first leads nowhere: the next lease"""
    server = nfs_server(context)
    switch = Switch(context, [Card(MACS[1])], lease=3600, deaf=2)
    cards = ["-netdev", "user,id=nowhere,net=10.9.0.0/24,restrict=on",
             "-device", f"virtio-net-pci,netdev=nowhere,mac={MACS[0]}", *switch.argv]
    outcome = saved(context, Round(
        Machine(extra=cards),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")], dump="default",
                     drivers="virtio_pci,virtio_net,nfsv4")))
    expect("is not reached by eth0" in outcome.console, "the first lease was not the wrong one")
    check_directory(context, server.folder / "crash", outcome)


def capture_begins(running: Running) -> None:
    running.wait_for(r"capture: target ", 400)


@case("usb-card-10-s-late", limit=600, long=True)
def usb_card(context: Context) -> None:
    """a USB card that appears ten seconds after the capture has begun"""
    server = nfs_server(context)
    monitor = Monitor(context)

    def plug_in(running: Running) -> None:
        capture_begins(running)
        time.sleep(10)
        monitor.command("device_add", driver="usb-net", netdev="late", id="card")

    outcome = saved(context, Round(
        Machine(memory_mib=768, extra=[*monitor.argv, "-device", "qemu-xhci",
                                       "-netdev", "user,id=late"]),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")], dump="default",
                     options=["--ip", "dhcp"], drivers="xhci_pci,cdc_ether,nfsv4"),
        at_crash=plug_in))
    check_directory(context, server.folder / "crash", outcome)


@case("lease-60-s-dump-150-s", limit=900, long=True)
def short_lease(context: Context) -> None:
    """a lease of 60 s and a dump of 150 s, on a network that drops clients whose lease is over"""
    switch = Switch(context, [Card(MAC)], lease=60, rate=150_000)
    server = nfs_server(context)
    outcome = saved(context, Round(
        Machine(extra=switch.argv),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")], dump="default",
                     options=["--ip", "dhcp"], drivers="virtio_pci,virtio_net,nfsv4"),
        limit=800))
    took = outcome.verdicts.targets[0].seconds
    expect(took > 140, f"the dump took {took:.0f} s only")
    expect(switch.renewals >= 2, f"{switch.renewals} renewals in {took:.0f} s")
    check_directory(context, server.folder / "crash", outcome)


@case("link-up-after-45-s", limit=700, long=True)
def late_link(context: Context) -> None:
    """the link comes up 45 s after the capture has begun, with the default wait"""
    server = nfs_server(context)
    monitor = Monitor(context)

    def cable(running: Running) -> None:
        running.wait_for("production: crash now", 300)
        monitor.command("set_link", name="net0", up=False)
        capture_begins(running)
        time.sleep(45)
        monitor.command("set_link", name="net0", up=True)

    outcome = saved(context, Round(
        Machine(extra=[*monitor.argv, *plain_card(MAC)]),
        ImageOptions(targets=[server.target("/crash", "vers=4.2")], dump="default",
                     options=["--ip", "dhcp"], drivers="virtio_pci,virtio_net,nfsv4"),
        at_crash=cable, limit=500))
    check_directory(context, server.folder / "crash", outcome)
