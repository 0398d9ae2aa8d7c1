"""A host's disk: an overlay on the base image, whose upper layer lives in memory, and the files that make it this host.

Runs in the supervisor's own mount namespace: when the supervisor and the hosts are gone, so are the mounts.
"""

import base64
import os
import uuid

import base
import etcdconf
from system import run, write


def make(lab, host):
    """Mounts the host's disk and writes its files. The disk outlives a power cut, as a disk does."""
    folder = os.path.dirname(lab.root(host))
    os.makedirs(folder)
    run(["mount", "-t", "tmpfs", "-o", f"mode=755,size={lab.disk_mb}m", f"disk-{host.name}", folder])
    for name in ("upper", "work", "root", "data"):
        os.mkdir(os.path.join(folder, name), 0o755)
    options = f"lowerdir={lab.image},upperdir={folder}/upper,workdir={folder}/work,redirect_dir=on"
    run(["mount", "-t", "overlay", "-o", options, f"root-{host.name}", lab.root(host)])
    identity(lab, host)
    login(lab, host)
    install_etcd(lab, host)
    if lab.data_mount:
        run(["mount", "-t", "tmpfs", "-o", f"mode=700,size={lab.disk_mb}m", f"data-{host.name}", lab.data_disk(host)])
        os.chown(lab.data_disk(host), *base.ids_of(lab.image, "etcd"))


def identity(lab, host):
    root = lab.root(host)
    write(f"{root}/etc/hostname", host.name + "\n")
    write(f"{root}/etc/machine-id", uuid.uuid4().hex + "\n", mode=0o444)
    with open(lab.path("hosts")) as names:
        write(f"{root}/etc/hosts", names.read())


def login(lab, host):
    """sshd's key, the operator's key and what sudo allows."""
    root = lab.root(host)
    for suffix, mode in (("", 0o600), (".pub", 0o644)):
        with open(lab.path("ssh", host.name + suffix)) as key:
            write(f"{root}/etc/ssh/ssh_host_ed25519_key{suffix}", key.read(), mode=mode)
    with open(lab.path("ssh", "id.pub")) as key:
        allowed = key.read()
    if lab.ssh_user == "root":
        write(f"{root}/root/.ssh/authorized_keys", allowed, mode=0o600)
    else:
        write(f"{root}/home/ops/.ssh/authorized_keys", allowed, mode=0o600, owner=base.ids_of(lab.image, "ops"))
    rights = {"nopasswd": "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", "password": "ops ALL=(ALL:ALL) ALL\n"}
    if lab.sudo in rights:
        write(f"{root}/etc/sudoers.d/ops", rights[lab.sudo], mode=0o440)


def install_etcd(lab, host):
    """etcd's programs (links to the versions bound at /opt/etcd), unit, settings, certificates and folders."""
    root = lab.root(host)
    owner = base.ids_of(lab.image, "etcd")
    use_version(lab, host, host.etcd)
    for path, text in etcdconf.files(lab, host).items():
        write(root + path, text)
    if lab.tls:
        folder = root + etcdconf.PKI
        for source, target in (("ca.crt", "ca.crt"), (f"{host.name}.crt", "server.crt"), (f"{host.name}.key", "server.key")):
            with open(lab.path("pki", source)) as file:
                write(f"{folder}/{target}", file.read(), mode=0o600 if target.endswith(".key") else 0o644, owner=owner)
    make_data_folder(root, lab.data_dir, owner)
    if host.member and lab.start:
        wants = f"{root}/etc/systemd/system/multi-user.target.wants"
        os.makedirs(wants, exist_ok=True)
        os.symlink(lab.unit_path, f"{wants}/{lab.unit}.service")


def make_data_folder(root, data_dir, owner):
    """As the package does it: /var/lib/etcd belongs to etcd, mode 0700; etcd makes what is below."""
    os.makedirs(root + os.path.dirname(data_dir), exist_ok=True)
    home = root + "/var/lib/etcd"
    os.makedirs(home, exist_ok=True)
    os.chmod(home, 0o700)
    os.makedirs(root + data_dir, exist_ok=True)
    os.chmod(root + data_dir, 0o700)
    path = root + data_dir
    while path not in (root, root + "/var", root + "/var/lib", root + "/srv", root + "/opt", root + "/mnt"):
        os.chown(path, *owner)
        path = os.path.dirname(path)


def use_version(lab, host, version):
    for name in ("etcd", "etcdctl", "etcdutl"):
        link = f"{lab.root(host)}/usr/bin/{name}"
        if os.path.lexists(link):
            os.remove(link)
        if os.path.exists(os.path.join(etcd_folder(), version, name)):
            os.symlink(f"/opt/etcd/{version}/{name}", link)


def etcd_folder():
    return os.path.join(base.CACHE, "etcd")
