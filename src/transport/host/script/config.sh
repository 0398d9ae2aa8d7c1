# The files that hold etcd's settings, byte for byte; what they mean is decided by the reader.
source_file() {
  [ -n "$2" ] || return 0
  there=no; [ ! -e "$2" ] || there=yes
  { printf '%s\n%s\n%s\n%s\n' "$1" "$there" "$2" "$(readlink -f -- "$2")"; [ ! -f "$2" ] || head -c 1048577 -- "$2"; } | pute source
}
op_read_config() {
  binary=; pid=; text=; files=
  "facts_$kind"
  [ -z "$binary" ] || [ "$(head -c 2 -- "$binary" 2>/dev/null)" != '#!' ] || put wrapper "$binary"
  config_files
  if [ "$kind" = systemd ]; then
    source_file unit "$fragment"
    for f in $drop_ins; do source_file drop-in "$f"; done
    for f in $files; do source_file env-file "$f"; done
  else
    source_file unit "$folder/argv"
    source_file env-file "$folder/env"
  fi
  printf '%s\n' "$text" | candidates CONFIG_FILE config-file | while IFS= read -r f; do source_file etcd-file "$f"; done
}
