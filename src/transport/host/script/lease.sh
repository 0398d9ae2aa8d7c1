# Runs on the host when the time is up, whether the bastion lives or not: the override goes, then etcd is restarted, but only
# while this member and all other voters are healthy and nobody works on the cluster; otherwise it is tried again.
# Nothing here writes to the cluster: where the v2 API is on, GET /health would, and so would `etcdctl endpoint health`.
has() { command -v "$1" >/dev/null; }
# On its peer port etcd agrees to speak HTTP/2 and then cannot.
fetch() { curl --http1.1 -s -f -m 5 "$@"; }
# What a member says of itself, by the client's certificates or by the peer's.
metrics() { eval "fetch $client_tls \"\$1/metrics\"" || eval "fetch $peer_tls \"\$1/metrics\""; }
# The commit index of a member that knows a leader and has applied nearly all of it.
committed() {
  metrics "$1" | awk '
    $1 == "etcd_server_has_leader" { leader = $2 }
    $1 == "etcd_server_proposals_committed_total" { committed = $2 }
    $1 == "etcd_server_proposals_applied_total" { applied = $2 }
    END { if (leader != 1 || committed - applied > 5000) exit 1; printf "%d\n", committed }'
}
by_curl() {
  list=$(eval "fetch $peer_tls \"\$own_peer/members\"") || return 1
  voters=$(printf '%s' "$list" | tr '{' '\n' | grep '"peerURLs"' | grep -v '"isLearner":true')
  urls=$(printf '%s\n' "$voters" | sed -n 's/.*"clientURLs":\["\([^"]*\)".*/\1/p')
  [ -n "$urls" ] && [ "$(printf '%s\n' "$voters" | grep -c .)" = "$(printf '%s\n' "$urls" | grep -c .)" ] || return 1
  indexes=
  for url in $urls; do
    index=$(committed "$url") || return 1
    indexes="$indexes$index
"
  done
  # Nobody is far behind the others.
  printf '%s' "$indexes" | sort -n | awk 'NR == 1 { least = $1 } END { exit $1 - least > 5000 }'
}
# A read through the quorum, at each voter. One that is refused for want of a right has come that far.
by_etcdctl() {
  list=$(eval "etcdctl $client_flags --endpoints=\"\$own_client\" member list -w simple" 2>/dev/null) || return 1
  voters=$(printf '%s\n' "$list" | grep -v ', true$')
  [ -n "$voters" ] || return 1
  [ "$(printf '%s\n' "$voters" | grep -c ', started, ')" = "$(printf '%s\n' "$voters" | grep -c .)" ] || return 1
  for url in $(printf '%s\n' "$voters" | sed -n 's/.*, \([^ ,]*\)[^ ]*, \(true\|false\)$/\1/p'); do
    said=$(eval "etcdctl $client_flags --endpoints=\"\$url\" get etcdops --limit=1" 2>&1) && continue
    case $said in *'permission denied'* | *'user name is empty'*) ;; *) return 1 ;; esac
  done
}
healthy() { if has curl; then by_curl; else by_etcdctl; fi 2>/dev/null; }
put_level() {
  body="{\"Level\":\"$level\"}"
  if has curl; then
    eval "fetch $client_tls -X PUT -d \"\$body\" \"\$own_client/config/local/log\""
    return
  fi
  place=${own_client#*://}
  place=${place%%/*}
  ask() { printf 'PUT /config/local/log HTTP/1.0\r\nHost: %s\r\nContent-Length: %s\r\n\r\n%s' "$place" "${#body}" "$body"; }
  case $own_client in
    https:*) ask | eval "timeout 5 openssl s_client -quiet -connect \"\$place\" $openssl_tls" 2>/dev/null ;;
    *) ask | timeout 5 bash -c 'p=${1##*:} h=${1%:*}; h=${h#[}; exec 3<>"/dev/tcp/${h%]}/$p"; cat >&3; head -n 1 <&3' bash "$place" ;;
  esac | head -n 1 | grep -q '^HTTP/1.[01] 20[04] '
}
give_back_level() {
  n=0
  until put_level; do n=$((n + 1)); [ $n -lt 720 ] || exit 1; sleep 30; done
}
if [ "$way" = put ]; then
  give_back_level
else
  op_drop_override
  n=0
  sleep "$stagger"
  until [ ! -s "$root/$cluster.run" ] && healthy; do n=$((n + 1)); [ $n -lt 720 ] || exit 1; sleep 30; done
  op_restart
fi
rm -f "$ours/$name.lease" "$ours/$name.lease.sh" "$ours/$name.lease.pid"
