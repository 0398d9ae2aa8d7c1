# Names and sizes of what a data directory holds; nothing is written or locked.
op_list() {
  put data_files "$(find "$data/member/snap" -maxdepth 1 -type f -printf '%s %f\n' 2>/dev/null)"
  put log_files "$(find -L "$log" -maxdepth 1 -type f -printf '%s %f\n' 2>/dev/null)"
  put data_there "$([ -d "$data/member" ] && echo yes)"
}
# A part of a file as it is.
op_range() {
  [ -f "$path" ] || fail missing "$path is not there"
  size=$(stat -L -c %s -- "$path") || fail refused "$path cannot be read"
  left=$((size - offset))
  [ "$left" -gt 0 ] || left=0
  [ "$left" -lt "$length" ] || left=$length
  put size "$size"
  printf 'bytes:%s\n' "$left"
  dd if="$path" bs=64K iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$left" status=none
  echo
}
