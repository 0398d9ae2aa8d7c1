# Completion of etcdops for bash. Made by `etcdops completions bash`.
_etcdops() {
    local IFS=$'\n'
    COMPREPLY=($(ETCDOPS_COMPLETE=bash COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        "${COMP_WORDS[0]}" 2>/dev/null)) || COMPREPLY=()
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/:,] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -F _etcdops etcdops
