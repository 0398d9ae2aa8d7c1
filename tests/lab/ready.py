"""Waits until hosts can be worked with: sshd lets people in, etcd is healthy. Runs in the bastion's network."""

import json
import os
import socket
import time

from system import LabError, alive, read


def init_of(lab, host):
    """The host's init as seen from the machine; None while the host is off."""
    identity = json.loads(read(lab.path("init-" + host.name), "null"))
    return identity["pid"] if alive(identity) else None


def ssh_ready(lab, host):
    """sshd answers, and the boot has come far enough that it lets people in."""
    pid = init_of(lab, host)
    if pid is None or os.path.lexists(f"/proc/{pid}/root/run/nologin"):
        return False
    try:
        with socket.create_connection((host.ip, 22), timeout=0.5) as connection:
            connection.settimeout(0.5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def tls_context(lab):
    if not lab.tls:
        return None
    import ssl  # takes long, and few commands ask etcd

    context = ssl.create_default_context(cafile=lab.path("pki", "ca.crt"))
    context.load_cert_chain(lab.path("pki", "client.crt"), lab.path("pki", "client.key"))
    return context


def ask(lab, host, path):
    """GET on the host's client port; None when there is no good answer."""
    import urllib.request

    url = f"{lab.scheme}://{host.ip}:2379{path}"
    try:
        with urllib.request.urlopen(url, timeout=1, context=tls_context(lab)) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def etcd_ready(lab, host):
    answer = ask(lab, host, "/health")
    return bool(answer) and str(answer.get("health")).lower() == "true"


def settled(lab, host):
    """The members agree on a cluster version (a new cluster says 3.0.0, or nothing, for some seconds)."""
    oldest = min(tuple(int(p) for p in h.etcd.split(".")[:2]) for h in lab.members)
    answer = ask(lab, host, "/version") or {}
    return answer.get("etcdcluster", "").startswith("%d.%d." % oldest)


def wait_all(lab, hosts, question, seconds, what):
    """Asks until every host says yes, and names those that did not."""
    end = time.monotonic() + seconds
    left = list(hosts)
    while left:
        left = [host for host in left if not question(lab, host)]
        if left and time.monotonic() > end:
            names = ", ".join(host.name for host in left)
            raise LabError(f"{names}: {what} not within {seconds} s")
        if left:
            time.sleep(0.02)
