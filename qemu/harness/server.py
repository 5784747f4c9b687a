"""Servers on the host's loopback, which a guest reaches as 10.0.2.2: NFS by nfs-ganesha, SSH by
OpenSSH. Started by a case on free ports with keys and folders of its own, ended with it."""

import os
import re
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .case import Context, Failed, Skipped
from .machine import IPV6_PREFIX

# The host's loopback as QEMU's user networking shows it to the guest.
HOST = "10.0.2.2"
HOST6 = f"{IPV6_PREFIX}2"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_open(port: int, address: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False


def start(context: Context, name: str, argv: list[str], port: int, limit: float = 60,
          address: str = "127.0.0.1") -> None:
    """Starts a server in the foreground and waits until it listens on `port`."""
    _run(context, name, argv, lambda: is_open(port, address), f"does not listen on port {port}",
         limit)


def _run(context: Context, name: str, argv: list[str], ready: Callable[[], bool], not_ready: str,
         limit: float = 60) -> None:
    log_path = context.dir / f"{name}.log"
    context.note(f"$ {' '.join(argv)}\n")
    with open(log_path, "wb") as log:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=subprocess.STDOUT)
        except FileNotFoundError as error:
            raise Failed(f"{argv[0]}: not found") from error

    def stop() -> None:
        process.kill()
        process.wait()

    context.at_end(stop)
    ends_at = time.monotonic() + limit
    while not ready():
        if process.poll() is not None:
            raise Failed(f"{name} ended with status {process.returncode}, see {log_path}")
        if time.monotonic() > ends_at:
            raise Failed(f"{name} {not_ready} after {limit:.0f} s")
        time.sleep(0.1)


@dataclass(frozen=True)
class NfsServer:
    folder: Path  # what is exported
    port: int
    host: str = HOST  # as the guest writes it in a target

    def target(self, path: str, options: str) -> str:
        return self.target_of(f"/dumps{path}", options)

    def target_of(self, path: str, options: str) -> str:
        """`path` from the server's root."""
        return f"nfs://{self.host}:{self.port}{path}?{options}"


# The port mapper knows one NFS server at a time.
_nfs_lock = threading.Lock()

GANESHA = """
NFS_CORE_PARAM {{
  NFS_Port = {port}; MNT_Port = {mount_port}; Bind_addr = {address}; Protocols = 3, 4;
  Enable_NLM = false; Enable_RQUOTA = false;
  mount_path_pseudo = true;  # one path for version 3 and 4
  {more}
}}
NFSV4 {{ {grace} RecoveryRoot = "{state}"; Minor_Versions = 0, 1, 2; }}
EXPORT {{
  Export_Id = 1; Path = "{folder}"; Pseudo = "{pseudo}"; Tag = "dumps"; Access_Type = RW;
  Squash = No_Root_Squash; SecType = sys; Transports = TCP; Protocols = {protocols};
  FSAL {{ Name = VFS; }}
}}
"""


def _newer_settings(context: Context) -> str:
    """From some release on ganesha will not begin without a right that containers do not have."""
    release = re.search(r"Release = V(\d+)", context.run(["ganesha.nfsd", "-v"]))
    return "Allow_Set_IO_Flusher_Fail = true;" if release and int(release[1]) >= 6 else ""


def on_a_mount(context: Context, folder: Path) -> None:
    """ganesha exports what the mount table leads to. In a chroot it may lead nowhere: then the
    folder becomes a mount of its own."""
    points = [Path(line.split()[4]) for line in
              Path("/proc/self/mountinfo").read_text().splitlines()]
    if not any(folder.is_relative_to(point) for point in points):
        context.run(["mount", "--bind", folder, folder])
        context.at_end(lambda: subprocess.run(["umount", "-l", folder], check=False))


def _folder(context: Context, size_mib: int) -> Path:
    """What a server shows; with a size it is a file system of its own."""
    folder = context.dir / "served"
    folder.mkdir()
    if size_mib:
        context.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}M", "none", folder])
        context.at_end(lambda: subprocess.run(["umount", "-l", folder], check=False))
    return folder


OLD_CLIENT = "Linux NFSv4.2 elsewhere"


def nfs_server(context: Context, pseudo: str = "/dumps", protocols: str = "3, 4", grace: int = 0,
               ipv6: bool = False, size_mib: int = 0) -> NfsServer:
    """NFS 3, 4.0, 4.1 and 4.2 on one port; version 3 finds its mount service by the port mapper,
    which is started where the host has none. `pseudo`: the export's path; `protocols`: the export's
    own, the server speaks all; `grace`: seconds of its grace period, which begins now; `size_mib`: of
    the file system that is exported, where it is one of its own."""
    if os.geteuid() != 0:
        raise Skipped("nfs-ganesha needs root")
    if not _nfs_lock.acquire(timeout=context.left()):
        raise Failed("another case's NFS server did not end")
    context.at_end(_nfs_lock.release)
    if not is_open(111):
        start(context, "rpcbind", ["rpcbind", "-f"], 111)
    folder = _folder(context, size_mib)
    state = context.dir / "ganesha"
    state.mkdir()
    if grace:  # over at once where no client is known that could reclaim something
        (state / "v4recov/node0" / f"::ffff:10.0.2.99-({len(OLD_CLIENT)}:{OLD_CLIENT})").mkdir(
            parents=True)
    on_a_mount(context, folder)
    server = NfsServer(folder, free_port(), f"[{HOST6}]" if ipv6 else HOST)
    address = "::1" if ipv6 else "127.0.0.1"
    config = context.dir / "ganesha.conf"
    config.write_text(GANESHA.format(
        port=server.port, mount_port=free_port(), state=state, folder=folder, pseudo=pseudo,
        protocols=protocols, address=address, more=_newer_settings(context),
        grace=f"Graceless = false; Grace_Period = {grace}; Lease_Lifetime = 60;" if grace
        else "Graceless = true;"))
    start(context, "ganesha", ["ganesha.nfsd", "-F", "-f", str(config),
                               "-L", str(context.dir / "ganesha.events.log"),
                               "-p", str(state / "pid")], server.port, address=address)
    return server


@dataclass(frozen=True)
class SshServer:
    folder: Path  # the folder that `path` of a target shows
    path: str  # the same folder as the client names it
    user: str
    port: int
    key: Path  # the client's private key, OpenSSH's format
    known_hosts: Path
    host: str  # as the guest writes it in a target

    def target(self, path: str = "") -> str:
        return f"ssh://{self.user}@{self.host}:{self.port}{self.path}{path}"

    def options(self) -> list[str]:
        return ["--ssh-key", str(self.key), "--ssh-known-hosts", str(self.known_hosts)]


SSHD = """
ListenAddress {address}
Port {port}
HostKey {host_key}
AuthorizedKeysFile {authorized}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
"""


def ssh_server(context: Context, kind: str = "sftp", key_type: str = "ed25519",
               host_key_type: str = "ed25519", ipv6: bool = False, own_address: str = "",
               preload: Path | None = None, size_mib: int = 0) -> SshServer:
    """`kind`: "sftp" has the SFTP subsystem, "exec" has not, "chroot" is an account with
    internal-sftp in a chroot and nothing else. `own_address`: listens there in place of the
    loopback. `preload`: a library for what runs in its sessions. `size_mib`: of the folder's file
    system, where it is one of its own."""
    address = own_address or ("::1" if ipv6 else "127.0.0.1")
    host = own_address or (HOST6 if ipv6 else HOST)
    if os.geteuid() != 0:
        raise Skipped("sshd needs root to log its user in")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
    folder = _folder(context, size_mib)
    for name, of_type in (("host_key", host_key_type), ("client_key", key_type)):
        context.run(["ssh-keygen", "-q", "-N", "", "-t", of_type, "-f", context.dir / name])
    port = free_port()
    config = SSHD.format(address=address, port=port, host_key=context.dir / "host_key",
                         authorized=context.dir / "client_key.pub")
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(context.dir / "sshd_config")]
    path = str(folder)
    if preload is not None:
        config += f"SetEnv LD_PRELOAD={preload}\n"
    if kind == "sftp":
        config += "Subsystem sftp /usr/lib/openssh/sftp-server\n"
    elif kind == "chroot":
        # A chroot and all above it must be root's alone. /mnt is, in a mount namespace where the
        # folder is mounted there.
        (folder / "upload").mkdir()
        path = "/upload"
        config += ("Subsystem sftp internal-sftp\nForceCommand internal-sftp\n"
                   "ChrootDirectory /mnt\n")
        # In a chroot whose root is not a mount, what unshare does by itself is an error.
        argv = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c",
                "mount --make-rprivate / 2>/dev/null; "
                f"mount --bind '{folder}' /mnt && mount --make-private /mnt && "
                f"exec {' '.join(argv)}"]
    (context.dir / "sshd_config").write_text(config)
    start(context, "sshd", argv, port, address=address)
    words = (context.dir / "host_key.pub").read_text().split()
    known_hosts = context.dir / "known_hosts"
    known_hosts.write_text(f"[{host}]:{port} {words[0]} {words[1]}\n")
    return SshServer(folder if kind != "chroot" else folder / "upload", path, "root", port,
                     context.dir / "client_key", known_hosts, f"[{host}]" if ipv6 else host)


@dataclass(frozen=True)
class VirtiofsServer:
    folder: Path  # what is shared
    socket: Path

    def devices(self, tag: str, memory_mib: int) -> list[str]:
        """QEMU's options; the machine's memory is where the server can reach it."""
        return ["-object", f"memory-backend-memfd,id=shared,size={memory_mib}M,share=on",
                "-machine", "memory-backend=shared",
                "-chardev", f"socket,id=virtiofs,path={self.socket}",
                "-device", f"vhost-user-fs-pci,chardev=virtiofs,tag={tag}"]


VIRTIOFSD = Path("/usr/lib/qemu/virtiofsd")  # of QEMU up to 7


def virtiofs_server(context: Context) -> VirtiofsServer:
    if os.geteuid() != 0:
        raise Skipped("virtiofsd needs root")
    if not VIRTIOFSD.exists():
        raise Skipped(f"{VIRTIOFSD}: not found")
    server = VirtiofsServer(context.dir / "served", context.dir / "virtiofs.socket")
    server.folder.mkdir()
    argv = [str(VIRTIOFSD), f"--socket-path={server.socket}",
            "-o", f"source={server.folder},sandbox=chroot,cache=none"]
    _run(context, "virtiofsd", argv, server.socket.exists, f"has no socket {server.socket.name}")
    return server


def address_of_host(context: Context, address: str) -> None:
    """An address of this host's own while the case runs: a server behind the guest's gateway."""
    if os.geteuid() != 0:
        raise Skipped("an address of the host's own needs root")
    context.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"])
    context.at_end(lambda: subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"],
                                          check=False))


FSYNC = """
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
int fsync(int fd) {
  struct stat s;
  if (fstat(fd, &s) == 0 && s.st_size > 1 << 20) { %s }
  return 0;
}
"""


def fsync_that(context: Context, does: str) -> Path:
    """A library whose fsync() does this, in C, to files of more than a megabyte."""
    source = context.dir / "fsync.c"
    source.write_text(FSYNC % does)
    library = context.dir / "fsync.so"
    context.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", library, source])
    return library
