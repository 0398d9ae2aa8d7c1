op_run_look() {
  t=$(mktemp -d) || fail disk-full "no temporary folder"
  trap 'rm -rf "$t"' EXIT
  cd /
  as_asked sh -c "$command" </dev/null >"$t/out" 2>"$t/err"
  put code $?
  head -c 1048576 "$t/out" | pute stdout
  tail -c 65536 "$t/err" | pute stderr
}
# As root, or as the user who logged in.
as_asked() {
  if [ "$elevate" = yes ] || [ -z "$login" ] || [ "$(id -u)" != 0 ]; then "$@"; else runuser -u "$login" -- "$@"; fi
}
# What was frozen before us stays frozen: only what $frozen records is ours to thaw. A freeze for another cluster on this host is kept
# by both: the last one to let go of it thaws.
frozen=$root/$cluster.frozen
frozen_for_another() {
  for other in "$root"/*.frozen; do [ "$other" = "$frozen" ] || [ ! -e "$other" ] || return 0; done
  return 1
}
op_freeze() {
  standing=no
  [ -z "$check" ] || ! sh -c "$check" >/dev/null 2>&1 </dev/null || standing=yes
  if [ -e "$frozen" ]; then
    if [ -z "$check" ] || [ "$standing" = yes ]; then remind; return; fi
  elif [ "$standing" = yes ] && ! frozen_for_another; then
    return 0
  fi
  private_dir "$root"
  printf '%s\n' "$run" >"$frozen" || fail disk-full "cannot write $frozen"
  [ "$standing" = yes ] || said=$(sh -c "$command" 2>&1 </dev/null) || { code=$?; rm -f "$frozen"; fail refused "the command ended with status $code: $said"; }
  remind
}
# Says loudly that it has been frozen for too long. Only says it: what is fenced would start again after a thaw.
reminder=etcdops-frozen-$cluster
remind() {
  [ -n "$after" ] && [ "$kind" = systemd ] && [ "$(id -u)" = 0 ] || return 0
  ! systemctl -q is-active "$reminder.timer" || return 0
  text="etcdops: configuration management of $(uname -n) is still frozen by run $run, for longer than the ${after} s that it meant to; etcdops resume $run, or etcdops runs abandon $run"
  try systemd-run --quiet --collect --unit="$reminder" --on-active="${after}s" --on-unit-active=1h --timer-property=AccuracySec=1s /bin/sh -c 'if [ -e "$1" ]; then logger -p user.crit -t etcdops -- "$2"; wall "$2" 2>/dev/null; else systemctl stop "$3.timer"; fi' sh "$frozen" "$text" "$reminder"
}
op_thaw() {
  [ -e "$frozen" ] || return 0
  frozen_for_another || said=$(sh -c "$command" 2>&1 </dev/null) || fail refused "the command ended with status $?: $said"
  rm -f "$frozen"
  [ "$kind" != systemd ] || systemctl stop "$reminder.timer" 2>/dev/null
  return 0
}
# A freeze that stands for another cluster only is none of ours.
op_freeze_check() {
  if ! sh -c "$command" >/dev/null 2>&1 </dev/null; then put frozen no
  elif [ ! -e "$frozen" ] && frozen_for_another; then put frozen no
  else put frozen yes; fi
}
op_clock() { put nanos "$(date +%s%N)"; }
