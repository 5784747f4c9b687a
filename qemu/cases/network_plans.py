"""What mkcapture plans on machines of many networks, without --ip: their own ways."""

import re

from harness import live, paths
from harness.case import Context, case, expect
from harness.machine import Machine

SETUPS = paths.GUEST / "network_setups"
# What their interfaces are made of.
MODULES = ["8021q", "bonding", "bridge", "veth", "macvlan", "team", "wireguard"]


def plans(context: Context, names: list[str], limit: float) -> None:
    cards = []
    for number in range(4):
        cards += ["-netdev", f"hubport,id=port{number},hubid={number}",
                  "-device", f"virtio-net-pci,netdev=port{number},mac=52:54:00:bb:00:0{number}"]
    said = live.run(
        context, Machine(memory_mib=768, cpus=2, extra=cards), MODULES,
        ["python3", live.in_guest(SETUPS), ",".join(names), *live.mkcapture_argv(), "--root", "/",
         "--kernel", context.kernel.release, "--drivers", "host", "--payload",
         live.in_guest(paths.payload(context.arch)), "-o", "/tmp/capture.img"], limit)
    (context.dir / "setups.txt").write_text(said)
    found = re.findall(r"^setup ([a-z0-9-]+): (.*)$", said, re.MULTILINE)
    for name, answer in found:
        context.part(name, "" if answer == "ok" else answer)
    expect({name for name, _ in found} == set(names),
           f"{len(found)} of {len(names)} set-ups came to an end: {said[-300:]}")


def all_names() -> list[str]:
    return re.findall(r'^    Setup\("([a-z0-9-]+)"', SETUPS.read_text(), re.MULTILINE)


@case("network-plans", limit=600, long=True)
def some(context: Context) -> None:
    """the plan is the kernel's own way, set-up by set-up: a few"""
    plans(context, ["two-gateways", "set-mac", "vlan-on-bond", "macvlan"], 550)


@case("network-plans-of-ways", limit=1400, long=True)
def ways(context: Context) -> None:
    """the plan is the kernel's own way, set-up by set-up: addresses and routes on plain cards"""
    names = all_names()
    plans(context, names[:names.index("vlan")], 1350)


@case("network-plans-of-stacks", limit=1400, long=True)
def stacks(context: Context) -> None:
    """the plan is the kernel's own way, set-up by set-up: stacks of interfaces, IPv6, and none"""
    names = all_names()
    plans(context, names[names.index("vlan"):], 1350)
