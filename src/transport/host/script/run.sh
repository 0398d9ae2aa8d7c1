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
op_freeze() { said=$(sh -c "$command" 2>&1 </dev/null) || fail refused "the command ended with status $?: $said"; }
op_freeze_check() { if sh -c "$command" >/dev/null 2>&1 </dev/null; then put frozen yes; else put frozen no; fi; }
op_clock() { put nanos "$(date +%s%N)"; }
