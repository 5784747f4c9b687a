"""What a dump must have in it, and the look at whether it has."""

from dataclasses import dataclass
from pathlib import Path

from . import tools
from .case import Context
from .image import DUMPS


@dataclass(frozen=True)
class Content:
    nonce: str
    pages: dict[str, int]  # class of tagged pages -> how many the machine had
    readable: int  # page frames that a dump without a filter must have at least
    release: str  # the crashed kernel's


def check_content(context: Context, dump: Path, content: Content, kind: str) -> None:
    """Every tagged page that the kind of dump (a key of DUMPS) promises must be there, with the
    right bytes, and none that it leaves out."""
    promises = DUMPS[kind]
    dump = _rearranged(context, dump)
    argv: list[str | Path] = [tools.check_dump(context), dump, "--nonce", content.nonce,
                              "--release", content.release]
    for page_class, pages in content.pages.items():
        if page_class in promises.everything:
            argv += ["--all", f"{page_class}={pages}"]
        if page_class in promises.nothing:
            argv += ["--none", page_class]
    if "U" in promises.everything:  # no filter: nothing but the reservation may be missing
        argv += ["--min-pages", str(content.readable)]
    context.run(argv)


def _rearranged(context: Context, dump: Path) -> Path:
    """A dump that was sent as a stream is brought into its order as users do, by makedumpfile."""
    with open(dump, "rb", buffering=0) as file:  # makedumpfile goes on where the descriptor is
        if file.read(13) != b"makedumpfile\0":
            return dump
        file.seek(0)
        ordered = context.dir / "rearranged"
        ordered.unlink(missing_ok=True)
        context.run(["makedumpfile", "-R", ordered], stdin=file)
    return ordered
