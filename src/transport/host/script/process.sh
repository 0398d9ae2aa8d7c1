# A plain process of the playground, in $folder: argv and env (one per line), pid (`PID STARTTICKS`), log, data, state.
ours=$root
fence=$root/$cluster.fenced
ticks() { s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; set -- $s; [ "$1" != Z ] && printf '%s' "${20}"; }
alive() {
  pid=; began=
  [ -s "$folder/pid" ] && read -r pid began <"$folder/pid" && [ -n "$began" ] && [ "$(ticks "$pid")" = "$began" ]
}
exists() { [ -s "$folder/argv" ] || fail missing "there is no $folder/argv"; }
op_start() {
  exists
  [ ! -e "$fence" ] || fail refused "etcd is fenced on this host: $fence"
  ! alive || return 0
  [ "$enable" = no ] || put note "a playground member cannot be started at boot"
  launch_process
}
# Overrides come last: a later value of the same name wins, for `env` as for etcd's flags.
launch_process() {
  cd "$folder" || fail missing "there is no folder $folder"
  {
    [ ! -e env ] || cat env
    for f in "$ours"/*.env; do [ ! -e "$f" ] || cat "$f"; done
    printf 'PATH=%s\nHOME=%s\n' "$PATH" "${HOME:-/}"
    cat argv
    for f in "$ours"/*.args; do [ ! -e "$f" ] || cat "$f"; done
  } | tr '\n' '\0' | xargs -0 setsid sh -c '
    s=$(cat /proc/$$/stat); s=${s##*) }; f=$1; shift
    exec 7>&- 8>&- 9>&- </dev/null >>"$f/log" 2>&1
    echo "$$ $(echo "$s" | cut -d" " -f20)" >"$f/pid.new" && mv -f "$f/pid.new" "$f/pid"
    exec env -i "$@"' sh "$folder" >/dev/null 2>&1 &
  n=0
  until alive || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.02; done
  [ $n -lt 100 ] || fail refused "etcd ended at once: $(tail -n 1 "$folder/log")"
}
end_process() {
  if alive; then
    kill -TERM "$pid"
    n=0
    while alive; do
      n=$((n + 1))
      [ $n != 600 ] || kill -KILL "$pid"
      sleep 0.05
    done
  fi
  rm -f "$folder/pid"
}
op_stop() { exists; end_process; }
op_restart() { exists; [ ! -e "$fence" ] || fail refused "etcd is fenced on this host: $fence"; end_process; launch_process; }
op_reload() { :; }
op_fence() { private_dir "$root"; date >"$fence" || fail disk-full "cannot write $fence"; end_process; }
op_unfence() { try rm -f "$fence"; }
op_override() {
  exists
  private_dir "$root"
  printf '%s' "$env" | base64 -d >"$ours/$name.env" || fail disk-full "cannot write $ours/$name.env"
  printf '%s' "$exec" | base64 -d >"$ours/$name.args" || fail disk-full "cannot write $ours/$name.args"
  printf '%s\n' "$settings" >"$ours/$name.settings" || fail disk-full "cannot write $ours/$name.settings"
}
op_drop_override() { try rm -f "$ours/$name.env" "$ours/$name.args" "$ours/$name.settings"; }
# No timer here: a sleeping process, which a reboot ends together with etcd.
op_arm_lease() {
  command -v curl >/dev/null || command -v "$instead" >/dev/null || fail unsupported "this host has neither curl nor $instead"
  op_disarm_lease
  private_dir "$root"
  printf '%s' "$lease_script" | base64 -d >"$ours/$name.lease.sh" || fail disk-full "cannot write $ours/$name.lease.sh"
  date -u -d "@$(( $(date +%s) + after ))" +%Y-%m-%dT%H:%M:%SZ >"$ours/$name.lease"
  setsid sh -c 'exec 7>&- 8>&- 9>&-; s=$(cat /proc/$$/stat); s=${s##*) }; echo "$$ $(echo "$s" | cut -d" " -f20)" >"$1.pid"; sleep "$2"; exec sh "$1.sh"' sh "$ours/$name.lease" "$after" </dev/null >/dev/null 2>&1 &
  n=0; until [ -s "$ours/$name.lease.pid" ] || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.02; done
}
op_disarm_lease() {
  if [ -s "$ours/$name.lease.pid" ]; then
    read -r pid began <"$ours/$name.lease.pid"
    [ "$(ticks "$pid")" != "$began" ] || kill -TERM "-$pid" 2>/dev/null
  fi
  try rm -f "$ours/$name.lease" "$ours/$name.lease.sh" "$ours/$name.lease.pid"
}
op_log() {
  put zone "$(date +%z)"
  if [ -n "$contains" ]; then grep -F -- "$contains" "$folder/log"; else cat "$folder/log"; fi 2>/dev/null | tail -n "$lines" | pute log
}
op_leftovers() {
  [ ! -e "$fence" ] || put fenced yes
  left_behind
}
left_behind() {
  for f in "$ours"/*.settings; do [ ! -e "$f" ] || { f=${f##*/}; put override "${f%.settings}"; }; done
  for f in "$ours"/*.lease; do [ ! -e "$f" ] || { v=$(cat "$f"); f=${f##*/}; put lease "${f%.lease} $v"; }; done
}
