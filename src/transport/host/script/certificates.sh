# The certificates in the files that $files names, and nothing of a key that stands beside them.
op_certificates() {
  put now "$(date +%s)"
  printf '%s\n' "$files" | while IFS= read -r f; do
    [ -n "$f" ] || continue
    if [ ! -f "$f" ]; then put gone "$f"
    elif [ ! -r "$f" ]; then put closed "$f"
    else put certificates "$f
$(sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' <"$f" | head -c 1048576)"
    fi
  done
}
