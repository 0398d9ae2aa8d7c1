"""The lab's wires: a bridge in the bastion's network namespace, one namespace and one cable per host, no way out."""

import os

from spec import BASTION, BASTION_IP, NETWORK
from system import LabError, run

TABLE = "etcdops_lab"


def namespace(lab, host):
    return lab.path("disks", "net-" + host.name)


def make(lab):
    """Builds the network. Runs in the bastion's network namespace, which is new and empty."""
    plan = ["link set lo up", "link add br0 type bridge stp_state 0 forward_delay 0",
            f"addr add {BASTION_IP}/24 dev br0", "link set br0 up"]
    for host in lab.hosts:
        file = namespace(lab, host)
        with open(file, "w"):
            pass
        run(["unshare", f"--net={file}", "true"])
        plan += [f"link add {host.name} type veth peer name eth0 netns {file}",
                 f"link set {host.name} master br0", f"link set {host.name} up"]
    run(["ip", "-batch", "-"], input="\n".join(plan) + "\n")
    for host in lab.hosts:
        inside = f"link set lo up\naddr add {host.ip}/24 dev eth0\nlink set eth0 up\n"
        run(["nsenter", f"--net={namespace(lab, host)}", "ip", "-batch", "-"], input=inside)


def plug(host, plugged):
    """Puts the host's cable in, or pulls it. Runs in the bastion's network namespace."""
    run(["ip", "link", "set", host.name, "up" if plugged else "down"])


def address_of(lab, name):
    return BASTION_IP if name == BASTION else lab.host(name).ip


def cut_rules(lab, source, port, one_way, reject):
    """nftables rules for the host: drop (or refuse) what comes from the source, and unless one-way what goes to it."""
    peer = address_of(lab, source) if source else f"{NETWORK}.0/24"
    verdict = "reject with tcp reset" if reject else "drop"
    if port:
        inward, outward = f"tcp dport {port}", f"tcp sport {port}"
    else:
        inward = outward = "meta l4proto tcp" if reject else ""
    rules = [f"add rule inet {TABLE} inward ip saddr {peer} {inward} {verdict}"]
    if not one_way and not reject:
        rules.append(f"add rule inet {TABLE} outward ip daddr {peer} {outward} {verdict}")
        if port:  # and what the host itself asks of that port over there
            rules.append(f"add rule inet {TABLE} outward ip daddr {peer} {inward} {verdict}")
    return (f"add table inet {TABLE}\n"
            f"add chain inet {TABLE} inward {{ type filter hook input priority 0; }}\n"
            f"add chain inet {TABLE} outward {{ type filter hook output priority 0; }}\n" + "\n".join(rules) + "\n")


def cut(enter, lab, source=None, port=None, one_way=False, reject=False):
    """Adds a cut in the host's namespace; `enter` is the command that enters it."""
    run(enter + ["nft", "-f", "-"], input=cut_rules(lab, source, port, one_way, reject))


def heal(enter):
    """Takes all cuts of the host away."""
    try:
        run(enter + ["nft", "delete", "table", "inet", TABLE])
    except LabError as error:
        if "No such file" not in str(error):
            raise


def is_cut(enter):
    try:
        run(enter + ["nft", "list", "table", "inet", TABLE])
        return True
    except LabError:
        return False


def link_is_up(host):
    return "state UP" in run(["ip", "-o", "link", "show", host.name])


def inode():
    return os.stat("/proc/self/ns/net").st_ino
