# The unit of systemd. Every drop-in of ours in /run is named zz-etcdops-…, to be read last, and is gone after a reboot.
drop_in=/run/systemd/system/$unit.service.d
ours=/run/etcdops/$unit
fence=$root/$cluster.fenced
fence_conf=/etc/systemd/system/$unit.service.d/zz-etcdops-fence.conf
show() { systemctl show "$unit.service" -p "$1" --value 2>/dev/null; }
exists() { [ "$(show LoadState)" = loaded ] || fail missing "there is no unit $unit.service on this host"; }
op_reload() { reload; }
reload() { try systemctl daemon-reload; }
# Type=notify waits for quorum, and the default limit of 90 s kills a member that receives a big database.
# Stays in /run until the unit is stopped by us, or the host restarts: taken away earlier it would count again.
# What follows is written before systemd reads its files once.
patient() {
  exists
  changed=
  [ "$1" = no ] || systemctl is-enabled --quiet "$unit.service" 2>/dev/null || { try systemctl --no-reload enable "$unit.service"; changed=yes; }
  case $(show TimeoutStartUSec) in infinity) ;; *)
    try mkdir -p "$drop_in"
    printf '[Service]\nTimeoutStartSec=infinity\n' >"$drop_in/zz-etcdops-start.conf" || fail disk-full "cannot write $drop_in"
    changed=yes ;;
  esac
  # Killed between a removal and what follows it: systemd would start etcd with what is gone, and fail.
  for known in $(show DropInPaths); do case $known in */zz-etcdops-*) [ -e "$known" ] || changed=yes ;; esac; done
  [ -z "$changed" ] || reload
  systemctl reset-failed "$unit.service" 2>/dev/null
  return 0
}
again_unit() { printf 'etcdops-start-again-%s' "$(printf '%s' "$unit" | tr -c 'A-Za-z0-9\n' _)"; }
disarm_again() { systemctl stop "$(again_unit).timer" 2>/dev/null; return 0; }
# Armed before the stop: etcd comes back also when nobody is left to start it.
arm_again() {
  [ "$again" != 0 ] || return 0
  disarm_again
  try systemd-run --quiet --collect --unit="$(again_unit)" --on-active="${again}s" --timer-property=AccuracySec=1s systemctl start --no-block "$unit.service"
}
op_start() {
  [ ! -e "$fence_conf" ] || fail refused "etcd is fenced on this host: $fence_conf"
  patient "$enable"
  try systemctl start --no-block "$unit.service"
  disarm_again
}
op_restart() { patient no; try systemctl restart --no-block "$unit.service"; }
op_stop() {
  exists
  [ "$disable" = no ] || try systemctl disable "$unit.service"
  arm_again
  try systemctl stop "$unit.service"
  if [ -e "$drop_in/zz-etcdops-start.conf" ]; then rm -f "$drop_in/zz-etcdops-start.conf"; rmdir "$drop_in" 2>/dev/null; reload; fi
  return 0
}
op_fence() {
  private_dir "$root"
  try mkdir -p "${fence_conf%/*}"
  printf 'since %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$fence" || fail disk-full "cannot write $fence"
  printf '# Set by etcdops: this member must not start. Lifted by etcdops, or by removing %s.\n[Unit]\nAssertPathExists=!%s\n' "$fence" "$fence" >"$fence_conf" || fail disk-full "cannot write $fence_conf"
  sync "$fence" "$fence_conf"
  reload
  case " $(show DropInPaths) " in *" $fence_conf "*) ;; *) fail refused "systemd does not read $fence_conf" ;; esac
  # From here on nothing starts it again. A start that is asked for while it stops cancels the stop, and is then refused.
  n=0
  while :; do
    case $(show ActiveState) in active | activating | reloading | deactivating) ;; *) break ;; esac
    [ $n -lt 300 ] || fail refused "$unit.service does not stop: $said"
    n=$((n + 1))
    said=$(systemctl stop "$unit.service" 2>&1) || sleep 0.2
  done
  if said=$(timeout 10 systemctl start "$unit.service" 2>&1); then started=yes; else started=no; fi
  case $(show ActiveState) in active | activating | reloading) started=yes ;; esac
  if [ $started = yes ]; then
    systemctl stop "$unit.service"
    fail refused "the fence does not hold: a start was not refused (stopped again)"
  fi
  systemctl reset-failed "$unit.service" 2>/dev/null
  return 0
}
op_unfence() {
  try rm -f "$fence_conf" "$fence"
  rmdir "${fence_conf%/*}" 2>/dev/null
  reload
}
# From $env (lines for an EnvironmentFile), $exec (lines for the drop-in), $copy (a config file edited) and $settings.
op_override() {
  exists
  try mkdir -p "$ours" "$drop_in"
  chmod 755 /run/etcdops "$ours"
  if [ -n "$copy" ]; then
    try cp -p "$original" "$ours/$name.yaml"
    printf '%s' "$copy" | base64 -d >"$ours/$name.yaml" || fail disk-full "cannot write $ours/$name.yaml"
  fi
  ( umask 077; printf '%s' "$env" | base64 -d >"$ours/$name.env" ) || fail disk-full "cannot write $ours/$name.env"
  printf '%s\n' "$settings" >"$ours/$name.settings" || fail disk-full "cannot write $ours/$name.settings"
  { printf '# Set by etcdops until the override %s is taken away.\n[Service]\nEnvironmentFile=%s\n' "$name" "$ours/$name.env"; printf '%s' "$exec" | base64 -d; } >"$drop_in/zz-etcdops-$name.conf" || fail disk-full "cannot write $drop_in"
  reload
}
op_drop_override() {
  [ -e "$drop_in/zz-etcdops-$name.conf" ] || [ -e "$ours/$name.settings" ] || return 0
  try rm -f "$drop_in/zz-etcdops-$name.conf" "$ours/$name.env" "$ours/$name.yaml" "$ours/$name.settings"
  rmdir "$drop_in" "$ours" 2>/dev/null
  reload
}
lease_unit() { printf 'etcdops-lease-%s-%s' "$(printf '%s' "$unit" | tr -c 'A-Za-z0-9\n' _)" "$name"; }
op_arm_lease() {
  command -v curl >/dev/null || command -v "$instead" >/dev/null || fail unsupported "this host has neither curl nor $instead"
  try mkdir -p "$ours"
  lease=$(lease_unit)
  systemctl stop "$lease.timer" "$lease.service" 2>/dev/null
  ( umask 077; printf '%s' "$lease_script" | base64 -d >"$ours/$name.lease.sh" ) || fail disk-full "cannot write $ours/$name.lease.sh"
  date -u -d "@$(( $(date +%s) + after ))" +%Y-%m-%dT%H:%M:%SZ >"$ours/$name.lease"
  try systemd-run --quiet --collect --unit="$lease" --on-active="${after}s" --timer-property=AccuracySec=1s -p KillMode=process /bin/sh "$ours/$name.lease.sh"
}
op_disarm_lease() {
  lease=$(lease_unit)
  systemctl stop "$lease.timer" 2>/dev/null
  systemctl stop "$lease.service" 2>/dev/null
  systemctl reset-failed "$lease.service" 2>/dev/null
  try rm -f "$ours/$name.lease" "$ours/$name.lease.sh"
}
# What decides where etcd logs to: its unit and the files that it names, also while it is stopped, and its process.
unit_texts() {
  systemctl cat "$unit.service"
  systemctl show "$unit.service" -p EnvironmentFiles --value | sed 's/ (ignore_errors=.*//' | while IFS= read -r f; do cat "$f"; done
  pid=$(show MainPID)
  [ "${pid:-0}" -gt 0 ] || return 0
  tr '\0' '\n' <"/proc/$pid/environ"
  tr '\0' ' ' <"/proc/$pid/cmdline"
}
# Files that the unit or etcd itself logs to, one on each line.
log_files() {
  text=$(unit_texts 2>/dev/null | grep -v '^[[:space:]]*[#;]')
  printf '%s\n' "$text" | sed -n -E 's/^Standard(Output|Error)=(file|append|truncate)://p'
  { printf '%s\n' "$text" | candidates LOG_OUTPUTS log-outputs
    printf '%s\n' "$text" | candidates CONFIG_FILE config-file | while IFS= read -r f; do
      awk '/^log-outputs:/ { on = 1; print; next } on && /^ *-/ { print; next } { on = 0 }' "$f" 2>/dev/null
    done
  } | tr ',[]"'"'"' ' '\n' | grep '^/'
}
some() { if [ -n "$contains" ]; then grep -F -- "$contains" | tail -n "$lines"; else cat; fi; }
op_log() {
  most=$lines
  [ -z "$contains" ] || most=50000
  set -- -u "$unit.service" --no-pager -o short-unix --no-hostname -n "$most"
  [ -z "$since" ] || set -- "$@" --since "-${since}s"
  put zone "$(date +%z)"
  journalctl -q "$@" 2>/dev/null | some | pute log
  log_files | sort -u | while IFS= read -r f; do
    [ -f "$f" ] || continue
    [ -z "$since" ] || [ -n "$(find -L "$f" -newermt "@$(($(date +%s) - since))" 2>/dev/null)" ] || continue
    tail -n "$most" "$f" 2>/dev/null | some | pute log
  done
  return 0
}
op_leftovers() {
  [ ! -e "$fence_conf" ] || put fenced yes
  left_behind
}
left_behind() {
  for f in "$ours"/*.settings; do [ ! -e "$f" ] || { f=${f##*/}; put override "${f%.settings}"; }; done
  for f in "$ours"/*.lease; do [ ! -e "$f" ] || { v=$(cat "$f"); f=${f##*/}; put lease "${f%.lease} $v"; }; done
}
