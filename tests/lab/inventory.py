"""What the bastion needs to work with the hosts: etcdops.yaml, ssh_config, known_hosts, hosts, certificates."""

import json
import os

import pki
from spec import BASTION, BASTION_IP, ROOT_PASSWORD
from system import caller_ids, run, write


def make(lab):
    """Writes the lab's files for the bastion, owned by the person who works with it."""
    owner = caller_ids()
    os.makedirs(lab.path("ssh"), mode=0o755)
    key_pair(lab.path("ssh", "id"), f"{lab.ssh_user}@{BASTION}", owner)
    for host in lab.hosts:
        key_pair(lab.path("ssh", host.name), host.name, None)
    known = "".join(f"{h.name} {' '.join(public_key(lab, h.name).split()[:2])}\n" for h in lab.hosts)
    write(lab.path("ssh", "known_hosts"), known, owner=owner)
    write(lab.path("ssh", "config"), ssh_config(lab), owner=owner)
    names = f"127.0.0.1 localhost\n::1 localhost\n{BASTION_IP} {BASTION}\n"
    write(lab.path("hosts"), names + "".join(f"{h.ip} {h.name}\n" for h in lab.hosts))
    if lab.tls:
        pki.make(lab, lab.path("pki"), owner)
    if lab.auth:
        write(lab.path("password"), ROOT_PASSWORD + "\n", mode=0o600, owner=owner)
    write(lab.path("etcdops.yaml"), inventory(lab), owner=owner)


def key_pair(path, comment, owner):
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    if owner:
        os.chown(path, *owner)
        os.chown(path + ".pub", *owner)


def public_key(lab, name):
    with open(lab.path("ssh", name + ".pub")) as file:
        return file.read()


def ssh_config(lab):
    text = ""
    for host in lab.hosts:
        text += f"Host {host.name}\n  HostName {host.ip}\n  HostKeyAlias {host.name}\n\n"
    return text + (f"Host *\n  User {lab.ssh_user}\n  IdentityFile {lab.path('ssh', 'id')}\n  IdentitiesOnly yes\n"
                   f"  StrictHostKeyChecking yes\n  UserKnownHostsFile {lab.path('ssh', 'known_hosts')}\n"
                   "  GlobalKnownHostsFile /dev/null\n  ConnectTimeout 5\n  BatchMode yes\n")


def inventory(lab):
    """The inventory as an operator would write it. Flow style values are JSON, which is YAML."""
    become = "none" if lab.ssh_user == "root" else "sudo"
    lines = ["clusters:", "  lab:"]
    lines.append(f"    endpoints: {json.dumps([lab.client_url(host) for host in lab.members])}")
    if lab.tls:
        lines.append(f"    tls: {{ca: {lab.path('pki', 'ca.crt')}, cert: {lab.path('pki', 'client.crt')}, "
                     f"key: {lab.path('pki', 'client.key')}}}")
    if lab.auth:
        lines.append(f"    auth: {{user: root, password_file: {lab.path('password')}}}")
    lines.append(f"    ssh: {{config: {lab.path('ssh', 'config')}, user: {lab.ssh_user}, become: {become}}}")
    env_file = f", env_file: {lab.env_file}" if lab.config != "dropin" else ""
    lines.append(f"    service: {{kind: systemd, unit: {lab.unit}{env_file}}}")
    lines.append(f"    data_dir: {lab.data_dir}")
    lines.append("    hosts:")
    for host in lab.hosts:
        lines.append(f"      {host.name}: {{ssh: {host.name}, peer_url: \"{lab.peer_url(host)}\", "
                     f"client_url: \"{lab.client_url(host)}\"}}")
    return "\n".join(lines) + "\n"
