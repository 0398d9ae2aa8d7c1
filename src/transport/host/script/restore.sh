# A data directory from a snapshot: made under another name, proved, dressed, marked, and only then given its name.
# What a try left behind has our name and goes: it is never in the way of the next one.
discard() { case $1 in *.etcdops-*.part | *.etcdops-*.new) rm -rf -- "$1" ;; esac; }
give_up() { discard "$part"; discard "$wal_part"; discard "$wal_into"; discard "$into.tar.part"; }
whole() { { [ "$inside" = ./v2/member ] || [ -s "$part/member/snap/db" ]; } && ls "${wal_part:-$part/member/wal}"/*.wal >/dev/null 2>&1; }
unpack() {
  mkdir -p -- "$part" && tar -C "$part" --strip-components="$strip" -xf "$file" "$inside" && mkdir -p -- "$part/member/snap" || return
  # An archive keeps no room for what will be written: where etcd had set some aside, holes are left.
  for log in "$part"/member/wal/*.wal; do fallocate -l "$(stat -c %s -- "$log")" -- "$log" 2>/dev/null || :; done
  if [ -n "$wal_part" ]; then mv -T -- "$part/member/wal" "$wal_part"; fi
}
make_data() {
  if [ "$tool" = tar ]; then unpack 2>&1; return; fi
  if [ -n "$wal_part" ]; then set -- "$@" --wal-dir "$wal_part"; fi
  if [ "$bump" != 0 ]; then set -- "$@" --bump-revision "$bump" --mark-compacted; fi
  if [ "$(basename -- "$program")" = etcdctl ]; then ETCDCTL_API=3; export ETCDCTL_API; fi
  "$program" snapshot restore "$file" --data-dir "$part" --name "$name" --initial-cluster "$initial_cluster" \
    --initial-cluster-token "$token" --initial-advertise-peer-urls "$peer_urls" "$@" </dev/null 2>&1
}
# As the old data directory, if the unit's user has it; else as the unit's user.
dress_data() {
  owner= mode=700
  [ -z "$user" ] || owner=$user:
  if [ -d "$data_dir" ]; then
    old=$(stat -L -c %U:%G -- "$data_dir")
    if [ -z "$user" ] || [ "${old%%:*}" = "$user" ]; then owner=$old; mode=$(stat -L -c %a -- "$data_dir"); fi
  fi
  for made in "$part" ${wal_part:+"$wal_part"}; do
    [ -z "$owner" ] || try chown -R -- "$owner" "$made"
    try chmod -- "$mode" "$made"
    try find "$made" -exec sync -- {} +
  done
}
# For another host, which gives it an owner. What etcd has set aside for its log and not written yet need not be carried.
pack_data() {
  for log in "$part"/member/wal/*.wal; do fallocate -d -- "$log" 2>/dev/null || :; done
  said=$(tar -C "$part" -S --hole-detection=raw -cf "$into.tar.part" ./member 2>&1) || { give_up; ended_badly; }
  discard "$part"
  try mv -T -- "$into.tar.part" "$part"
  try sync -- "$part"
}
ended_badly() {
  case $said in *'o space left'* | *'isk quota'*) fail disk-full "$said" ;; esac
  fail refused "$said"
}
op_restore() {
  part=$into.part wal_part=${wal_into:+$wal_into.part}
  if [ "$pack" = yes ]; then kind_made=-f; else kind_made=-d; fi
  if [ $kind_made "$into" ] && [ "$(cat -- "$marker" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  [ ! -e "$into" ] || fail refused "$into is there already, and no restore of this run made it"
  program=$(command -v "$tool") || fail missing "there is no $tool on this host"
  [ -f "$file" ] || fail missing "$file is not there"
  umask 077
  # Held against the digest that was verified: the tool would read it once more for that of the snapshot's end.
  got=$(digest "$file")
  [ "$got" = "$sha256" ] || fail refused "$file has SHA-256 $got, not $sha256"
  set -- --skip-hash-check
  give_up
  said=$(make_data "$@") && code=0 || code=$?
  if [ "$code" != 0 ] || ! whole; then
    give_up
    said=$(printf '%s\n' "$said" | tail -n 5)
    [ "$code" != 0 ] || said="$tool said it had restored, and made no data directory; it said: $said"
    ended_badly
  fi
  if [ "$pack" = yes ]; then pack_data; else dress_data; fi
  printf '%s\n' "$stamp" >"$marker" || { give_up; fail disk-full "cannot write $marker"; }
  try sync -- "$marker"
  # The data directory's name comes last: it is the proof.
  if [ -n "$wal_part" ]; then try mv -n -T -- "$wal_part" "$wal_into"; fi
  try mv -n -T -- "$part" "$into"
  sync -- "$(dirname -- "$into")"
  [ "$pack" != yes ] || remember "$into" "$(digest "$into")"
}
# Two renames. Of a mount point the contents: the old ones first go into a folder inside, then `.in` says that the new ones follow.
op_swap() {
  in=$new.in
  if [ ! -e "$new" ] && [ ! -e "$in" ]; then
    [ -e "$path" ] || fail missing "neither $new nor $path is there"
    return 0
  fi
  if is_mount "$path"; then
    if [ -e "$new" ]; then
      op_move_aside
      try mv -n -T -- "$new" "$in"
    fi
    for entry in "$in"/*; do
      [ -e "$entry" ] || continue
      place=$path/$(basename -- "$entry")
      [ ! -e "$place" ] || fail refused "$place is there already"
      try mv -n -T -- "$entry" "$place"
    done
    try chown --reference="$in" -- "$path"
    try chmod --reference="$in" -- "$path"
    try rmdir -- "$in"
    sync -- "$path"
    return 0
  fi
  if [ -e "$path" ] || [ -L "$path" ]; then from=$path; op_rename; fi
  from=$new to=$path
  op_rename
}
