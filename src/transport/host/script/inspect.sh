# Raw facts about the service in one go; what they mean is decided by the reader. Asked often: as few programs as possible.
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
  [ -n "$maker" ] || return 0
  find_nearest "$1"; there=$p
  around=${1%/}; around=${around%/*}; find_nearest "${around:-/}"
  case $(setpriv --reuid="$maker" --regid="$group" --init-groups sh -c 'test -w "$1"; a=$?; test -w "$2"; echo "$a$?"' sh "$there" "$p" 2>/dev/null) in
    11) put closed "$1"; put closed_around "$1" ;;
    10) put closed "$1" ;;
    01) put closed_around "$1" ;;
  esac
}
holds_nothing() {
  for e in "$1"/* "$1"/.[!.]* "$1"/..?*; do [ ! -e "$e" ] && [ ! -L "$e" ] || return 1; done
}
one_dir() {
  closed "$1"
  [ -d "$1" ] || { [ ! -e "$1" ] || put file "$1"; return; }
  put dir "$1"
  ! holds_nothing "$1" || put dir_empty "$1"
  ! is_mount "$1" || put dir_mount "$1"
  size=$(du -skc -- "$1/member" "$1"/*.wal 2>/dev/null); size=${size##*
}
  put dir_size "$1
${size%%[!0-9]*}"
  # Of a member that runs it is known who holds it.
  [ "${pid:-0}" != 0 ] || holders "$1"
}
on_path() { IFS=:; for d in $PATH; do [ -f "$d/$1" ] && [ -x "$d/$1" ] && { at=$d/$1; break; }; done; unset IFS; }
tell_versions() {
  {
    [ "${1##*/}" != etcd ] || "$1" --version | head -n 1 &
    etcdutl version | head -n 1 &
    env -u ETCDCTL_API etcdctl version | grep -i 'etcdctl version' || etcdctl --version | head -n 1 &
    wait
  } 2>/dev/null
}
# The programs need not tell again what they have told, while they are the same files.
versions() {
  etcd=$1
  set --
  [ "${etcd##*/}" != etcd ] || set -- "$etcd"
  for f in etcdutl etcdctl; do at=; on_path $f; [ -z "$at" ] || set -- "$@" "$at"; done
  [ $# = 0 ] || files_now=$(stat -L -c '%s %d:%i:%Y:%Z %n' -- "$@" 2>/dev/null)
  put programs_now "$files_now"
  if [ -n "$files_now" ] && [ "$files_now" = "$programs_then" ]; then put versions "$versions_then"; else put versions "$(tell_versions "$etcd")"; fi
}
running() {
  [ -n "$1" ] && [ "$1" != 0 ] && [ -d "/proc/$1" ] || return
  pute environ <"/proc/$1/environ"
  pute cmdline <"/proc/$1/cmdline"
  s=; read -r s <"/proc/$1/stat"; put stat "${s##*) }"
  put btime "$(sed -n 's/^btime //p' /proc/stat)"
}
facts_systemd() {
  shown=$(systemctl show "$unit.service" -p LoadState -p ActiveState -p SubState -p InvocationID -p MainPID -p FragmentPath -p DropInPaths -p User -p Environment -p EnvironmentFiles -p ExecStart -p UnitFileState -p ExecMainStatus -p ExecMainCode -p NeedDaemonReload -p Names -p ExecStartPre -p StateDirectory)
  put show "$shown"
  fragment= drop_ins= files= before= state= sub=
  set -f; IFS='
'
  for l in $shown; do
    v=${l#*=}
    case $l in
      ActiveState=*) state=$v ;;
      SubState=*) sub=$v ;;
      MainPID=*) pid=$v ;;
      User=*) maker=$v ;;
      FragmentPath=*) fragment=$v ;;
      DropInPaths=*) drop_ins=$v ;;
      EnvironmentFiles=*' (ignore_errors='*) files="$files ${v% (ignore_errors=*}" ;;
      ExecStart='{ path='*) binary=${v#*path=}; binary=${binary%% *} ;;
      ExecStartPre=?* | StateDirectory=?*) before=yes ;;
    esac
  done
  unset IFS; set +f
  text=$(for f in $fragment $drop_ins; do cat -- "$f"; echo; done 2>/dev/null)
  put cat "$text"
  read -r l </proc/sys/kernel/hostname; put hostname "$l"
  for f in $files; do
    [ ! -e "$f" ] || { l=$(cat "$f"); put env_file "$f
$l"; text="$text
$l"; }
  done
  [ ! -e "$fence_conf" ] || put fence_conf "$fence_conf"
  [ ! -e "$fence" ] || put fence "$fence"
  # With a command before the start, or a folder that systemd makes, what etcd may make by itself decides nothing.
  [ -z "$before" ] || maker=
  [ -z "$maker" ] || group=$(id -g -- "$maker" 2>/dev/null) || maker=
  [ "$state.$sub" = active.running ] || journalctl -q -u "$unit.service" -n 30 --no-pager -o cat 2>/dev/null | pute log
}
facts_process() {
  [ -s "$folder/argv" ] || return
  text=$(cat "$folder/argv"); put argv "$text"
  binary=${text%%
*}
  [ ! -e "$folder/env" ] || { l=$(cat "$folder/env"); put env_file "$folder/env
$l"; text="$text
$l"; }
  for f in "$ours"/*.env; do [ ! -e "$f" ] || put env_file "$f
$(cat "$f")"; done
  for f in "$ours"/*.args; do [ ! -e "$f" ] || put args "$(cat "$f")"; done
  [ ! -e "$fence" ] || { put fence "$fence"; put fence_conf "$fence"; }
  if alive; then put pid "$pid $began"; else [ -z "$began" ] || put ended "$pid $began"; pid=; tail -n 30 "$folder/log" 2>/dev/null | pute log; fi
}
# Every place that may name a folder (`D`) or a config file (`C`); the reader knows which of them counts.
named() {
  set -- 's/.*ETCD_' '=\{0,1\}["'\'']\{0,1\}\([^ "'\'']*\).*/' 's/.*--\{0,1\}' '[= ]["'\'']\{0,1\}\([^ "'\'']*\).*/'
  sed -n "h;${1}DATA_DIR${2}D\1/p;g;${3}data-dir${4}D\1/p;g;${1}WAL_DIR${2}D\1/p;g;${3}wal-dir${4}D\1/p;g;${1}CONFIG_FILE${2}C\1/p;g;${3}config-file${4}C\1/p"
}
# Puts the config files that $text names, and leaves in $folders what they and the others name.
config_files() {
  told= folders=
  set -f; IFS='
'
  for l in $(printf '%s\n' "$text" | named); do
    unset IFS; set +f
    case $told in *"<$l>"*) continue ;; esac
    told="$told<$l>"
    f=${l#?}
    case $l in
      D/*) folders="$folders
$f" ;;
      C?*) [ ! -f "$f" ] || { l=$(cat "$f"); put config "$f
$l"; folders="$folders
$(printf '%s\n' "$l" | sed -n 's/^ *\(data\|wal\)-dir: *["'\'']\{0,1\}\([^"'\'']*\).*/\2/p')"; } ;;
    esac
  done
  unset IFS; set +f
}
op_inspect() {
  binary=; pid=; text=; maker=; files_now=
  "facts_$kind"
  running "$pid"
  [ "${pid:-0}" = 0 ] || text="$text
$({ tr '\0' '\n' <"/proc/$pid/environ"; tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null)"
  config_files
  told=
  set -f; IFS='
'
  for d in $folders $dirs; do
    unset IFS; set +f
    case $told in *"<$d>"*) continue ;; esac
    told="$told<$d>"
    case $d in /?*) one_dir "$d" ;; esac
  done
  unset IFS; set +f
  put listen "$(awk '$4 == "0A" { p = substr($2, index($2, ":") + 1); if (!(p in s)) print p; s[p] = 1 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)"
  versions "$binary"
  for f in curl openssl bash; do ! command -v "$f" >/dev/null || put program "$f"; done
  for f in "$ours"/*.settings; do
    [ ! -e "$f" ] || { n=${f##*/}; n=${n%.settings}; [ "$kind" != systemd ] || [ -e "$drop_in/zz-etcdops-$n.conf" ] || continue; put override "$n
$(cat "$f")"; }
  done
  for f in "$ours"/*.lease; do [ ! -e "$f" ] || { n=${f##*/}; put lease "${n%.lease} $(cat "$f")"; }; done
}
