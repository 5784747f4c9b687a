"""A capture without a crash: one boot of the capture kernel, with memory and an ELF header that
were made on the host and put into the machine by QEMU's loader device. A third of a crash round's
time, for what is about targets and errors and not about kexec. The header is what a crashed kernel
leaves behind (Documentation/admin-guide/kdump/vmcoreinfo.rst, elf(5)); `elfcorehdr=` names it."""

import secrets
import struct
from dataclasses import dataclass, field

from . import tools
from .case import Context
from .content import Content
from .image import ImageOptions, build_image, capture_cmdline
from .machine import Machine, Running
from .outcome import Outcome
from .verdicts import read_verdicts

HEADER_AT = 0x10000000  # physical addresses; far from where kernel and initrd go in 512 MiB
MEMORY_AT = 0x10100000
CRASH_TIME = 1700000000  # 2023-11-14 22:13:20 UTC


@dataclass
class Synthetic:
    machine: Machine
    image: ImageOptions
    memory_mib: int = 64  # of tagged pages
    crash_time: int = CRASH_TIME
    vmcore: bool = True  # False: the image is booted as if by mistake
    limit: float = 240
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))


def capture(context: Context, synthetic: Synthetic) -> Outcome:
    """Boots the image and waits for the machine's end; Failed where /init gives no verdict."""
    running = start_capture(context, synthetic)
    console = running.wait_end(synthetic.limit)
    return outcome_of(context, synthetic, console)


def start_capture(context: Context, synthetic: Synthetic) -> Running:
    image = build_image(context, synthetic.image, synthetic.machine.board)
    append = capture_cmdline(context, synthetic.image, synthetic.machine.board)
    if synthetic.vmcore:
        memory = context.dir / "memory.bin"
        with open(memory, "wb") as out:
            tools.run_to(context, [tools.memfill_here(context), "--image", synthetic.nonce,
                                   str(synthetic.memory_mib)], out)
        header = context.dir / "header.bin"
        header.write_bytes(core_header(context.kernel.release, synthetic.memory_mib << 20,
                                       synthetic.crash_time))
        for file, address in ((header, HEADER_AT), (memory, MEMORY_AT)):
            synthetic.machine.extra += [
                "-device", f"loader,file={file},addr={address:#x},force-raw=on"]
        reserved = synthetic.memory_mib + 1
        append += f" memmap={reserved}M${HEADER_AT:#x} elfcorehdr={HEADER_AT:#x}"
    return Running(context, synthetic.machine, context.kernel.image, image, append)


def outcome_of(context: Context, synthetic: Synthetic, console: str) -> Outcome:
    pages = synthetic.memory_mib * 256
    content = Content(synthetic.nonce, {"K": pages}, pages, context.kernel.release)
    return Outcome(content, synthetic.image.dump, console, read_verdicts(console), "", "")


def core_header(release: str, memory_bytes: int, crash_time: int = CRASH_TIME) -> bytes:
    """An ELF header with a note (VMCOREINFO) and one range of memory, as the crashed kernel's
    loader lays it out: offsets are physical addresses."""
    info = (f"OSRELEASE={release}\nPAGESIZE=4096\nCRASHTIME={crash_time}\n").encode()
    name = b"VMCOREINFO\0\0"
    note = struct.pack("<III", 11, len(info), 0) + name + info + b"\0" * (-len(info) % 4)
    note_at = HEADER_AT + 4096
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    notes = struct.pack("<IIQQQQQQ", 4, 0, note_at, 0, note_at, len(note), len(note), 0)
    memory = struct.pack("<IIQQQQQQ", 1, 7, MEMORY_AT, 0xFFFF888000000000 + MEMORY_AT, MEMORY_AT,
                         memory_bytes, memory_bytes, 0)
    return (header + notes + memory).ljust(4096, b"\0") + note
