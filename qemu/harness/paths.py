"""Where things are. Every path can be moved by the environment, so that a case can be run on the
image of another build: MKCAPTURE (the host tool), MKCAPTURE_PAYLOAD (its --payload),
MKCAPTURE_KERNELS (a folder with a kernel tree per architecture), MKCAPTURE_CACHE."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
WORK = Path(os.environ.get("MKCAPTURE_QEMU_WORK", BUILD / "qemu"))
MKCAPTURE = Path(os.environ.get("MKCAPTURE", BUILD / "mkcapture"))
KERNELS = Path(os.environ.get("MKCAPTURE_KERNELS", BUILD / "kernels"))
CACHE = Path(os.environ.get("MKCAPTURE_CACHE", Path.home() / ".cache" / "mkcapture"))
GUEST = ROOT / "qemu" / "guest"
TOOLS = WORK / "tools"
GUESTS = BUILD / "guests"  # programs of other architectures' packages, by qemu/guest_programs


def payload(arch: str) -> Path:
    """The static programs of the image."""
    return Path(os.environ.get("MKCAPTURE_PAYLOAD") or BUILD / "payload" / arch)
