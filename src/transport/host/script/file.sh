find_nearest() { p=$1; while [ ! -e "$p" ] && [ "$p" != / ] && [ "$p" != . ]; do p=$(dirname -- "$p"); done; }
nearest() { find_nearest "$1"; printf '%s' "$p"; }
is_mount() { [ -d "$1" ] && at=$(stat -c %m -- "$1" 2>/dev/null) && { [ "$at" = "$1" ] || [ "$at" = "$(cd -P -- "$1" && pwd -P)" ]; }; }
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
    put sha256 "$(digest "$path")"
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
  put device "$(stat -L -c %d -- "$(nearest "$path")" 2>/dev/null)"
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
# Somebody else's change since the look is not written over. $was: the SHA-256 of what was there, `-` for nothing.
as_it_was() {
  [ -n "$was" ] || return 0
  if [ -e "$path" ]; then now=$(digest "$path"); else now=-; fi
  [ "$now" != "$was" ] || return 0
  rm -f -- "$new"
  fail refused "$path has been changed by somebody else since it was looked at; it is as they left it"
}
op_write() {
  [ ! -d "$path" ] || fail refused "$path is a folder"
  if [ -f "$path" ] && cmp -s -- "$input" "$path" && [ -z "$mode$owner" ]; then return 0; fi
  new=$path.etcdops-new
  try mkdir -p -- "$(dirname -- "$path")"
  try cp -- "$input" "$new"
  dress "$new"
  as_it_was
  keep_old
  try sync -- "$new"
  as_it_was
  try mv -f -T -- "$new" "$path"
  sync -- "$(dirname -- "$path")"
}
receive() {
  [ -e "$path" ] && [ "$(digest "$path")" = "$sha256" ] && return 0
  umask 077
  try mkdir -p -- "$(dirname -- "$path")"
  said=$(cat 2>&1 >"$path.etcdops-part") || fail disk-full "${said:-cannot write $path.etcdops-part}"
  [ "$(stat -c %s -- "$path.etcdops-part")" = "$size" ] || fail lost "only a part of the file arrived"
}
# What came before is kept only in the order in which it comes: the first piece begins anew.
receive_piece() {
  umask 077
  part=$path.etcdops-part
  try mkdir -p -- "$(dirname -- "$path")"
  if [ "$offset" = 0 ]; then try rm -f -- "$part"; : >"$part" || fail refused "cannot write $part"; fi
  [ "$(stat -c %s -- "$part" 2>/dev/null)" = "$offset" ] || fail lost "$part does not end where the piece begins, at byte $offset"
  said=$(cat 2>&1 >>"$part") || fail disk-full "${said:-cannot write $part}"
  [ "$(stat -c %s -- "$part")" = "$((offset + length))" ] || fail lost "only a part of the piece arrived"
}
op_put() {
  if [ -f "$path" ] && [ "$(digest "$path")" = "$sha256" ]; then dress "$path"; return 0; fi
  part=$path.etcdops-part
  [ -f "$part" ] || fail missing "$part is not there"
  got=$(digest "$part")
  [ "$got" = "$sha256" ] || fail refused "the file that arrived has SHA-256 $got, not $sha256"
  dress "$part"
  [ ! -e "$path" ] || try mv -T -- "$path" "$path.before-$run"
  # What lies in a folder of ours serves this run alone, and is read again after a restart: it need not be on the disk.
  case $path in "$root"/*) ;; *) try sync -- "$part" ;; esac
  try mv -f -T -- "$part" "$path"
  remember "$path" "$got"
}
# Only what this run has put into its own folder: nothing else is ever removed.
op_discard() {
  case $path in
    */../* | */..) fail refused "$path is no plain path" ;;
    "$root/$run/files/"*) ;;
    *) fail refused "$path is not a file of this run" ;;
  esac
  try rm -f -- "$path" "$path.restored" "$path.etcdops-sha256" "$path.etcdops-part"
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
# Whether the owner of a folder could make it again: a folder of root's around it is closed to others.
owner_may_make() {
  around=$(dirname -- "$1")
  if [ "$(id -u)" != 0 ]; then test -w "$around"; return; fi
  setpriv --reuid="$(stat -c %u -- "$1")" --regid="$(stat -c %g -- "$1")" --clear-groups test -w "$around" 2>/dev/null
}
# A folder that its owner could not make again leaves an empty one behind. It is made first, so that a stop in between is seen.
op_move_aside() {
  empty=$path.etcdops-empty
  if ! is_mount "$path"; then
    if [ -d "$path" ] && [ ! -L "$path" ] && [ ! -e "$to" ] && ! owner_may_make "$path"; then
      try mkdir -p -- "$empty"
      try chown --reference="$path" -- "$empty"
      try chmod --reference="$path" -- "$empty"
    fi
    if [ ! -d "$empty" ] || [ -e "$path" ]; then from=$path; op_rename; fi
    if [ -d "$empty" ]; then try mv -n -T -- "$empty" "$path"; sync -- "$(dirname -- "$path")"; fi
    return
  fi
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
