"""A switch between the guest's cards and QEMU's user-mode network, which sees each frame: networks
that this host's kernel need not know (VLANs, a small MTU, leases that are enforced)."""

import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from .case import Context

# (EtherType, VLAN), the outer one first.
Tag = tuple[int, int]
DOT1Q, DOT1AD = 0x8100, 0x88A8

ETHERNET = 14
GATEWAY_MAC = bytes.fromhex("52550a000202")  # QEMU's
SERVER = bytes([10, 0, 2, 2])
CLIENT = bytes([10, 0, 2, 15])
MASK = bytes([255, 255, 255, 0])
COOKIE = bytes.fromhex("63825363")


@dataclass
class Card:
    mac: str
    tags: list[Tag] = field(default_factory=list)  # what its frames must carry
    model: str = "virtio-net-pci"


def _local(port: int) -> tuple[str, int]:
    return ("127.0.0.1", port)


class Switch:
    """Passes on frames that carry their card's tags and are not too long, without the tags; answers
    go to the card that was heard last. With `lease` it is the network's DHCP server, and drops what
    comes from a client whose lease (seconds) is over; `deaf`: it does not hear the first ones that
    ask. `rate`: bytes a second from the guest."""

    def __init__(self, context: Context, cards: list[Card], user: str = "", mtu: int = 1500,
                 lease: float = 0, rate: float = 0, deaf: int = 0):
        self._cards = cards
        self._mtu = mtu
        self._lease = lease
        self._rate = rate
        self._deaf = deaf
        self._leased_until = 0.0
        self._spent_until = 0.0
        self._heard = 0
        self.renewals = 0
        self.dropped = 0  # frames without their tags, too long, or of a client without a lease
        self._sockets = [self._open() for _ in range(len(cards) + 1)]  # the last: outwards
        self._peers = [self._free_port() for _ in self._sockets]
        self._ended = threading.Event()
        context.at_end(self.close)
        self.argv = ["-netdev", f"user,id=outside{user}",
                     "-netdev", "hubport,id=hub0,hubid=7,netdev=outside",
                     "-netdev", self._netdev("uplink", len(cards)),
                     "-netdev", "hubport,id=hub1,hubid=7,netdev=uplink"]
        for number, card in enumerate(cards):
            self.argv += ["-netdev", self._netdev(f"card{number}", number),
                          "-device", f"{card.model},netdev=card{number},mac={card.mac}"]
        threading.Thread(target=self._run, daemon=True).start()

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(_local(0))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return opened

    @staticmethod
    def _free_port() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(_local(0))
            return int(s.getsockname()[1])

    def _netdev(self, name: str, at: int) -> str:
        return (f"socket,id={name},udp=127.0.0.1:{self._sockets[at].getsockname()[1]},"
                f"localaddr=127.0.0.1:{self._peers[at]}")

    def close(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        outside = len(self._cards)
        while not self._ended.is_set():
            ready, _, _ = select.select(self._sockets, [], [], 0.2)
            for sock in ready:
                at = self._sockets.index(sock)
                frame = sock.recv(65536)
                try:
                    if at == outside:
                        self._inwards(frame)
                    else:
                        self._outwards(at, frame)
                except OSError:
                    pass  # QEMU is not there yet, or no more
        for sock in self._sockets:
            sock.close()

    def _send(self, at: int, frame: bytes) -> None:
        self._sockets[at].sendto(frame, _local(self._peers[at]))

    def _inwards(self, frame: bytes) -> None:
        tags = b"".join(struct.pack(">HH", kind, vlan) for kind, vlan in
                        self._cards[self._heard].tags)
        self._send(self._heard, frame[:12] + tags + frame[12:])

    def _outwards(self, at: int, frame: bytes) -> None:
        kept = frame[12:]
        for kind, vlan in self._cards[at].tags:
            if struct.unpack(">HH", kept[:4]) != (kind, vlan):
                self.dropped += 1
                return
            kept = kept[4:]
        if len(kept) - 2 > self._mtu:
            self.dropped += 1
            return
        self._heard = at
        frame = frame[:12] + kept
        if self._lease:
            if is_dhcp(frame):
                self._answer(at, frame)
                return
            if is_ip(frame) and time.monotonic() > self._leased_until:
                self.dropped += 1
                return
        if self._rate:
            now = time.monotonic()
            self._spent_until = max(now, self._spent_until) + len(frame) / self._rate
            time.sleep(max(0.0, self._spent_until - now - 0.1))
        self._send(len(self._cards), frame)

    def _answer(self, at: int, frame: bytes) -> None:
        """DISCOVER and REQUEST (RFC 2131), to a client that takes what it is offered."""
        request = frame[ETHERNET + 28:]
        kind = _option(request, 53)
        if kind not in (b"\x01", b"\x03"):
            return
        if kind == b"\x01" and self._deaf > 0:
            self._deaf -= 1
            return
        if kind == b"\x03":
            now = time.monotonic()
            self.renewals += now < self._leased_until
            self._leased_until = now + self._lease
        options = b"".join(bytes([code, len(value)]) + value for code, value in (
            (53, b"\x02" if kind == b"\x01" else b"\x05"), (54, SERVER),
            (51, struct.pack(">I", int(self._lease))), (1, MASK), (3, SERVER))) + b"\xff"
        reply = (b"\x02\x01\x06\0" + request[4:8] + bytes(8) + CLIENT + SERVER + bytes(4) +
                 request[28:44] + bytes(192) + COOKIE + options)
        self._send(at, _udp(frame[6:12], reply))


def is_ip(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00"


def is_dhcp(frame: bytes) -> bool:
    return is_ip(frame) and frame[23] == 17 and frame[36:38] == b"\0\x43"


def _option(message: bytes, wanted: int) -> bytes:
    at = 240
    while at + 1 < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        if message[at] == wanted:
            return message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return b""


def _udp(to: bytes, data: bytes) -> bytes:
    udp = struct.pack(">HHHH", 67, 68, 8 + len(data), 0) + data  # without a checksum
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + SERVER + CLIENT
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~(total + (total >> 16)) & 0xFFFF
    return to + GATEWAY_MAC + b"\x08\0" + header[:10] + struct.pack(">H", total) + header[12:] + udp
