"""The base image: a minimal Debian 12 with systemd, sshd, sudo and the users, made once and shared read-only."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time

from system import CACHE, LabError, need_root, need_tools, read, run, write

SUITE = "bookworm"
PACKAGES = ("systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2,nftables,curl,openssl,procps,util-linux,"
            "ca-certificates,less,zstd")
SUDO_PASSWORD = "lab-sudo-password"

# Timers that would do something of their own while a test looks, and terminals that nobody sits at.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
          "systemd-tmpfiles-clean.timer", "e2scrub_reap.service", "console-getty.service", "getty@tty1.service",
          "getty.target", "nftables.service", "systemd-networkd.service", "systemd-resolved.service",
          # What a boot does for users, hardware and other machines: nobody here is asked for it, and a lab boots a hundred hosts.
          "systemd-logind.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-sysusers.service",
          "systemd-remount-fs.service", "systemd-random-seed.service", "systemd-pstore.service")

# Run anew at each daemon-reload; none of them has anything to make units of here.
GENERATORS = ("cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local", "run", "system-update",
              "sysv", "veritysetup")

RECIPE = f"""
set -e
useradd --system --user-group --home-dir /var/lib/etcd --no-create-home --shell /usr/sbin/nologin etcd
useradd --create-home --shell /bin/bash ops
printf 'ops:%s\\n' '{SUDO_PASSWORD}' | chpasswd
install -d -m 700 -o ops -g ops /home/ops/.ssh
install -d -m 700 /root/.ssh
rm -f /etc/ssh/ssh_host_*
rm -f /etc/machine-id /var/lib/dbus/machine-id /etc/hostname
install -d -m 2755 -o root -g systemd-journal /var/log/journal
systemctl mask --quiet {' '.join(MASKED)}
systemctl set-default --quiet multi-user.target
install -d /etc/systemd/system-generators
for name in {' '.join(GENERATORS)}; do ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"; done
# The usual first choice takes a tenth of a second of a processor on either side.
printf 'KexAlgorithms curve25519-sha256\\n' >/etc/ssh/sshd_config.d/lab.conf
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
"""


def path():
    """Where the image lies; another recipe is another folder, so a stale image is never used."""
    recipe = hashlib.sha256((SUITE + PACKAGES + RECIPE).encode()).hexdigest()[:12]
    return os.path.join(CACHE, f"base-{recipe}")


def mirror():
    """The mirror that this machine's apt uses for its own release."""
    listed = run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(CODENAME)", "Created-By: Packages"])
    for line in listed.splitlines():
        site, *names = line.split()
        if SUITE in names:
            return site
    raise LabError(f"apt has no source of Debian {SUITE} on this machine, which the hosts are made from")


def ensure():
    """Makes the image unless it is there. Takes about a minute the first time."""
    image = path()
    if os.path.isdir(image):
        os.utime(image)
        return image
    need_root()
    need_tools("debootstrap", "systemd-nspawn")
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock-base"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(image):
            return image
        print(f"lab: making the hosts' base image in {image}", flush=True)
        work = image + ".new"
        shutil.rmtree(work, ignore_errors=True)
        build(work)
        os.rename(work, image)
        os.utime(image)
        remove_unused()
    return image


def remove_unused():
    """Removes images of other recipes that nobody has used for two weeks (another checkout may still use its own)."""
    for name in os.listdir(CACHE):
        image = os.path.join(CACHE, name)
        if name.startswith("base-") and time.time() - os.stat(image).st_mtime > 14 * 86400:
            shutil.rmtree(image, ignore_errors=True)


def build(work):
    log = os.path.join(CACHE, "debootstrap.log")
    with open(log, "w") as output:
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, work, mirror()],
                              stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise LabError("debootstrap failed:\n" + "\n".join(read(log).splitlines()[-10:]))
    run(["chroot", work, "/bin/sh"], input=RECIPE)
    write(os.path.join(work, "etc/resolv.conf"), "# no name server: the lab has no way out\n")
    write(os.path.join(work, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    write(os.path.join(work, "etc/fstab"), "")


def ids_of(image, user):
    for line in read(os.path.join(image, "etc/passwd")).splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise LabError(f"the base image {image} has no user {user}")
