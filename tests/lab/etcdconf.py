"""etcd on a host: Debian's unit file, and the settings in each of the places where people put them."""

import json

# As the package etcd-server ships it, from bullseye to sid.
DEBIAN_UNIT = """\
[Unit]
Description=etcd - highly-available key value store
Documentation=https://etcd.io/docs
Documentation=man:etcd
After=network.target
Wants=network-online.target

[Service]
Environment=DAEMON_ARGS=
Environment=ETCD_NAME=%H
Environment=ETCD_DATA_DIR=/var/lib/etcd/default
EnvironmentFile=-/etc/default/%p
Type=notify
User=etcd
PermissionsStartOnly=true
#ExecStart=/bin/sh -c "GOMAXPROCS=$(nproc) /usr/bin/etcd $DAEMON_ARGS"
ExecStart=/usr/bin/etcd $DAEMON_ARGS
Restart=on-abnormal
#RestartSec=10s
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""

PKI = "/etc/etcd/pki"
CONFIG_FILE = "/etc/etcd/etcd.yml"


def settings(lab, host):
    """The member's settings as ETCD_… variables, name and data directory left out. A spare has no initial cluster."""
    values = {
        "ETCD_LISTEN_CLIENT_URLS": f"{lab.scheme}://{host.ip}:2379,{lab.scheme}://127.0.0.1:2379",
        "ETCD_ADVERTISE_CLIENT_URLS": lab.client_url(host),
        "ETCD_LISTEN_PEER_URLS": f"{lab.scheme}://{host.ip}:2380",
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": lab.peer_url(host),
    }
    if host.member:
        values["ETCD_INITIAL_CLUSTER"] = ",".join(f"{h.name}={lab.peer_url(h)}" for h in lab.members)
        values["ETCD_INITIAL_CLUSTER_STATE"] = "new"
        values["ETCD_INITIAL_CLUSTER_TOKEN"] = f"lab-{lab.name}"
    if lab.tls:
        for kind in ("", "PEER_"):
            values[f"ETCD_{kind}CERT_FILE"] = f"{PKI}/server.crt"
            values[f"ETCD_{kind}KEY_FILE"] = f"{PKI}/server.key"
            values[f"ETCD_{kind}TRUSTED_CA_FILE"] = f"{PKI}/ca.crt"
        values["ETCD_PEER_CLIENT_CERT_AUTH"] = "true"
        if lab.client_cert_auth:
            values["ETCD_CLIENT_CERT_AUTH"] = "true"
    if lab.v2:
        values["ETCD_ENABLE_V2"] = "true"
    values.update(lab.extra)
    return values


def flag(variable):
    return variable.removeprefix("ETCD_").lower().replace("_", "-")


def files(lab, host):
    """Path and text of every file that makes etcd a service on this host."""
    values = settings(lab, host)
    own = {"ETCD_NAME": host.name, "ETCD_DATA_DIR": lab.data_dir}
    made = {lab.unit_path: DEBIAN_UNIT}
    if lab.config == "env":
        made[lab.env_file] = lines({**own, **values})
    elif lab.config == "dropin":
        quoted = "".join(f'Environment="{name}={value}"\n' for name, value in {**own, **values}.items())
        made[f"/etc/systemd/system/{lab.unit}.service.d/10-cluster.conf"] = "[Service]\n" + quoted
    elif lab.config == "args":
        # The unit sets name and data directory in the environment: etcd 3.4+ refuses them as flags, too.
        arguments = " ".join(f"--{flag(name)}={value}" for name, value in values.items())
        made[lab.env_file] = lines({**own, "DAEMON_ARGS": f'"{arguments}"'})
    else:
        made[lab.env_file] = lines({"DAEMON_ARGS": f'"--config-file={CONFIG_FILE}"'})
        made[CONFIG_FILE] = yaml({**own, **values})
    return made


def lines(values):
    return "".join(f"{name}={value}\n" for name, value in values.items())


def yaml(values):
    """etcd's configuration file. TLS settings stand in two sections of their own there."""
    plain, client, peer = [], [], []
    for name, value in values.items():
        key = flag(name)
        shown = value if value in ("true", "false") or value.isdigit() else json.dumps(value)
        if key.startswith("peer-") and key.removeprefix("peer-") in TLS_KEYS:
            peer.append(f"  {key.removeprefix('peer-')}: {shown}\n")
        elif key in TLS_KEYS:
            client.append(f"  {key}: {shown}\n")
        else:
            plain.append(f"{key}: {shown}\n")
    text = "".join(plain)
    if client:
        text += "client-transport-security:\n" + "".join(client)
    if peer:
        text += "peer-transport-security:\n" + "".join(peer)
    return text


TLS_KEYS = ("cert-file", "key-file", "trusted-ca-file", "client-cert-auth")
