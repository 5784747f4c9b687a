"""A real panic of a virtual machine that dumps into a folder of its host, by virtiofs."""

from harness.case import Context, case
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine
from harness.server import virtiofs_server

MEMORY_MIB = 512
TAG = "dumps"


@case("virtiofs", limit=600, long=True)
def virtiofs(context: Context) -> None:
    """virtiofs:TAG:/PATH, the share mounted by the machine when it crashes"""
    server = virtiofs_server(context)
    machine = Machine(memory_mib=MEMORY_MIB, extra=server.devices(TAG, MEMORY_MIB))
    outcome = saved(context, Round(
        machine, ImageOptions([f"virtiofs:{TAG}:/crash"], drivers="virtio_pci,virtiofs"),
        modules=["virtio_pci", "virtiofs"],
        prepare=f"mkdir -p /mnt && mount -t virtiofs {TAG} /mnt || give_up virtiofs"))
    check_directory(context, server.folder / "crash", outcome)
