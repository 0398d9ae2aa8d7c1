"""The lab's commands, apart from making and ending one (see lifecycle.py)."""

import json
import os
import shlex
import subprocess
import sys

import base
import doors
import lifecycle
import network
import options
import ready
import rootfs
import spec
from system import LabError, need_root, network_of, run

FILLER = ".lab-filler"
FILL_TRIES = 20


def main(argv):
    arguments = options.parse(argv)
    try:
        if arguments.command == "versions":
            print("\n".join(spec.versions()))
            return 0
        if arguments.command == "env":
            return show_env(spec.load(arguments.name))
        need_root()
        return COMMANDS[arguments.command](arguments) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def opened(arguments):
    """The lab, its supervisor proved alive."""
    lab = spec.load(arguments.name)
    lifecycle.supervisor_of(lab)
    return lab


def into_host(lab, host):
    """The command that enters all of the host's namespaces."""
    if ready.init_of(lab, host) is None:
        raise LabError(f"{host.name} is off; `lab start {host.name}` switches it on")
    return [doors.door(lab, host.name)]


def become(argv):
    os.execvp(argv[0], argv)


def own_words(arguments):
    """The command after the options, without the `--` that may set it off."""
    return arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv


def exec_in_host(arguments):
    lab = opened(arguments)
    become(into_host(lab, lab.host(arguments.host)) + (own_words(arguments) or ["/bin/bash", "--login"]))


def exec_in_bastion(arguments):
    lab = opened(arguments)
    become([doors.door(lab, "bastion")] + (own_words(arguments) or [os.environ.get("SHELL", "/bin/bash")]))


def ssh(arguments):
    lab = opened(arguments)
    host = lab.host(arguments.host)
    become([doors.door(lab, "bastion"), "ssh", "-F", lab.path("ssh", "config"), host.name] + own_words(arguments))


def etcdctl(arguments):
    become([doors.door(opened(arguments), "etcdctl")] + own_words(arguments))


def show_env(lab):
    for name, value in doors.variables(lab).items():
        print(f"export {name}={shlex.quote(value)}")


def kill(arguments):
    lab = opened(arguments)
    lifecycle.request(lab, {"do": "kill", "host": lab.host(arguments.host).name})


def start(arguments):
    lab = opened(arguments)
    host = lab.host(arguments.host)
    lifecycle.request(lab, {"do": "start", "host": host.name})
    if not arguments.no_wait:
        with network_of(lifecycle.supervisor_of(lab)["pid"]):
            ready.wait_all(lab, [host], ready.ssh_ready, 30, "sshd")


def cut(arguments):
    lab = opened(arguments)
    host = lab.host(arguments.host)
    if arguments.source or arguments.port or arguments.one_way or arguments.reject:
        network.cut(into_host(lab, host), lab, arguments.source, arguments.port, arguments.one_way, arguments.reject)
    else:
        with network_of(lifecycle.supervisor_of(lab)["pid"]):
            network.plug(host, False)


def heal(arguments):
    lab = opened(arguments)
    host = lab.host(arguments.host)
    network.heal(into_host(lab, host))
    with network_of(lifecycle.supervisor_of(lab)["pid"]):
        network.plug(host, True)


def signal_etcd(arguments):
    """A unit's main process, or what was started by hand: every process called etcd."""
    lab = opened(arguments)
    name = {"freeze": "STOP", "thaw": "CONT"}[arguments.command]
    run(into_host(lab, lab.host(arguments.host)) + ["pkill", f"-{name}", "-x", "etcd"])


def fill(arguments):
    """Takes the free space with one file, which nothing but `unfill` touches."""
    lab = opened(arguments)
    if lab.disk_mb > 1024:
        raise LabError("`fill` would take memory for the whole disk: make the lab with a small one (up --disk-mb 256)")
    enter = into_host(lab, lab.host(arguments.host))
    folder = filled_folder(lab)
    for left in reversed(range(FILL_TRIES)):
        free = int(run(enter + ["df", "--output=avail", "--block-size=1K", folder]).split()[-1])
        size = free - arguments.leave_kb
        if size <= 0:
            return
        try:
            run(enter + ["fallocate", "--length", f"{size}KiB", f"{folder}/{FILLER}"])
            return
        except LabError as error:  # something else may have taken space since `df`
            if "No space left" not in str(error) or not left:
                raise


def filled_folder(lab):
    return lab.data_dir if lab.data_mount else "/var"


def unfill(arguments):
    lab = opened(arguments)
    run(into_host(lab, lab.host(arguments.host)) + ["rm", "-f", f"{filled_folder(lab)}/{FILLER}"])


def use(arguments):
    """Moves the links on the host; its etcd goes on with the old program until it is restarted."""
    lab = opened(arguments)
    host = lab.host(arguments.host)
    version = spec.choose_version(arguments.version)
    script = ('for p in etcd etcdctl etcdutl; do rm -f /usr/bin/$p; '
              'if [ -e /opt/etcd/$1/$p ]; then ln -s /opt/etcd/$1/$p /usr/bin/$p; fi; done')
    run(into_host(lab, host) + ["sh", "-c", script, "sh", version])


def status(arguments):
    lab = opened(arguments)
    pid = lifecycle.supervisor_of(lab)["pid"]
    print(f"lab {lab.name}: {lab.folder}, supervisor {pid}")
    rows = [describe(lab, host) for host in lab.hosts]
    for host, row in zip(lab.hosts, rows):
        with network_of(pid):
            cable = "" if network.link_is_up(host) or row.endswith("off") else ", cable out"
        print(f"  {host.name}  {host.ip}  {'member' if host.member else 'spare '}  {row}{cable}")


def describe(lab, host):
    if ready.init_of(lab, host) is None:
        return f"etcd {host.etcd}, off"
    enter = into_host(lab, host)
    shown = subprocess.run(enter + ["systemctl", "show", "--property=ActiveState,SubState", "--value", lab.unit],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.split()
    program = subprocess.run(enter + ["readlink", "/usr/bin/etcd"], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL).stdout.strip()
    version = program.split("/")[3] if program.count("/") > 3 else host.etcd
    states = run(enter + ["ps", "-C", "etcd", "-o", "stat="]).split() if shown[:1] == ["active"] else []
    frozen = ", frozen" if any(state.startswith("T") for state in states) else ""
    return f"etcd {version}, unit {'/'.join(shown)}{frozen}{', cut' if network.is_cut(enter) else ''}"


COMMANDS = {
    "up": lifecycle.up, "down": lifecycle.down, "supervise": lifecycle.supervise, "base": lambda _: base.ensure() and 0,
    "status": status, "ssh": ssh, "exec": exec_in_host, "bastion": exec_in_bastion, "etcdctl": etcdctl,
    "kill": kill, "start": start, "cut": cut, "heal": heal, "freeze": signal_etcd, "thaw": signal_etcd,
    "fill": fill, "unfill": unfill, "use": use,
}
