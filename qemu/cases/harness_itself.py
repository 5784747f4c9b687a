"""The harness can fail: each of its checkers is shown what it exists to find."""

import secrets

from harness import tools
from harness.case import Context, Failed, case, expect
from harness.content import Content, check_content
from harness.synthetic import MEMORY_AT, core_header
from harness.verdicts import read_verdicts

MIB = 8


@case("checker-finds-wrong-bytes")
def wrong_bytes(context: Context) -> None:
    """a flipped bit, a lost page, a doubled, another run's, pages too many: each fails the checker"""
    content = Content(secrets.token_hex(8), {"K": MIB * 256}, MIB * 256, "6.1.0-test")
    memory = context.dir / "memory.bin"
    with open(memory, "wb") as out:
        tools.run_to(context, [tools.memfill_here(context), "--image", content.nonce, str(MIB)],
                     out)
    header = bytearray(core_header(content.release, MIB << 20))
    at = len(header) + -len(header) % 4096
    # In a file the offsets are the file's own.
    header[64 + 8:64 + 16] = (4096).to_bytes(8, "little")
    header[120 + 8:120 + 16] = at.to_bytes(8, "little")
    whole = bytes(header).ljust(at, b"\0") + memory.read_bytes()
    dump = context.dir / "dump.elf"

    def judged_wrong(data: bytes) -> bool:
        dump.write_bytes(data)
        try:
            check_content(context, dump, content, "elf1")
        except Failed:
            return True
        return False

    def page(number: int) -> slice:
        return slice(at + number * 4096, at + (number + 1) * 4096)

    expect(MEMORY_AT % 4096 == 0, "the memory is not aligned")
    expect(not judged_wrong(whole), "the checker refuses a right dump")
    flipped, lost, doubled, old = (bytearray(whole) for _ in range(4))
    flipped[at + 1000 * 4096 + 3000] ^= 4
    lost[page(77)] = bytes(4096)
    doubled[page(5)] = whole[page(6)]
    old[at + 9 * 4096 + 8] ^= 1
    for name, damaged in (("a flipped bit", flipped), ("a lost page", lost),
                          ("a doubled page", doubled), ("a page of another run", old)):
        expect(judged_wrong(bytes(damaged)), f"the checker does not see {name}")

    def left_out(pages: int) -> bool:
        header[120 + 32:120 + 48] = (pages * 4096).to_bytes(8, "little") * 2  # p_filesz, p_memsz
        dump.write_bytes(bytes(header).ljust(at, b"\0") + memory.read_bytes()[:pages * 4096])
        try:
            context.run([tools.check_dump(context), dump, "--nonce", content.nonce, "--none", "K"])
        except Failed:
            return False
        return True

    expect(left_out(15), "the checker refuses a gap that an ELF core writes")
    expect(not left_out(16), "the checker does not see pages that should have been left out")


@case("verdicts-are-read-strictly")
def strict_verdicts(context: Context) -> None:
    """a verdict line of another form, or a missing or doubled last line, fails a round"""
    good = ("[    2.000000] capture: saved target=raw:/dev/vda bytes=1 seconds=0.100 path=/dev/vda\n"
            "[    2.100000] capture: done status=saved action=reboot\n")
    expect(read_verdicts(good).only().bytes == 1, "a right verdict is not read")
    for bad in (good.replace("seconds=0.100", "seconds=0.1"), good.replace("bytes=1 ", ""),
                good.split("\n", 1)[0], good + good.split("\n")[1],
                good.replace("status=saved", "status=great")):
        try:
            read_verdicts(bad)
        except Failed:
            continue
        raise Failed(f"taken for right: {bad!r}")
    context.note("five wrong forms refused\n")
