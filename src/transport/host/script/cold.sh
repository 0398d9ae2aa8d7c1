# A copy of the data directory of a stopped member: one archive, which gets its name when it is whole.
stands() { if [ "$kind" = systemd ]; then show ActiveState; show InvocationID; else ! alive || echo active; fi; }
still_stopped() {
  case $(stands) in active* | activating* | reloading*) fail refused "etcd runs: a copy of it would be torn" ;; esac
}
op_cold_copy() {
  [ ! -e "$to" ] || return 0
  [ -d "$data" ] || fail missing "$data is not there"
  still_stopped
  before=$(stands)
  umask 077
  private_dir "$root"
  try mkdir -p -- "$(dirname -- "$to")"
  part=$to.part
  trap 'rm -rf -- "$part" "$part.v2"' EXIT
  rm -rf -- "$part" "$part.v2"
  try tar -C "$data" --exclude='./*.etcdops-*' --exclude=./lost+found -cf "$part" .
  [ -z "$log" ] || try tar -C "$log" --exclude='./lost+found' --transform='s,^[.],./member/wal,' -rf "$part" .
  if [ "$v2" = yes ]; then
    set -- backup --data-dir "$data" --backup-dir "$part.v2" --with-v3
    [ -z "$log" ] || set -- "$@" --wal-dir "$log"
    try env ETCDCTL_API=2 etcdctl "$@"
    try tar -C "$part.v2" --transform='s,^[.],./v2,' -rf "$part" .
  fi
  still_stopped
  [ "$(stands)" = "$before" ] || fail refused "etcd was started while it was copied: the copy may be torn"
  try sync -- "$part"
  try mv -T -- "$part" "$to"
  sync -- "$(dirname -- "$to")"
}
