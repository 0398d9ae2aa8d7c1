# Proves the way between peers with etcd's own certificates. Nothing of a key is ever printed.
listens() {
  hex=$(printf '%04X' "$port")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p=":$hex\$" '$4 == "0A" && $2 ~ p { found = 1 } END { exit !found }'
}
trouble() { put trouble "$1"; exit 0; }
usable() {
  [ -n "$2" ] || return 0
  [ -f "$2" ] || trouble "its $1 $2 is not there"
  [ -z "$user" ] || [ "$(id -u)" != 0 ] || runuser -u "$user" -- test -r "$2" || trouble "etcd's user $user cannot read its $1 $2"
}
all_usable() {
  [ "$way" != none ] || trouble "it sets neither peer-cert-file nor peer-auto-tls, and its peer URL is https"
  usable 'peer certificate' "$cert"; usable 'peer key' "$key"; usable 'peer CA' "$ca"
}
# Ends by itself: after so many connections, after a while, and with our connection (a group of its own would outlive it).
op_peer_listen() {
  all_usable
  if listens; then put proof there; return 0; fi
  if ! command -v openssl >/dev/null; then put proof none; return 0; fi
  set -- -accept "$port" -rev
  # Members that dial by themselves would use up the count.
  stays=9
  if [ -n "$count" ]; then set -- "$@" -naccept "$count"; else stays=5; fi
  if [ "$way" = tls ]; then
    set -- "$@" -cert "$cert" -key "$key"
    [ -z "$ca" ] || set -- "$@" -CAfile "$ca"
    [ "$ask" = no ] || set -- "$@" -Verify 9 -verify_return_error
  else
    set -- "$@" -nocert
  fi
  said=$(timeout --foreground -k 1 "$stays" openssl s_server "$@" 2>&1 >/dev/null </dev/null); code=$?
  case $code in 0 | 124 | 137) ;; *) trouble "openssl cannot listen on port $port with its peer certificate: $(reason "$said")" ;; esac
  if [ "$way" = tls ]; then put proof tls; else put proof tcp; fi
}
reason() { printf '%s\n' "$1" | awk -F: '/:error:/ { print $6; found = 1; exit } { last = $0 } END { if (!found) print last }'; }
by_openssl() {
  set -- -quiet -no_ign_eof -verify_return_error -connect "$target"
  case $address in *:* | *[!0-9.]*) ;; *) set -- "$@" -verify_ip "$address" ;; esac
  case $address in *:*) set -- "$@" -verify_ip "$address" ;; *[!0-9.]*) set -- "$@" -servername "$address" -verify_hostname "$address" ;; esac
  [ -z "$ca" ] || set -- "$@" -CAfile "$ca" -no-CApath
  [ -z "$cert" ] || set -- "$@" -cert "$cert" -key "$key"
  seen=$(mktemp -p /dev/shm 2>/dev/null || mktemp) || trouble 'there is no room for a temporary file'
  exec 4<>"$seen" && rm -f "$seen"
  # It ends with its input, which must not be before the answer, or a refusal, is there; etcd itself may close 5 s after that only.
  { printf 'GET /version HTTP/1.0\r\nHost: peer\r\n\r\n'
    left=20
    until grep -q -e etcdserver -e noisrev/ -e error -e errno /proc/self/fd/4 || [ $left = 0 ]; do sleep 0.02; left=$((left - 1)); done
  } | timeout 6 openssl s_client "$@" >&4 2>&1; code=$?
  out=$(cat /proc/self/fd/4)
  case $out in
    *etcdserver* | *noisrev/*) good=yes ;;
    *'verify error'*) why="the certificate shown there is not accepted: $(printf '%s\n' "$out" | sed -n 's/.*verify error:num=[0-9]*://p' | head -n 1)" ;;
    *' alert '*) why="the peer certificate of this host is not accepted there: $(printf '%s\n' "$out" | sed -n 's/.* alert \([a-z ]*\).*/\1/p' | head -n 1)" ;;
    *'verify return:1'*) [ $code != 0 ] || good=yes; why="the handshake did not end" ;;
    *refused* | *errno=111*) refused=yes; why='Connection refused' ;;
    *) why=$(reason "$out") ;;
  esac
}
by_curl() {
  set -- -s -o /dev/null --max-time 6 --tls-max 1.2
  [ -z "$ca" ] || set -- "$@" --cacert "$ca"
  [ -z "$cert" ] || set -- "$@" --cert "$cert" --key "$key"
  out=$(curl -S "$@" "https://$target/version" 2>&1); code=$?
  case $code in 0 | 1 | 8 | 52) good=yes ;; 7) refused=yes; why='Connection refused' ;; 28) code=124 ;; *) why=$out ;; esac
}
by_tcp() {
  if command -v bash >/dev/null; then
    out=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1); code=$?
  else
    out=$(curl -s -S -o /dev/null --max-time 5 "http://$target/version" 2>&1); code=$?
    case $code in 1 | 8 | 52 | 56) code=0 ;; 28) code=124 ;; esac
  fi
  [ $code != 0 ] || good=yes
  case $out in *refused*) refused=yes ;; esac
  why=${out##*: }
}
op_peer_reach() {
  all_usable
  proof=tcp; by=by_tcp
  if [ "$way" = tls ]; then
    if command -v openssl >/dev/null; then proof=tls; by=by_openssl
    elif command -v curl >/dev/null; then proof=tls; by=by_curl; fi
  fi
  until=$(( $(date +%s) + 6 ))
  while :; do
    good=no; refused=no; why=
    $by
    # The other side may not listen yet.
    [ "$refused" = yes ] && [ "$patient" = yes ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep 0.1
  done
  put proof $proof
  [ "$refused" = no ] || put refused yes
  [ "$good" = yes ] || { [ "$code" != 124 ] || why='no answer in time'; put trouble "$why"; }
}
