"""The lab's commands, apart from making and ending one (see lifecycle.py)."""

import json
import os
import shlex
import subprocess
import sys

import base
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
    pid = ready.init_of(lab, host)
    if pid is None:
        raise LabError(f"{host.name} is off; `lab start {host.name}` switches it on")
    return ["nsenter", f"--target={pid}", "--all", "--"]


def into_bastion(lab):
    """The command that enters the bastion and stays in this folder. Who came through sudo works there as themselves."""
    pid = lifecycle.supervisor_of(lab)["pid"]
    argv = ["nsenter", f"--target={pid}", "--net", "--mount", f"--wdns={os.getcwd()}", "--"]
    if "SUDO_UID" in os.environ:
        argv += ["setpriv", f"--reuid={os.environ['SUDO_UID']}", f"--regid={os.environ['SUDO_GID']}", "--init-groups"]
    return argv


def become(argv, environment=None):
    os.execvpe(argv[0], argv, {**os.environ, **(environment or {})})


def own_words(arguments):
    """The command after the options, without the `--` that may set it off."""
    return arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv


def exec_in_host(arguments):
    lab = opened(arguments)
    words = own_words(arguments) or ["/bin/bash", "--login"]
    environment = ["env", "-i", f"TERM={os.environ.get('TERM', 'dumb')}", "HOME=/root", "USER=root",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    become(into_host(lab, lab.host(arguments.host)) + environment + words)


def exec_in_bastion(arguments):
    lab = opened(arguments)
    words = own_words(arguments) or [os.environ.get("SHELL", "/bin/bash")]
    become(into_bastion(lab) + words, variables(lab))


def ssh(arguments):
    lab = opened(arguments)
    host = lab.host(arguments.host)
    become(into_bastion(lab) + ["ssh", "-F", lab.path("ssh", "config"), host.name] + own_words(arguments))


def etcdctl(arguments):
    """etcdctl of the members' version, with what it needs in its environment (a password never in argv)."""
    lab = opened(arguments)
    program = os.path.join(rootfs.etcd_folder(), lab.members[0].etcd, "etcdctl")
    old = spec.numbers(lab.members[0].etcd) < (3, 4, 0)
    environment = {**client_variables(lab), **({"ETCDCTL_API": "3"} if old else {})}
    for word in own_words(arguments):  # etcdctl refuses a setting that is both a flag and in the environment
        environment.pop("ETCDCTL_" + word.removeprefix("--").split("=")[0].upper().replace("-", "_"), None)
    become(into_bastion(lab) + [program] + own_words(arguments), environment)


def variables(lab):
    """What a person in the bastion has in the environment."""
    return {"ETCDOPS_LAB": lab.name, "ETCDOPS_CONFIG": lab.path("etcdops.yaml"),
            "ETCDOPS_LAB_SSH_CONFIG": lab.path("ssh", "config")}


def client_variables(lab):
    """etcdctl's own variables. Not set for everything in the bastion: etcdops honours them, over its inventory."""
    values = {"ETCDCTL_ENDPOINTS": ",".join(lab.client_url(host) for host in lab.members)}
    if lab.tls:
        values.update(ETCDCTL_CACERT=lab.path("pki", "ca.crt"), ETCDCTL_CERT=lab.path("pki", "client.crt"),
                      ETCDCTL_KEY=lab.path("pki", "client.key"))
    if lab.auth:
        values["ETCDCTL_USER"] = f"root:{spec.ROOT_PASSWORD}"
    return values


def show_env(lab):
    for name, value in variables(lab).items():
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
