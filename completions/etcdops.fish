# Completion of etcdops for fish. Made by `etcdops completions fish`.
function __etcdops_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    ETCDOPS_COMPLETE=fish $words[1] -- $words $current 2>/dev/null
end
complete --command etcdops --no-files --keep-order --arguments '(__etcdops_complete)'
