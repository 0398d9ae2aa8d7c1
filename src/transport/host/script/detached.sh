# A change that outlives us. $root/$run/$key holds script, input, stdout, stderr, status.
# While it runs, its runner holds $key/running alone and $run/lock together with others; what it starts holds neither.
dir=$root/$run/$key
tell() {
  if [ -s "$dir/status" ]; then
    put state ended
    put code "$(cat "$dir/status")"
    head -c 1048576 "$dir/stdout" | pute stdout
    tail -c 65536 "$dir/stderr" | pute stderr
  elif [ ! -e "$dir/started" ]; then
    put state absent
  elif ! flock -n -s "$dir/running" true; then
    put state running
    put seconds "$(( $(date +%s) - $(stat -c %Y "$dir/started") ))"
  elif [ -s "$dir/status" ]; then
    tell
  else
    put state vanished
  fi
}
launch() {
  printf "%s" "${SUDO_USER:-}" >"$dir/login"
  printf '%s' "$body" | base64 -d >"$dir/script" || fail disk-full "cannot write $dir/script"
  cat >"$dir/runner" <<'EOF'
exec 9>>"$1" 8>>"$2/running" </dev/null >/dev/null 2>&1
flock -s 9; flock 8
: >"$2/began"
cd /
sh "$2/script" "$2" 8>&- 9>&- >"$2/stdout" 2>"$2/stderr"
echo $? >"$2/status.new" && sync "$2/status.new"
mv -f "$2/status.new" "$2/status"
EOF
  [ -s "$dir/runner" ] || fail disk-full "cannot write $dir/runner"
  : >"$dir/started" || fail disk-full "cannot write $dir/started"
  if [ "$kind" = systemd ] && [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
    said=$(systemd-run --quiet --collect --unit="$job" -p KillMode=process -p Type=exec -- /bin/sh "$dir/runner" "$root/$run/lock" "$dir" 2>&1) || {
      rm -f "$dir/started"
      fail refused "systemd-run: $said"
    }
  else
    setsid sh "$dir/runner" "$root/$run/lock" "$dir" 7>&- </dev/null >/dev/null 2>&1 &
  fi
  n=0
  until [ -e "$dir/began" ] || [ $n -ge 500 ]; do n=$((n + 1)); sleep 0.02; done
}
# Starts it once, whoever asks and however often, and waits for its end.
begin() {
  umask 077
  private_dir "$root"
  try mkdir -p "$dir"
  exec 7>>"$dir/start" || fail disk-full "cannot write $dir/start"
  flock 7
  [ -e "$dir/started" ] || launch
  exec 7>&-
  flock -w "$bound" -s "$dir/running" true
  tell
}
