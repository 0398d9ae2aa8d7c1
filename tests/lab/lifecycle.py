"""Making a lab and ending one."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import base
import doors
import inventory
import ready
import rootfs
import spec
import supervisor
from system import (LABS, LabError, alive, identify, kill, need_tools, network_of, read, wait_until,
                    write)

TOOLS = ("systemd-nspawn", "ip", "nft", "nsenter", "unshare", "openssl", "ssh-keygen", "mount", "fallocate")


def up(arguments):
    """Makes the lab and returns when it can be worked with; takes away what it made if it does not come to that."""
    need_tools(*TOOLS)
    lab = spec.from_options(arguments)
    sweep()
    if os.path.exists(lab.folder):
        raise LabError(f"there is a lab {lab.name} already; `lab down --name {lab.name}` takes it down")
    begun = time.monotonic()
    base.ensure()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the `finally` below is run
    ours, theirs = socket.socketpair()
    process = None
    try:
        os.makedirs(lab.path("disks"), mode=0o755)
        inventory.make(lab)
        lab.save()
        process = start_supervisor(lab, theirs, arguments.owner_pid)
        supervisor = identify(process.pid)
        write(lab.path("supervisor"), json.dumps(supervisor))
        doors.make_for_bastion(lab, supervisor)
        doors.make_for_etcdctl(lab)
        theirs.close()
        hear_from(ours)
        wait_until_usable(lab, process.pid, arguments.settled)
        ours.sendall(b"k")
    except BaseException as problem:
        explain(lab, problem)
        ours.close()  # tells the supervisor to take everything down, as our death would
        if process:
            process.wait(30)
        shutil.rmtree(lab.folder, ignore_errors=True)
        raise
    print(f"lab {lab.name} is up after {time.monotonic() - begun:.1f} s: {lab.folder}")


def explain(lab, problem):
    """The supervisor's and the hosts' own words, before they are gone."""
    for name in sorted(os.listdir(lab.folder)) if os.path.isdir(lab.folder) else []:
        if name == "log" or name.startswith("console-"):
            said = read(lab.path(name)).strip()
            if said and not isinstance(problem, KeyboardInterrupt):
                print(f"--- {name}\n{said}", file=sys.stderr)
    for host in lab.members:
        if ready.init_of(lab, host) and isinstance(problem, LabError):
            done = subprocess.run([doors.door(lab, host.name), "journalctl", "--boot", "--no-pager", "--lines=12",
                                   f"--unit={lab.unit}"], capture_output=True, text=True)
            print(f"--- {host.name}\n{done.stdout.strip()}", file=sys.stderr)


def start_supervisor(lab, theirs, owner_pid):
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lab")
    with open(lab.path("log"), "w") as log:
        return subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "slave", sys.executable, program, "supervise", lab.name,
             str(theirs.fileno()), str(owner_pid)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[theirs.fileno()], start_new_session=True,
            cwd="/")


def supervise(arguments):
    supervisor.main(spec.load(arguments.lab_name), arguments.owner_pid, arguments.maker)


def hear_from(ours):
    line = ours.makefile().readline()
    message = json.loads(line) if line else {"error": "the lab's supervisor ended"}
    if "error" in message:
        raise LabError(message["error"])


def wait_until_usable(lab, supervisor_pid, until_settled):
    with network_of(supervisor_pid):
        ready.wait_all(lab, lab.hosts, ready.ssh_ready, 30, "sshd")
        if not lab.start:
            return
        ready.wait_all(lab, lab.members, ready.etcd_ready, 60, "a healthy etcd")
        if lab.auth:
            enable_auth(lab)
        if until_settled:
            ready.wait_all(lab, lab.members, ready.settled, 30, "a cluster version")


def enable_auth(lab):
    """User root with all rights. We are in the bastion's network already; the password goes through stdin."""
    member = lab.members[0]
    environment = {**os.environ, "ETCDCTL_API": "3"} if spec.numbers(member.etcd) < (3, 4, 0) else dict(os.environ)
    flags = [f"--endpoints={lab.scheme}://{member.ip}:2379"]
    if lab.tls:
        flags += [f"--cacert={lab.path('pki', 'ca.crt')}", f"--cert={lab.path('pki', 'client.crt')}",
                  f"--key={lab.path('pki', 'client.key')}"]
    program = os.path.join(rootfs.etcd_folder(), member.etcd, "etcdctl")
    for words in (["user", "add", "root", "--interactive=false"], ["user", "grant-role", "root", "root"], ["auth", "enable"]):
        done = subprocess.run([program] + flags + words, input=spec.ROOT_PASSWORD + "\n", text=True,
                              capture_output=True, env=environment)
        if done.returncode != 0:
            raise LabError(f"etcdctl {' '.join(words)}: {done.stderr.strip()}")


def identity_of(lab):
    return json.loads(read(lab.path("supervisor"), "null"))


def supervisor_of(lab):
    identity = identity_of(lab)
    if not alive(identity):
        raise LabError(f"lab {lab.name} is dead; `lab down --name {lab.name}` clears its traces away")
    return identity


def request(lab, message):
    """Has the supervisor do something, and waits for its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(lab.path("control"))
        connection.sendall((json.dumps(message) + "\n").encode())
        line = connection.makefile().readline()
    reply = json.loads(line) if line else {"ok": False, "error": "the supervisor ended without an answer"}
    if not reply["ok"]:
        raise LabError(reply["error"])


def down(arguments):
    if not os.path.exists(os.path.join(LABS, arguments.name)):
        return
    try:
        lab = spec.load(arguments.name)
    except LabError:
        shutil.rmtree(os.path.join(LABS, arguments.name), ignore_errors=True)
        return
    identity = identity_of(lab)
    if alive(identity):
        try:
            request(lab, {"do": "down"})
        except (LabError, OSError):
            kill(identity, signal.SIGTERM)
        try:
            wait_until(lambda: not alive(identity), 20, "the end of the lab")
        except LabError:
            kill(identity)
            wait_until(lambda: not alive(identity), 10, "the end of the lab's supervisor")
    supervisor.clear(lab)


def sweep():
    """Clears away the traces of labs whose supervisor was killed."""
    os.makedirs(LABS, exist_ok=True)
    for name in os.listdir(LABS):
        try:
            lab = spec.load(name)
            identity = identity_of(lab)
            age = time.time() - os.stat(lab.folder).st_mtime
            if not alive(identity) and (identity or age > 60):
                supervisor.clear(lab)
        except (LabError, OSError, ValueError, KeyError, TypeError):
            pass  # being made right now, or of another version of this program: not ours to judge
