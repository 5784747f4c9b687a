"""A real panic, saved whole on an SSH server over e1000e with a static address."""

from cases.nfs import SUITES
from harness.case import Context, case, expect
from harness.crash import Round, crash, saved
from harness.dump import check_directory
from harness.image import ImageOptions
from harness.machine import MAC, Machine
from harness.server import fsync_that, ssh_server

STATIC_IP = f"10.0.2.77::10.0.2.2:255.255.255.0::{MAC.replace(':', '-')}:off"


def on_ssh(context: Context, kind: str = "sftp", key_type: str = "ed25519",
           host_key_type: str = "ed25519", **image: object) -> None:
    server = ssh_server(context, kind, key_type, host_key_type)
    outcome = saved(context, Round(
        Machine(nic="e1000e"),
        ImageOptions(targets=[server.target()], options=["--ip", STATIC_IP, *server.options()],
                     drivers="e1000e", **image)))
    check_directory(context, server.folder, outcome)
    if kind == "sftp":  # in a chroot there is nothing else, and its log has other words
        log = (context.dir / "sshd.log").read_text(errors="replace")
        expect("Starting session: subsystem 'sftp'" in log,
               "the SFTP subsystem was not asked for")
        expect("Starting session: command" not in log,
               "a command was run on a server that has the SFTP subsystem")


@case("ssh-sftp-e1000e-static")
def sftp(context: Context) -> None:
    """by the SFTP subsystem, with an ed25519 key"""
    on_ssh(context, "sftp", "ed25519", "ed25519")


@case("ssh-exec")
def exec_only(context: Context) -> None:
    """a server without the SFTP subsystem, with ECDSA keys"""
    on_ssh(context, "exec", "ecdsa", "ecdsa")


@case("ssh-chrooted-sftp")
def chrooted(context: Context) -> None:
    """an account with internal-sftp in a chroot and nothing else, with RSA keys"""
    on_ssh(context, "chroot", "rsa", "rsa")


def by_default(kernel: str, suite: str) -> None:
    @case(f"ssh-{kernel}", long=True)
    def with_defaults(context: Context) -> None:
        """by SFTP a dump as images make it by themselves, on a kernel by name"""
        context.suite = suite
        on_ssh(context, dump="default")


for kernel_, suite_ in SUITES.items():
    by_default(kernel_, suite_)


@case("sftp-syncs-for-90-s", long=True, limit=700)
def slow_sync(context: Context) -> None:
    """an SFTP server whose disk takes 90 s for each sync, longer than the stall limit: whole"""
    server = ssh_server(context, preload=fsync_that(context, "sleep(90);"))
    outcome = saved(context, Round(
        Machine(nic="e1000e"),
        ImageOptions(targets=[server.target()], options=["--ip", STATIC_IP, *server.options()],
                     drivers="e1000e", dump="default"), limit=600))
    expect(outcome.verdicts.targets[0].seconds > 90, "the server did not take its time")
    check_directory(context, server.folder, outcome)


@case("shell-fsync-fails", long=True)
def fsync_fails(context: Context) -> None:
    """a server without SFTP whose fsync fails: the verdict is failed, and the dump is incomplete"""
    server = ssh_server(context, "exec", preload=fsync_that(context, "errno = EIO; return -1;"))
    outcome = crash(context, Round(
        Machine(nic="e1000e"),
        ImageOptions(targets=[server.target()], drivers="e1000e", dump="default",
                     options=["--ip", STATIC_IP, "--deadline", "90s", *server.options()])))
    verdict = outcome.must_have_failed(step="dump")
    names = {file.name for file in server.folder.rglob("vmcore*")}
    expect("vmcore" not in names and "vmcore.incomplete" in names,
           f"{verdict.reason}: the server has {sorted(names)}")
