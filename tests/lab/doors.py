"""The ways in: a shell script for each running host, for the bastion and for etcdctl there.

Tests go in hundreds of times: starting Python each time would take more of the machine than what is done there.
"""

import os
import shlex

import rootfs
import spec
from system import write

DOOR = """\
#!/bin/sh
# Runs a command {where}. A pid alone may be somebody else's by now; with its start time it is not.
{{ read -r {fields} started _; }} 2>/dev/null </proc/{pid}/stat
[ "$started" = {started} ] || {{ echo {off} >&2; exit 1; }}
{enter}
"""
FIELDS_BEFORE_START = " ".join("_" * 21)


def door(lab, name):
    return lab.path("doors", name)


def make_for_host(lab, host, init):
    """The script that enters all of the host's namespaces, as root, with an environment of its own."""
    make(lab, host.name, init, f"on {host.name} as root", f"lab: {host.name} is off; `lab start {host.name}` switches it on",
         f'exec nsenter --target={init["pid"]} --all -- env -i TERM="${{TERM:-dumb}}" HOME=/root USER=root '
         'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"')


def variables(lab):
    """What a person in the bastion has in the environment."""
    return {"ETCDOPS_LAB": lab.name, "ETCDOPS_CONFIG": lab.path("etcdops.yaml"),
            "ETCDOPS_LAB_SSH_CONFIG": lab.path("ssh", "config")}


def make_for_bastion(lab, supervisor):
    """The script that enters the bastion and stays in its folder. Who came through sudo works there as themselves."""
    make(lab, "bastion", supervisor, "in the bastion", f"lab: the lab {lab.name} is gone",
         'person=${SUDO_UID:+"setpriv --reuid=$SUDO_UID --regid=$SUDO_GID --init-groups"}\n'
         f'{exports(variables(lab))}exec nsenter --target={supervisor["pid"]} --net --mount --wdns="$PWD" -- $person "$@"')


# etcdctl refuses a setting that is both a flag and in the environment; a password is never in argv.
ETCDCTL = """\
#!/bin/sh
# etcdctl of the members' version, in the bastion, with what it needs in its environment.
{exports}for word in "$@"; do
    case $word in
        --endpoints | --endpoints=*) unset ETCDCTL_ENDPOINTS ;;
        --cacert | --cacert=*) unset ETCDCTL_CACERT ;;
        --cert | --cert=*) unset ETCDCTL_CERT ;;
        --key | --key=*) unset ETCDCTL_KEY ;;
        --user | --user=*) unset ETCDCTL_USER ;;
    esac
done
exec {bastion} {program} "$@"
"""


def make_for_etcdctl(lab):
    version = lab.members[0].etcd
    values = {"ETCDCTL_ENDPOINTS": ",".join(lab.client_url(host) for host in lab.members)}
    if spec.numbers(version) < (3, 4, 0):
        values["ETCDCTL_API"] = "3"
    if lab.tls:
        values.update(ETCDCTL_CACERT=lab.path("pki", "ca.crt"), ETCDCTL_CERT=lab.path("pki", "client.crt"),
                      ETCDCTL_KEY=lab.path("pki", "client.key"))
    if lab.auth:
        values["ETCDCTL_USER"] = f"root:{spec.ROOT_PASSWORD}"
    program = os.path.join(rootfs.etcd_folder(), version, "etcdctl")
    place(lab, "etcdctl", ETCDCTL.format(exports=exports(values), bastion=door(lab, "bastion"), program=program))


def exports(values):
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def make(lab, name, process, where, off, enter):
    place(lab, name, DOOR.format(where=where, fields=FIELDS_BEFORE_START, pid=process["pid"],
                                 started=process["started"], off=shlex.quote(off), enter=enter))


def place(lab, name, text):
    """A whole script or none: tests may go in meanwhile."""
    write(door(lab, name) + ".new", text, 0o755)
    os.rename(door(lab, name) + ".new", door(lab, name))


def close(lab, host):
    os.remove(door(lab, host.name))
