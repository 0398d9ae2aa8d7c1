"""Small things that the rest of the lab stands on: folders, commands, processes, control groups, namespaces."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time

CACHE = os.environ.get("ETCDOPS_CACHE", "/var/cache/etcdops")
LABS = os.environ.get("ETCDOPS_LABS", "/run/etcdops-labs")

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What went wrong, in words for the person at the keyboard."""


def run(argv, input=None):
    """Runs a command to its end and returns its output; a failure becomes a LabError with what it said."""
    done = subprocess.run(argv, input=input, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=None if input is not None else subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise LabError(f"`{' '.join(argv)}` failed with {done.returncode}: {said}")
    return done.stdout


def need_root():
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and boots hosts: run it as root, or through sudo")


def need_tools(*names):
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise LabError(f"missing on this machine: {', '.join(missing)}; `tests/setup test` installs what the lab needs")


def write(path, text, mode=0o644, owner=None):
    """Writes a file, and the folders above it, with exactly this mode."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        os.fchmod(handle, mode)
        if owner:
            os.fchown(handle, *owner)


def read(path, otherwise=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def caller_ids():
    """User and group of the person who works with the lab: who called sudo, else ourselves."""
    return int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))


# Processes. A pid alone may be somebody else's by now; with its start time it is not.

def started_at(pid):
    """The process's start, in clock ticks since boot; None when there is no such process (or only its corpse)."""
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[19]) if fields and fields[0] not in "ZX" else None


def identify(pid):
    return {"pid": pid, "started": started_at(pid)}


def alive(identity):
    return bool(identity) and identity["started"] is not None and started_at(identity["pid"]) == identity["started"]


def kill(identity, number=signal.SIGKILL):
    if alive(identity):
        try:
            os.kill(identity["pid"], number)
        except ProcessLookupError:
            pass


def wait_until(condition, seconds, what):
    """Polls until the condition is true; a LabError names what did not come true in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def die_with_parent():
    """For a child between fork and exec: it ends when the process that started it ends, however that happens."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# Namespaces.

@contextlib.contextmanager
def network_of(pid):
    """For the length of a block this process is in another one's network namespace."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        enter_network(other)
        yield
    finally:
        enter_network(own)
        os.close(own)
        os.close(other)


def enter_network(handle):
    if _libc.setns(handle, CLONE_NEWNET) != 0:
        raise LabError(f"cannot enter a network namespace: {os.strerror(ctypes.get_errno())}")


def processes_in_network(inode):
    """The processes whose network namespace has this inode, ourselves left out."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                if os.stat(f"/proc/{entry}/ns/net").st_ino == inode:
                    found.append(int(entry))
            except OSError:
                pass
    return found


# Control groups. Each host needs its own in every hierarchy: two systemds in one group take each other's units apart,
# and a restarted unit then fails with status=219/CGROUP.

def cgroup_roots():
    """Where each control group hierarchy of this machine is mounted (one for v2, several for v1 and hybrid)."""
    roots = []
    for line in read("/proc/self/mounts").splitlines():
        _, where, kind = line.split()[:3]
        if kind in ("cgroup", "cgroup2"):
            roots.append(where)
    return roots


def make_cgroups(name):
    """Makes a control group in every hierarchy and returns the files that take a process in."""
    entries = []
    for root in cgroup_roots():
        group = os.path.join(root, name)
        os.makedirs(group, exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # v1: empty in a new group, which then takes no process
            if os.path.exists(os.path.join(group, setting)) and not read(os.path.join(group, setting)).strip():
                inherited = read(os.path.join(root, setting)).strip()
                if inherited:
                    write_existing(os.path.join(group, setting), inherited)
        entries.append(os.path.join(group, "cgroup.procs"))
    return entries


def write_existing(path, text):
    with open(path, "w") as file:
        file.write(text)


def end_cgroups(name):
    """Ends what still runs in the host's groups and removes them. True when all are gone: else ask again."""
    gone = True
    for root in cgroup_roots():
        group = os.path.join(root, name)
        for folder, _, _ in os.walk(group, topdown=False):
            for pid in read(os.path.join(folder, "cgroup.procs")).split():
                kill(identify(int(pid)))
            try:
                os.rmdir(folder)
            except OSError:
                gone = False
    return gone
