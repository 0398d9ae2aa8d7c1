"""The lab's certificates, made with openssl: one authority, one certificate per host, one for the clients."""

import os

from spec import BASTION_IP
from system import run, write

DAYS = "30"


def make(lab, folder, owner):
    """Writes ca.crt, client.crt, client.key and HOST.crt, HOST.key into the folder."""
    os.makedirs(folder)
    authority = os.path.join(folder, "ca")
    run(["openssl", "req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN=lab {lab.name}", "-days", DAYS, "-keyout", authority + ".key", "-out", authority + ".crt"])
    for host in lab.hosts:
        names = f"DNS:{host.name},DNS:localhost,IP:{host.ip},IP:127.0.0.1,IP:::1"
        issue(folder, host.name, names, "serverAuth,clientAuth")
    issue(folder, "client", f"DNS:client,IP:{BASTION_IP}", "clientAuth")
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        os.chown(path, *owner)
        os.chmod(path, 0o600 if name.endswith(".key") else 0o644)


def issue(folder, name, alternatives, usage):
    """Makes a key (PKCS#8) and a certificate of the lab's authority."""
    stem = os.path.join(folder, name)
    request = run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-subj", f"/CN={name}", "-keyout", stem + ".key"])
    extensions = os.path.join(folder, name + ".ext")
    write(extensions, f"subjectAltName={alternatives}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
    run(["openssl", "x509", "-req", "-days", DAYS, "-CA", os.path.join(folder, "ca.crt"),
         "-CAkey", os.path.join(folder, "ca.key"), "-set_serial", str(int.from_bytes(os.urandom(8), "big")),
         "-extfile", extensions, "-out", stem + ".crt"], input=request)
    os.remove(extensions)
