LC_ALL=C; export LC_ALL
printf "\nhello %s\n" "$1"
l=
while IFS= read -r l; do [ "$l" = "$1" ] && break; done
[ "$l" = "$1" ] || exit 125
printf "\nready %s\n" "$1"
s=$(head -c "$2")
if [ "$3" = look ]; then
  exec 3<&0
  timeout -k 2 "$4" sh -c "$s" etcdops </dev/null 3<&- & p=$!
  ( while read -r l; do :; done; kill -TERM $p ) <&3 >/dev/null 2>&1 & w=$!
  wait $p; r=$?
  kill $w 2>/dev/null
else
  sh -c "$s" etcdops; r=$?
fi
printf "\nend %s %s\n" "$1" "$r"
