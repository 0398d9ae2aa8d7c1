# Runs on the host when the time is up, whether the bastion lives or not: the override goes, then etcd is restarted, but only
# while this member and all other voters are healthy and nobody works on the cluster; otherwise it is tried again.
healthy() {
  if ! command -v curl >/dev/null; then
    eval "etcdctl $client_flags --endpoints=\"\$own_client\" endpoint health --cluster" >/dev/null 2>&1
    return
  fi
  list=$(eval "curl -s -f -m 5 $peer_tls \"\$own_peer/members\"") || return 1
  voters=$(printf '%s' "$list" | tr '{' '\n' | grep '"peerURLs"' | grep -v '"isLearner":true')
  urls=$(printf '%s\n' "$voters" | sed -n 's/.*"clientURLs":\["\([^"]*\)".*/\1/p')
  [ -n "$urls" ] && [ "$(printf '%s\n' "$voters" | grep -c .)" = "$(printf '%s\n' "$urls" | grep -c .)" ] || return 1
  for url in $urls; do
    { eval "curl -s -m 5 $client_tls \"\$url/health\"" || eval "curl -s -m 5 $peer_tls \"\$url/health\""; } | grep -q '"health": *"true"' || return 1
  done
}
give_back_level() {
  n=0
  until eval "curl -s -f -m 5 $client_tls -X PUT -d '{\"Level\":\"$level\"}' \"\$own_client/config/local/log\""; do
    n=$((n + 1)); [ $n -lt 720 ] || exit 1; sleep 30
  done
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
