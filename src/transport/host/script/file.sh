nearest() { p=$1; while [ ! -e "$p" ] && [ "$p" != / ] && [ "$p" != . ]; do p=$(dirname -- "$p"); done; printf '%s' "$p"; }
is_mount() { [ -d "$1" ] && [ "$(stat -c %m -- "$1" 2>/dev/null)" = "$(readlink -f -- "$1")" ]; }
op_stat() {
  if [ -L "$path" ]; then put kind link
  elif [ -f "$path" ]; then put kind file
  elif [ -d "$path" ]; then put kind dir
  elif [ -e "$path" ]; then put kind other
  else return 0; fi
  [ -e "$path" ] || return 0
  put mode "$(stat -L -c %a -- "$path")"
  put owner "$(stat -L -c %U:%G -- "$path")"
  if [ -f "$path" ]; then
    size=$(stat -L -c %s -- "$path"); put size "$size"
    [ "$size" -gt 65536 ] || pute content <"$path"
    put sha256 "$(sha256sum <"$path" | cut -d' ' -f1)"
    [ "$size" != 0 ] || put empty yes
  elif [ -d "$path" ]; then
    put size "$(du -sb -- "$path" | cut -f1)"
    [ -n "$(ls -A -- "$path")" ] || put empty yes
    is_mount "$path" && put mount yes
  fi
  return 0
}
op_disk() {
  try df -P -B1 -- "$(nearest "$path")"
  put disk "$said"
}
# Gives the file at $1 the asked mode and owner, or those of the file that it replaces.
dress() {
  if [ -n "$mode" ]; then try chmod -- "$mode" "$1"; elif [ -e "$path" ]; then try chmod --reference="$path" -- "$1"; else try chmod 644 -- "$1"; fi
  if [ -n "$owner" ]; then try chown -- "$owner" "$1"; elif [ -e "$path" ]; then try chown --reference="$path" -- "$1"; fi
}
keep_old() {
  [ -e "$path" ] && [ -n "$keep" ] || return 0
  private_dir "$keep"
  kept=$keep/$(printf '%s' "$path" | tr / +)
  [ -e "$kept" ] || try cp -p -- "$path" "$kept"
}
op_write() {
  [ ! -d "$path" ] || fail refused "$path is a folder"
  if [ -f "$path" ] && cmp -s -- "$input" "$path" && [ -z "$mode$owner" ]; then return 0; fi
  new=$path.etcdops-new
  try mkdir -p -- "$(dirname -- "$path")"
  try cp -- "$input" "$new"
  dress "$new"
  keep_old
  try sync -- "$new"
  try mv -f -T -- "$new" "$path"
  sync -- "$(dirname -- "$path")"
}
receive() {
  [ -e "$path" ] && [ "$(sha256sum <"$path" | cut -d' ' -f1)" = "$sha256" ] && return 0
  umask 077
  try mkdir -p -- "$(dirname -- "$path")"
  said=$(head -c "$size" 2>&1 >"$path.etcdops-part") || fail disk-full "${said:-cannot write $path.etcdops-part}"
  [ "$(stat -c %s -- "$path.etcdops-part")" = "$size" ] || fail lost "only a part of the file arrived"
}
op_put() {
  if [ -f "$path" ] && [ "$(sha256sum <"$path" | cut -d' ' -f1)" = "$sha256" ]; then dress "$path"; return 0; fi
  part=$path.etcdops-part
  [ -f "$part" ] || fail missing "$part is not there"
  got=$(sha256sum <"$part" | cut -d' ' -f1)
  [ "$got" = "$sha256" ] || fail refused "the file that arrived has SHA-256 $got, not $sha256"
  dress "$part"
  [ ! -e "$path" ] || try mv -T -- "$path" "$path.before-$run"
  try sync -- "$part"
  try mv -f -T -- "$part" "$path"
}
same_filesystem() { [ "$(stat -c '%d %m' -- "$1")" = "$(stat -c '%d %m' -- "$2")" ]; }
op_rename() {
  [ -e "$from" ] || [ -L "$from" ] || fail missing "$from is not there"
  [ ! -e "$to" ] && [ ! -L "$to" ] || fail refused "$to is there already"
  parent=$(dirname -- "$to")
  [ -d "$parent" ] || fail missing "the folder $parent is not there"
  ! is_mount "$from" || fail unsupported "$from is a mount point and cannot be renamed"
  same_filesystem "$(dirname -- "$from")" "$parent" || fail unsupported "$from and $to are on different file systems: this would be a copy, not a rename"
  try mv -n -T -- "$from" "$to"
  [ -e "$to" ] && [ ! -e "$from" ] || fail refused "the rename had no effect"
  sync -- "$parent"
}
op_move_aside() {
  if ! is_mount "$path"; then from=$path; op_rename; return; fi
  inside=$path/$(basename -- "$to")
  try mkdir -p -m 700 -- "$inside"
  for entry in "$path"/* "$path"/.[!.]* "$path"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    case $entry in "$inside" | "$path/lost+found") continue ;; "$path"/*.etcdops-*) continue ;; esac
    try mv -n -- "$entry" "$inside/"
  done
  sync -- "$path"
}
op_own() {
  [ -e "$path" ] || fail missing "$path is not there"
  try chown -R -h -- "$owner" "$path"
  [ -z "$mode" ] || try chmod -- "$mode" "$path"
}
