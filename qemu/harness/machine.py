"""A QEMU machine: what it is made of, and one that runs."""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .boards import BOARDS
from .case import Context, Failed
from .disk import Disk


# QEMU's options that put drive `{id}` behind a controller.
CONTROLLERS = {
    "virtio-blk": ("-device", "virtio-blk-{bus},drive={id}"),
    "virtio-scsi": ("-device", "virtio-scsi-pci,id=hba-{id}",
                    "-device", "scsi-hd,bus=hba-{id}.0,drive={id}"),
    "ahci": ("-device", "ich9-ahci,id=hba-{id}", "-device", "ide-hd,bus=hba-{id}.0,drive={id}"),
    "ide": ("-device", "ide-hd,bus=ide.0,drive={id}"),  # the board's own
    "nvme": ("-device", "nvme,serial={id},drive={id}"),
}

MAC = "52:54:00:aa:bb:cc"
# A unique local prefix, as sites have it; QEMU's own is one of the abolished site-local ones.
IPV6_PREFIX = "fd00:c0de::"


@dataclass
class Machine:
    board: str = "x86_64"
    memory_mib: int = 512
    cpus: int = 1
    disks: list[tuple[str, Disk]] = field(default_factory=list)  # (controller, disk)
    drive_options: str = ""  # of each disk: ",throttling.bps-write=3000000"
    nic: str = ""  # a QEMU device, "e1000"; its network reaches the host as 10.0.2.2
    extra: list[str] = field(default_factory=list)
    reboots: bool = False  # comes up again after a reboot; otherwise QEMU ends there

    def argv(self, kernel: Path | None, initrd: Path | None, append: str, serial: Path) -> list[str]:
        """Without a kernel the machine boots from its first disk."""
        board = BOARDS[self.board]
        argv = [board.program, *board.options, "-m", f"{self.memory_mib}M", "-smp", str(self.cpus),
                "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none",
                "-chardev", f"stdio,id=serial,signal=off,logfile={serial}",
                "-serial", "chardev:serial"]
        if kernel is not None:
            argv += ["-kernel", str(kernel),
                     "-append", f"console={board.console} {board.append} {append}"]
        if initrd is not None:
            argv += ["-initrd", str(initrd)]
        if not self.reboots:
            argv.append("-no-reboot")
        for number, (controller, disk) in enumerate(self.disks):
            name = f"disk{number}"
            source = disk.source or disk.image
            argv += ["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={source}"
                     f"{self.drive_options}"]
            argv += [word.format(id=name, bus=board.bus) for word in CONTROLLERS[controller]]
            argv[-1] += disk.device_options
        if self.nic:
            argv += ["-netdev", f"user,id=net0,ipv6-prefix={IPV6_PREFIX}",
                     "-device", f"{self._nic_device()},netdev=net0,mac={MAC}"]
        return argv + self.extra

    def _nic_device(self) -> str:
        return f"virtio-net-{BOARDS[self.board].bus}" if self.nic == "virtio-net" else self.nic


class Running:
    """A machine that is switched on. Ended by the case's end at the latest."""

    def __init__(self, context: Context, machine: Machine, kernel: Path | None, initrd: Path | None,
                 append: str, name: str = "console"):
        self._context = context
        self.serial = context.dir / f"{name}.log"
        self.serial.write_bytes(b"")
        argv = machine.argv(kernel, initrd, append, self.serial)
        if shutil.which(argv[0]) is None:
            raise Failed(f"{argv[0]}: not found")
        context.note("$ " + " ".join(argv) + "\n")
        self._log = open(context.dir / f"{name}.qemu.log", "wb")
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                         stderr=self._log)
        assert self._process.stdin is not None
        self._keyboard = self._process.stdin
        context.at_end(self.kill)

    def console(self) -> str:
        return self.serial.read_text(encoding="utf-8", errors="replace").replace("\r", "")

    def type(self, text: str) -> None:
        """What somebody at the serial console types."""
        self._keyboard.write(text.encode())
        self._keyboard.flush()

    def wait_for(self, pattern: str, limit: float, after: int = 0) -> re.Match[str]:
        """Waits until the console has a line that matches, behind its first `after` characters."""
        expression = re.compile(pattern, re.MULTILINE)
        ends_at = time.monotonic() + min(limit, self._context.left())
        while True:
            running = self._process.poll() is None  # asked before the console is read
            if found := expression.search(self.console(), after):
                return found
            if not running:
                raise Failed(f"the machine ended before its console said /{pattern}/")
            if time.monotonic() > ends_at:
                raise Failed(f"the console did not say /{pattern}/ within {limit:.0f} s")
            time.sleep(0.1)

    def wait_end(self, limit: float) -> str:
        """Waits until the machine reboots or powers off; returns all that its console said."""
        try:
            status = self._process.wait(min(limit, self._context.left()))
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the machine did not end within {limit:.0f} s: "
                         f"{self._last_line()}") from error
        if status != 0:
            raise Failed(f"QEMU: exit status {status}, see {self._log.name}")
        return self.console()

    def _last_line(self) -> str:
        lines = self.console().strip().splitlines()
        return f'last line "{lines[-1].strip()[:160]}"' if lines else "nothing on the console"

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._keyboard.close()
        self._log.close()
