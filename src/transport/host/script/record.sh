# Marker and journal copy: bookkeeping of runs, done in place.
marker=$root/$cluster.run
guarded() { umask 077; private_dir "$root"; exec 9>>"$root/.lock" || fail disk-full "cannot write $root/.lock"; flock -w 5 9 || fail refused "$root/.lock is held by another process"; }
holder() { holder=; [ ! -s "$marker" ] || IFS= read -r holder <"$marker"; }
ours() { holder; case $holder in *"\"run\":\"$run\""*) ;; *) return 1 ;; esac; }
# Another process than the one that asks, be it of the same run.
anothers() { [ -n "$life" ] && [ -s "$marker" ] && { holder; case $holder in *"$life"*) return 1 ;; esac; }; }
op_read_marker() { [ ! -s "$marker" ] || pute marker <"$marker"; }
op_write_marker() {
  guarded
  if [ -s "$marker" ] && ! ours; then pute held <"$marker"; fail refused "another run holds this host"; fi
  said=$( { cat >"$marker.new" && sync "$marker.new"; } 2>&1) || { rm -f "$marker.new"; fail disk-full "$said"; }
  try mv -f -T "$marker.new" "$marker"
  sync "$root"
}
op_clear_marker() {
  [ -e "$marker" ] || return 0
  guarded
  [ ! -s "$marker" ] || ours || return 0
  ! anothers || return 0
  try rm -f "$marker"
  sync "$root"
}
journal=$root/$run/journal
op_append_journal() {
  guarded
  if anothers; then pute held <"$marker"; fail refused "another process has taken this host over"; fi
  [ "$held" = no ] || [ -s "$marker" ] || fail refused "the run's marker is gone"
  private_dir "$root/$run"
  have=0; [ ! -s "$journal" ] || have=$(wc -l <"$journal")
  if [ "$have" = $((from - 1)) ] && { [ ! -s "$journal" ] || [ -z "$(tail -c1 "$journal")" ]; }; then
    said=$( { cat >>"$journal" && sync "$journal"; } 2>&1) || fail disk-full "$said"
  else
    [ "$have" -ge $((from - 1)) ] || fail refused "the copy of the journal ends at record $have, before $from"
    said=$( { { head -n $((from - 1)) "$journal" 2>/dev/null; cat; } >"$journal.new" && sync "$journal.new"; } 2>&1) || fail disk-full "$said"
    try mv -f -T "$journal.new" "$journal"
  fi
}
op_read_journal() { [ ! -e "$journal" ] || pute journal <"$journal"; }
