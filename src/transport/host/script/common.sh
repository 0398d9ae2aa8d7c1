PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/puppetlabs/bin; export PATH
umask 022
put() { printf '%s:%s\n%s\n' "$1" "${#2}" "$2"; }
pute() { printf '%s!' "$1"; base64 -w0; echo; }
fail() { put fault "$1"; put message "$2"; exit 1; }
# Runs a command; what it says decides which fault it is.
try() {
  said=$("$@" 2>&1) && return 0
  code=$?
  case $said in
    *'No space left'* | *'Disk quota'* | *'disk full'*) fail disk-full "$said" ;;
    *'ermission denied'* | *'not permitted'* | *'Read-only file system'*) fail refused "$said" ;;
    *'not found'* | *'No such file'* | *'not loaded'*) fail missing "$said" ;;
  esac
  fail refused "${said:-$1 ended with status $code}"
}
# The SHA-256 of a file. Of a large one by openssl where there is one: it uses what the processor has for this, coreutils often does not.
digest() {
  hex=
  if [ "$(stat -L -c %s -- "$1")" -ge 16777216 ]; then
    ! remembered "$1" || { printf '%s' "$hex"; return 0; }
    hex=$(openssl dgst -sha256 -r <"$1" 2>/dev/null | cut -d' ' -f1)
  fi
  case $hex in *[!0-9a-f]*) hex= ;; esac
  [ "${#hex}" = 64 ] || hex=$(sha256sum <"$1" | cut -d' ' -f1)
  printf '%s' "$hex"
}
# What was found of a file in a folder of ours holds until it is touched or the host restarts: it need not be read twice.
remember() {
  case $1 in "$root"/*) ;; *) return 0 ;; esac
  printf '%s %s\n' "$2" "$(identity "$1")" >"$1.etcdops-sha256" 2>/dev/null || rm -f -- "$1.etcdops-sha256"
}
remembered() {
  case $1 in "$root"/*) ;; *) return 1 ;; esac
  hex= rest=
  read -r hex rest 2>/dev/null <"$1.etcdops-sha256"
  if [ -n "$rest" ] && [ "$rest" = "$(identity "$1")" ]; then return 0; fi
  hex=
  return 1
}
identity() { printf '%s %s' "$(cat /proc/sys/kernel/random/boot_id)" "$(stat -L -c '%d %i %s %z' -- "$1")"; }
private_dir() { [ -d "$1" ] || try mkdir -p -m 700 "$1"; }
candidates() {
  # Every place that may name a folder or a config file; the reader knows which of them counts.
  sed -n 's/.*ETCD_'"$1"'=\{0,1\}["'\'']\{0,1\}\([^ "'\'']*\).*/\1/p; s/.*--\{0,1\}'"$2"'[= ]["'\'']\{0,1\}\([^ "'\'']*\).*/\1/p' | sort -u
}
