"""What a lab consists of: the options of `up`, worked out into hosts with names, addresses and files."""

import json
import os
import re
from dataclasses import asdict, dataclass, field

import base
from system import CACHE, LABS, LabError, read, write

NETWORK = "10.77.0"
BASTION = "bastion"
BASTION_IP = f"{NETWORK}.1"
ROOT_PASSWORD = "lab-root-password"  # etcd's user root, with --auth


@dataclass
class Host:
    name: str
    ip: str
    member: bool  # False: a spare
    etcd: str     # version


@dataclass
class Lab:
    """Everything about a lab that does not change while it runs; kept in lab.json."""

    name: str
    image: str
    hosts: list
    tls: bool = False
    client_cert_auth: bool = False
    auth: bool = False
    v2: bool = False
    unit: str = "etcd"
    unit_in_etc: bool = False
    data_dir: str = "/var/lib/etcd/default"
    data_mount: bool = False
    disk_mb: int = 4096
    config: str = "env"
    ssh_user: str = "ops"
    sudo: str = "nopasswd"
    start: bool = True
    extra: dict = field(default_factory=dict)  # ETCD_… settings of the test's own

    @property
    def folder(self):
        return os.path.join(LABS, self.name)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def root(self, host):
        """The host's file system, as the supervisor sees it."""
        return self.path("disks", host.name, "root")

    def data_disk(self, host):
        return self.path("disks", host.name, "data")

    def cgroup(self, host):
        return f"etcdops-lab-{self.name}-{host.name}"

    def host(self, name):
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"lab {self.name} has no host {name}; it has {', '.join(h.name for h in self.hosts)}")

    @property
    def members(self):
        return [host for host in self.hosts if host.member]

    @property
    def scheme(self):
        return "https" if self.tls else "http"

    def client_url(self, host):
        return f"{self.scheme}://{host.name}:2379"

    def peer_url(self, host):
        return f"{self.scheme}://{host.name}:2380"

    @property
    def unit_path(self):
        folder = "/etc/systemd/system" if self.unit_in_etc else "/lib/systemd/system"
        return f"{folder}/{self.unit}.service"

    @property
    def env_file(self):
        return f"/etc/default/{self.unit.split('@')[0]}"  # %p of the unit file

    def save(self):
        write(self.path("lab.json"), json.dumps(asdict(self), indent=1) + "\n")


def load(name):
    text = read(os.path.join(LABS, name, "lab.json"))
    if not text:
        raise LabError(f"there is no lab {name}; `tests/lab/lab up --name {name}` makes one")
    values = json.loads(text)
    values["hosts"] = [Host(**host) for host in values["hosts"]]
    return Lab(**values)


def versions():
    """The etcd versions at hand, oldest first."""
    folder = os.path.join(CACHE, "etcd")
    found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted((v for v in found if re.fullmatch(r"\d+\.\d+\.\d+", v)), key=numbers)


def numbers(version):
    return tuple(int(part) for part in version.split("."))


def choose_version(wanted):
    """An exact version, or the newest that begins so (`3.5`)."""
    fitting = [v for v in versions() if v == wanted or v.startswith(wanted + ".")]
    if not fitting:
        raise LabError(f"etcd {wanted} is not in {CACHE}/etcd (there: {', '.join(versions()) or 'none'}); "
                       "`tests/setup test` gets what can be had on this machine")
    return fitting[-1]


def from_options(options):
    """Makes the lab that the options of `up` describe, or says what does not go together."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", options.name):
        raise LabError(f"the lab's name {options.name!r} must be small letters, digits and dashes, at most 41")
    if not 1 <= options.members <= 9 or not 0 <= options.spare <= 9:
        raise LabError("1 to 9 members and 0 to 9 spares, please")
    if options.client_cert_auth and not options.tls:
        raise LabError("--client-cert-auth needs --tls")
    per_host = dict(item.split("=", 1) for item in options.etcd_per_host)
    version = choose_version(options.etcd)
    hosts = []
    for number in range(1, options.members + options.spare + 1):
        name = f"etcd-{number}"
        hosts.append(Host(name=name, ip=f"{NETWORK}.{10 + number}", member=number <= options.members,
                          etcd=choose_version(per_host.pop(name)) if name in per_host else version))
    if per_host:
        raise LabError(f"--etcd-per-host names hosts that the lab does not have: {', '.join(per_host)}")
    if options.v2 and any(numbers(host.etcd) >= (3, 6, 0) for host in hosts):
        raise LabError("--v2: etcd 3.6 and newer have no v2 API")
    return Lab(name=options.name, image=base.path(), hosts=hosts, tls=options.tls,
               client_cert_auth=options.client_cert_auth, auth=options.auth, v2=options.v2, unit=options.unit,
               unit_in_etc=options.unit_in_etc, data_dir=options.data_dir.rstrip("/"), data_mount=options.data_mount,
               disk_mb=options.disk_mb, config=options.config, ssh_user=options.ssh_user, sudo=options.sudo,
               start=not options.no_start, extra=dict(item.split("=", 1) for item in options.set))
