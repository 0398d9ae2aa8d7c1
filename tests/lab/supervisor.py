"""One process per lab that owns everything the lab is made of.

It lives in the bastion's network namespace and in a mount namespace of its own; the hosts are its children. So a lab
leaves nothing behind, however it ends: with `down`, with its owner, or because the supervisor itself was killed.
It listens on a socket for the few things that only the parent can do (start a host, power it off, end the lab).
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
import traceback

import doors
import network
import rootfs
from system import (LabError, alive, die_with_parent, end_cgroups, identify, kill, make_cgroups, processes_in_network,
                    read, run, wait_until, write)

REBOOT = 133  # systemd-nspawn's word for it, when it runs without a unit of its own


class Supervisor:
    def __init__(self, lab, owner_pid, maker):
        self.lab = lab
        self.owner_pid = owner_pid
        self.maker = maker      # end of a pipe whose other end `up` holds until the lab stands
        self.running = {}       # host name: its systemd-nspawn
        self.ended = False

    def prepare(self):
        """Builds mounts and network. Nothing of it is visible outside our namespaces."""
        lab = self.lab
        run(["mount", "--bind", lab.path("hosts"), "/etc/hosts"])
        run(["mount", "-t", "tmpfs", "-o", "mode=700", "lab-disks", lab.path("disks")])
        # systemd-nspawn keeps locks and folders per machine here, and would leave them behind.
        os.makedirs("/run/systemd/nspawn", exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab-nspawn", "/run/systemd/nspawn"])
        network.make(lab)
        for host in lab.hosts:
            rootfs.make(lab, host)

    def start(self, host):
        """Switches a host on. Returns when its init runs; what it boots is for others to wait for."""
        if host.name in self.running:
            raise LabError(f"{host.name} runs already")
        lab = self.lab
        groups = make_cgroups(lab.cgroup(host))

        def place():
            die_with_parent()
            for group in groups:
                with open(group, "w") as file:
                    file.write(str(os.getpid()))

        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--settings=no",
                f"--directory={lab.root(host)}", f"--machine=etcdops-{lab.name}-{host.name}",
                f"--hostname={host.name}", f"--network-namespace-path={network.namespace(lab, host)}",
                "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe",
                f"--bind-ro={rootfs.etcd_folder()}:/opt/etcd"]
        if lab.data_mount:
            argv.append(f"--bind={lab.data_disk(host)}:{lab.data_dir}")
        network.plug(host, True)
        with open(lab.path("console-" + host.name), "a") as console:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                       preexec_fn=place, start_new_session=True)
        self.running[host.name] = process
        init = wait_until(lambda: self.find_init(host), 20, f"{host.name}: systemd as PID 1")
        identity = identify(init)
        write(self.lab.path("init-" + host.name), json.dumps(identity))
        doors.make_for_host(lab, host, identity)

    def find_init(self, host):
        process = self.running[host.name]
        if process.poll() is not None:
            said = read(self.lab.path("console-" + host.name)).strip()
            del self.running[host.name]
            raise LabError(f"{host.name} did not boot: {said}")
        for child in read(f"/proc/{process.pid}/task/{process.pid}/children").split():
            inner = read(f"/proc/{child}/status").partition("NSpid:")[2].split("\n")[0].split()
            if len(inner) == 2 and inner[1] == "1" and read(f"/proc/{child}/comm").strip() == "systemd":
                return int(child)
        return None

    def power_off(self, host):
        """A power cut: first the cable, so that not even a reset leaves the host, then every process at once."""
        network.plug(host, False)
        process = self.running.pop(host.name, None)
        if process is None:
            return
        init = json.loads(read(self.lab.path("init-" + host.name), "null"))
        kill(init)
        process.kill()
        process.wait()
        wait_until(lambda: not alive(init), 10, f"{host.name}: the end of its init")
        os.remove(self.lab.path("init-" + host.name))
        doors.close(self.lab, host)
        wait_until(lambda: end_cgroups(self.lab.cgroup(host)), 10, f"{host.name}: the end of its processes")

    def serve(self):
        """Answers requests until the lab is to end: by `down`, with its owner, or because `up` did not finish."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.lab.path("control"))
        os.chmod(self.lab.path("control"), 0o600)
        listener.listen(16)
        wakers = {listener: None, self.maker: None}
        if self.owner_pid:
            wakers[os.pidfd_open(self.owner_pid)] = None
        self.tell_maker({"booted": True})
        while not self.ended:
            self.reap()
            ready, _, _ = select.select(list(wakers), [], [], 1.0)
            for source in ready:
                if source is listener:
                    self.answer(listener.accept()[0])
                elif source is self.maker:
                    if os.read(self.maker, 1) != b"k":  # `keep`; anything else is the end of `up`
                        self.ended = True
                    del wakers[self.maker]
                else:
                    self.ended = True

    def reap(self):
        """A host that shut itself down is off, like after a power cut; one that wants to reboot is switched on again."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                host = self.lab.host(name)
                self.power_off(host)
                if process.returncode == REBOOT:
                    self.start(host)

    def tell_maker(self, message):
        os.write(self.maker, (json.dumps(message) + "\n").encode())

    def answer(self, connection):
        with connection:
            connection.settimeout(5)
            try:
                request = json.loads(connection.makefile().readline())
                self.carry_out(request)
                reply = {"ok": True}
            except (LabError, ValueError, KeyError, OSError) as error:
                reply = {"ok": False, "error": str(error)}
            try:
                connection.sendall((json.dumps(reply) + "\n").encode())
            except OSError:
                pass

    def carry_out(self, request):
        action = request["do"]
        if action == "down":
            self.ended = True
        elif action == "start":
            self.start(self.lab.host(request["host"]))
        elif action == "kill":
            self.power_off(self.lab.host(request["host"]))
        else:
            raise LabError(f"unknown request {action}")

    def end(self):
        """Takes the lab down. What one step cannot do must not keep the next from being done."""
        for host in self.lab.hosts:
            try:
                self.power_off(host)
            except (LabError, OSError) as error:
                print(error, flush=True)
        here = network.inode()
        end = time.monotonic() + 5
        while (left := processes_in_network(here)) and time.monotonic() < end:
            for pid in left:  # ssh, etcdctl and the like, which somebody left running in the bastion
                kill(identify(pid))
            time.sleep(0.01)
        remove_folder(self.lab)


def remove_folder(lab):
    """Unmounts the disks, where we are the one who sees them, and removes the lab's files."""
    subprocess.run(["umount", "--quiet", "--recursive", "--lazy", lab.path("disks")], stdin=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    shutil.rmtree(lab.folder, ignore_errors=True)


def clear(lab):
    """Takes down what a supervisor that was killed left: hosts (found by their control groups) and files."""
    for host in lab.hosts:
        wait_until(lambda: end_cgroups(lab.cgroup(host)), 10, f"{host.name}: the end of its processes")
    remove_folder(lab)


def guard(lab, maker):
    """A second process, which clears the lab away should the supervisor itself be killed: its hosts would live on."""
    supervisor = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        os.setsid()
        os.close(maker)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        select.select([supervisor], [], [])
        clear(lab)
        os._exit(0)
    os.close(supervisor)


def main(lab, owner_pid, maker):
    """The supervisor's life. Started by `up` in new network and mount namespaces; `maker` is a socket to it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    guard(lab, maker)
    supervisor = Supervisor(lab, owner_pid, maker)
    signal.signal(signal.SIGTERM, lambda *_: setattr(supervisor, "ended", True))
    try:
        supervisor.prepare()
        for host in lab.hosts:
            supervisor.start(host)
        supervisor.serve()
    except Exception as error:  # noqa: BLE001  (whatever it is, the maker hears of it and the lab is taken down)
        if not isinstance(error, LabError):
            traceback.print_exc()
        try:
            supervisor.tell_maker({"error": str(error) or repr(error)})
        except OSError:
            pass
    finally:
        supervisor.end()
