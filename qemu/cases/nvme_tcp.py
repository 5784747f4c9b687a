"""A real panic of a machine whose /var/crash is at the other end of a network: an NVMe disk over TCP,
served by the kernel's own target (nvmet) in a machine beside it."""

from harness.case import Context, case, expect
from harness.crash import Round, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import Machine, Running
from harness.reader import read_stack, start_job
from harness.server import free_port
from harness.stack import FILL, MEMORY_MIB, Stack, blank_disk

NQN = "nqn.2026-11.test:dumps"
SERVER, CLIENT = "10.9.0.1", "10.9.0.2"

# The kernel's Documentation/nvme and drivers/nvme/target/configfs.c.
SERVE = f"""
ip addr add {SERVER}/24 dev eth0 && ip link set eth0 up || give_up "no network"
mount -t configfs none /sys/kernel/config || give_up "no configfs"
cd /sys/kernel/config/nvmet || give_up "no nvmet"
mkdir subsystems/{NQN} && echo 1 > subsystems/{NQN}/attr_allow_any_host
mkdir subsystems/{NQN}/namespaces/1
echo -n /dev/vda > subsystems/{NQN}/namespaces/1/device_path
echo 1 > subsystems/{NQN}/namespaces/1/enable || give_up "no namespace"
mkdir ports/1
echo ipv4 > ports/1/addr_adrfam
echo tcp > ports/1/addr_trtype
echo {SERVER} > ports/1/addr_traddr
echo 4420 > ports/1/addr_trsvcid
ln -s /sys/kernel/config/nvmet/subsystems/{NQN} ports/1/subsystems/{NQN} || give_up "no port"
echo "job: serving"
while sleep 1; do sync; done
"""

CONNECT = (f"ip addr add {CLIENT}/24 dev eth0 && ip link set eth0 up && "
           f"echo transport=tcp,traddr={SERVER},trsvcid=4420,nqn={NQN},"
           "hostnqn=nqn.2026-11.test:crashbox,hostid=6f9619ff-8b86-d011-b42d-00cf4fc964ff "
           "> /dev/nvme-fabrics && wait_for /dev/nvme0n1")


def lan(port: int, way: str, mac: str) -> list[str]:
    """Two machines on one wire."""
    return ["-netdev", f"socket,id=lan,{way}=127.0.0.1:{port}",
            "-device", f"virtio-net-pci,netdev=lan,mac={mac}"]


def serve(context: Context, machine: Machine) -> Running:
    running = start_job(context, "target", SERVE, machine,
                        ["virtio_pci", "virtio_net", "nvmet", "nvmet_tcp"])
    running.wait_for(r"^job: serving", 300)
    return running


@case("nvme-tcp", limit=900, long=True)
def nvme_tcp(context: Context) -> None:
    """/var/crash on an NVMe disk over TCP: the network first, the connection, then the disk"""
    port = free_port()
    disk = blank_disk(context, "lun")
    target = Machine(disks=[("virtio-blk", disk)], extra=lan(port, "listen", "52:54:00:00:00:01"))
    server = serve(context, target)
    machine = Machine(memory_mib=MEMORY_MIB, extra=lan(port, "connect", "52:54:00:00:00:02"))
    stack = Stack(make=CONNECT, activate="true", device="/dev/nvme0n1",
                  modules=["virtio_pci", "virtio_net", "nvme_tcp"],
                  plan=(f"NVMe/TCP {NQN} at {SERVER} port 4420",))
    outcome = saved(context, Round(machine, ImageOptions(targets=[]), stack=stack, fill=FILL))
    expect(f"connected to NVMe/TCP {NQN}" in outcome.console, "/init does not say what it reached")
    server.kill()
    plain = Stack(make="true", activate="true", device="/dev/vda")
    check_directory(context, read_stack(context, target, plain), outcome)
