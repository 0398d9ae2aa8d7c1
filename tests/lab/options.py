"""The lab's command line."""

import argparse

EPILOG = """\
examples:
  tests/lab/lab up --members 3 --spare 1 --etcd 3.5.35 --tls
  tests/lab/lab bastion etcdops health        (the machine's files, the lab's network and names)
  tests/lab/lab etcdctl endpoint status -w table
  tests/lab/lab ssh etcd-2 sudo systemctl status etcd
  tests/lab/lab cut etcd-3 --from etcd-1 --port 2380;  tests/lab/lab heal etcd-3
  tests/lab/lab down

Several labs stand side by side: give each a --name. The hosts are etcd-1, etcd-2, …, spares last.
"""


TAKES_HOST = {"ssh": True, "exec": True, "bastion": False, "etcdctl": False}  # and then a command, word by word


def parse(argv):
    """argparse would take the options of a command that we pass on for our own: a `--` before it says where it starts."""
    if argv and argv[0] in TAKES_HOST:
        at, host_due = 1, TAKES_HOST[argv[0]]
        while at < len(argv):
            if argv[at] == "--name":
                at += 2
            elif argv[at].startswith("--name=") or argv[at] in ("-h", "--help"):
                at += 1
            elif host_due:
                at, host_due = at + 1, False
            else:
                break
        if at < len(argv) and argv[at] != "--":
            argv = argv[:at] + ["--"] + argv[at:]
    return parser().parse_args(argv)


def parser():
    top = argparse.ArgumentParser(prog="lab", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
                                  description="Real hosts (systemd, sshd, sudo, etcd) on one machine, for tests.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_up(commands)

    def command(name, help, host=False, argv=None):
        sub = commands.add_parser(name, help=help)
        sub.add_argument("--name", default="lab", help="which lab (default: lab)")
        if host:
            sub.add_argument("host")
        if argv:
            sub.add_argument("argv", nargs=argparse.REMAINDER, metavar=argv)
        return sub

    command("down", "take the lab down; no error when there is none")
    command("status", "what the hosts do")
    command("env", "shell exports for work in the bastion")
    command("ssh", "log in, or run a command, through ssh from the bastion", host=True, argv="CMD")
    command("exec", "run a command on the host as root, past ssh", host=True, argv="CMD")
    command("bastion", "run a command of this machine in the lab's network", argv="CMD")
    command("etcdctl", "run etcdctl in the bastion with the lab's endpoints and certificates", argv="ARG")
    command("kill", "power cut: every process of the host at once", host=True)
    start = command("start", "switch the host on again and wait for its sshd", host=True)
    start.add_argument("--no-wait", action="store_true", help="do not wait for sshd")
    cut = command("cut", "pull the host's cable, or with options set a firewall on it", host=True)
    cut.add_argument("--from", dest="source", metavar="HOST", help="only between the host and this one (or `bastion`)")
    cut.add_argument("--port", type=int, help="only this TCP port")
    cut.add_argument("--one-way", action="store_true", help="only what comes to the host; what it sends goes through")
    cut.add_argument("--reject", action="store_true", help="refuse connections to the host instead of dropping packets")
    command("heal", "put the cable in and take all cuts of the host away", host=True)
    command("freeze", "SIGSTOP to the host's etcd", host=True)
    command("thaw", "SIGCONT to the host's etcd", host=True)
    fill = command("fill", "fill the disk that the data directory lies on (`up` with --disk-mb)", host=True)
    fill.add_argument("--leave-kb", type=int, default=0, help="how much stays free (default 0)")
    command("unfill", "take the filling away", host=True)
    use = command("use", "change the host's etcd programs to another version (the service is not restarted)", host=True)
    use.add_argument("version")
    commands.add_parser("base", help="make the hosts' base image")
    commands.add_parser("versions", help="the etcd versions at hand")
    supervise = commands.add_parser("supervise")  # what `up` starts; not for people
    supervise.add_argument("lab_name")
    supervise.add_argument("maker", type=int)
    supervise.add_argument("owner_pid", type=int)
    return top


def add_up(commands):
    up = commands.add_parser("up", help="make a lab; returns when its hosts can be worked with")
    up.add_argument("--name", default="lab", help="(default: lab)")
    up.add_argument("--members", type=int, default=3, help="hosts with a running member (default 3)")
    up.add_argument("--spare", type=int, default=0, help="hosts with etcd installed and stopped (default 0)")
    up.add_argument("--etcd", default="3.5", help="version, or its beginning: the newest such (default 3.5)")
    up.add_argument("--etcd-per-host", action="append", default=[], metavar="HOST=VERSION")
    up.add_argument("--tls", action="store_true", help="TLS for clients and peers")
    up.add_argument("--client-cert-auth", action="store_true", help="clients must show a certificate")
    up.add_argument("--auth", action="store_true", help="etcd users: root with a password")
    up.add_argument("--v2", action="store_true", help="the v2 API too (3.4, 3.5)")
    up.add_argument("--unit", default="etcd", help="name of etcd's unit (default etcd)")
    up.add_argument("--unit-in-etc", action="store_true", help="unit file in /etc/systemd/system, not /lib")
    up.add_argument("--data-dir", default="/var/lib/etcd/default", help="(default /var/lib/etcd/default)")
    up.add_argument("--data-mount", action="store_true", help="the data directory is a mount point")
    up.add_argument("--disk-mb", type=int, default=4096, help="size of each host's disks in MiB (default 4096)")
    up.add_argument("--config", choices=("env", "dropin", "args", "file"), default="env",
                    help="where etcd's settings stand: environment file, drop-in, arguments, configuration file")
    up.add_argument("--set", action="append", default=[], metavar="ETCD_…=VALUE", help="one more setting of etcd")
    up.add_argument("--ssh-user", choices=("ops", "root"), default="ops")
    up.add_argument("--sudo", choices=("nopasswd", "password", "none"), default="nopasswd")
    up.add_argument("--no-start", action="store_true", help="members' etcd is not started either")
    up.add_argument("--settled", action="store_true", help="also wait until the cluster version is decided (some 5 s)")
    up.add_argument("--owner-pid", type=int, default=0, help="take the lab down when this process has ended")
