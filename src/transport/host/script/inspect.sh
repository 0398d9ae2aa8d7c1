# Raw facts about the service in one go; what they mean is decided by the reader.
holders() {
  # Compared by device and inode, so that links, bind mounts and containers do not hide a process.
  { find "$1" -maxdepth 4 -printf 'D %D:%i\n'
    find -L /proc/[0-9]*/fd -maxdepth 1 \( -type f -o -type d \) -printf 'P %D:%i %h\n'
  } 2>/dev/null | awk '$1 == "D" { s[$2] = 1; next } s[$2] && $3 != "/proc" { split($3, a, "/"); print a[3] }' | sort -un |
    while read -r holder; do
      [ "$holder" = $$ ] || put holder "$1
$holder $(tr '\0' ' ' <"/proc/$holder/cmdline" | cut -c1-200)"
    done
}
# What etcd's user may not write, as far as the unit alone decides that.
closed() {
  [ -z "$maker" ] || setpriv --reuid="$maker" --regid="$(id -g -- "$maker")" --init-groups test -w "$2" 2>/dev/null || [ $? != 1 ] || put "$1" "$3"
}
one_dir() {
  closed closed "$(nearest "$1")" "$1"
  closed closed_around "$(nearest "$(dirname -- "$1")")" "$1"
  [ -d "$1" ] || { [ ! -e "$1" ] || put file "$1"; return; }
  [ -n "$(ls -A -- "$1" 2>/dev/null)" ] && put dir "$1" || { put dir "$1"; put dir_empty "$1"; }
  is_mount "$1" && put dir_mount "$1"
  put dir_size "$1
$(du -skc -- "$1/member" "$1"/*.wal 2>/dev/null | sed -n '$s/[^0-9].*//p')"
  holders "$1"
}
versions() {
  {
    [ "${1##*/}" != etcd ] || "$1" --version | head -n 1 &
    etcdutl version | head -n 1 &
    env -u ETCDCTL_API etcdctl version | grep -i 'etcdctl version' || etcdctl --version | head -n 1 &
    wait
  } 2>/dev/null
}
running() {
  [ -n "$1" ] && [ "$1" != 0 ] && [ -d "/proc/$1" ] || return
  pute environ <"/proc/$1/environ"
  pute cmdline <"/proc/$1/cmdline"
  s=$(cat "/proc/$1/stat"); put stat "${s##*) }"
  put btime "$(sed -n 's/^btime //p' /proc/stat)"
}
facts_systemd() {
  shown=$(systemctl show "$unit.service" -p LoadState -p ActiveState -p SubState -p InvocationID -p MainPID -p FragmentPath -p DropInPaths -p User -p Environment -p EnvironmentFiles -p ExecStart -p UnitFileState -p ExecMainStatus -p ExecMainCode -p NeedDaemonReload -p Names -p ExecStartPre -p StateDirectory)
  put show "$shown"
  text=$(systemctl cat "$unit.service" 2>/dev/null)
  put cat "$text"
  put hostname "$(uname -n)"
  files=$(printf '%s\n' "$shown" | sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=.*/\1/p')
  pid=$(printf '%s\n' "$shown" | sed -n 's/^MainPID=//p')
  binary=$(printf '%s\n' "$shown" | sed -n 's/^ExecStart={ path=\([^ ]*\) ;.*/\1/p' | tail -n 1)
  for f in $files; do
    [ ! -e "$f" ] || { put env_file "$f
$(cat "$f")"; text="$text
$(cat "$f")"; }
  done
  [ ! -e "$fence_conf" ] || put fence_conf "$fence_conf"
  [ ! -e "$fence" ] || put fence "$fence"
  # With a command before the start, or a folder that systemd makes, what etcd may make by itself decides nothing.
  maker=$(printf '%s\n' "$shown" | sed -n 's/^User=//p')
  [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && id -- "$maker" >/dev/null 2>&1 || maker=
  ! printf '%s\n' "$shown" | grep -Eq '^(ExecStartPre|StateDirectory)=.' || maker=
  case $(printf '%s\n' "$shown" | sed -n 's/^ActiveState=//p').$(printf '%s\n' "$shown" | sed -n 's/^SubState=//p') in
    active.running) ;;
    *) journalctl -q -u "$unit.service" -n 30 --no-pager -o cat 2>/dev/null | pute log ;;
  esac
}
facts_process() {
  [ -s "$folder/argv" ] || return
  put argv "$(cat "$folder/argv")"
  text=$(cat "$folder/argv"; cat "$folder/env" 2>/dev/null)
  [ ! -e "$folder/env" ] || put env_file "$folder/env
$(cat "$folder/env")"
  for f in "$ours"/*.env; do [ ! -e "$f" ] || put env_file "$f
$(cat "$f")"; done
  for f in "$ours"/*.args; do [ ! -e "$f" ] || put args "$(cat "$f")"; done
  binary=$(head -n 1 "$folder/argv")
  [ ! -e "$fence" ] || { put fence "$fence"; put fence_conf "$fence"; }
  if alive; then put pid "$pid $began"; else [ -z "$began" ] || put ended "$pid $began"; pid=; tail -n 30 "$folder/log" 2>/dev/null | pute log; fi
}
config_files() {
  printf '%s\n' "$text" | candidates CONFIG_FILE config-file | while IFS= read -r f; do
    [ ! -f "$f" ] || put config "$f
$(cat "$f")"
  done
}
op_inspect() {
  binary=; pid=; text=; maker=
  "facts_$kind"
  running "$pid"
  [ -z "$pid" ] || [ "$pid" = 0 ] || text="$text
$(tr '\0' '\n' <"/proc/$pid/environ")
$(tr '\0' ' ' <"/proc/$pid/cmdline")"
  config_files
  configs=$(printf '%s\n' "$text" | candidates CONFIG_FILE config-file | while IFS= read -r f; do [ ! -f "$f" ] || sed -n 's/^ *\(data\|wal\)-dir: *["'\'']\{0,1\}\([^"'\'']*\).*/\2/p' "$f"; done)
  { printf '%s\n' "$text" | candidates DATA_DIR data-dir; printf '%s\n' "$text" | candidates WAL_DIR wal-dir; printf '%s\n%s\n' "$configs" "$dirs"; } | grep '^/.' | sort -u |
    while IFS= read -r d; do one_dir "$d"; done
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { split($2, a, ":"); print a[2] }' | sort -u | pute listen
  put versions "$(versions "$binary")"
  for f in curl openssl bash; do ! command -v "$f" >/dev/null || put program "$f"; done
  for f in "$ours"/*.settings; do
    [ ! -e "$f" ] || { n=${f##*/}; n=${n%.settings}; [ "$kind" != systemd ] || [ -e "$drop_in/zz-etcdops-$n.conf" ] || continue; put override "$n
$(cat "$f")"; }
  done
  for f in "$ours"/*.lease; do [ ! -e "$f" ] || { n=${f##*/}; put lease "${n%.lease} $(cat "$f")"; }; done
}
