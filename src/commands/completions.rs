//! `etcdops completions SHELL`: the script that makes a shell complete commands, flags, clusters, hosts, members and runs.
//!
//! The scripts are short: at each TAB they ask this program (`$ETCDOPS_COMPLETE` says for which shell) and show nothing when it fails.

use super::{Context, Exit, Failure};

/// Set by the scripts: the program then answers what could stand at the cursor.
pub const VARIABLE: &str = "ETCDOPS_COMPLETE";

/// Shells that are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// The value of `$ETCDOPS_COMPLETE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// What the shell loads from its folder of completions.
    pub fn file(self) -> &'static str {
        match self {
            Self::Bash => "etcdops.bash",
            Self::Zsh => "_etcdops",
            Self::Fish => "etcdops.fish",
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Try it in this shell:
  bash:  source <(etcdops completions bash)
  zsh:   source <(etcdops completions zsh)
  fish:  etcdops completions fish | source
For good: write it to ~/.local/share/bash-completion/completions/etcdops, to a file _etcdops in a
folder of zsh's $fpath, or to ~/.config/fish/completions/etcdops.fish.")]
pub struct CompletionsArgs {
    /// The shell: bash, zsh or fish
    #[arg(value_enum, hide_possible_values = true)]
    pub shell: Shell,
}

pub fn run(context: &Context, args: &CompletionsArgs) -> Result<Exit, Failure> {
    context.ui.data(script(args.shell));
    Ok(Exit::Done)
}

/// The script of a shell.
pub fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    }
}

/// The whole line goes to the program: bash has broken the words at `=` and `:`.
const BASH: &str = r#"# Completion of etcdops for bash. Made by `etcdops completions bash`.
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
"#;

/// Values and what is shown for them are handed over apart, so that values may hold colons.
const ZSH: &str = r#"#compdef etcdops
# Completion of etcdops for zsh. Made by `etcdops completions zsh`.
_etcdops() {
    local -a values shown open open_shown
    local line value
    for line in "${(@f)$(ETCDOPS_COMPLETE=zsh "${(Q)words[1]}" -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}"; do
        value="${line%%$'\t'*}"
        [[ -n "$value" ]] || continue
        line="${line/$'\t'/  -- }"
        if [[ "$value" == *[=/:,] ]]; then
            open+=("$value")
            open_shown+=("$line")
        else
            values+=("$value")
            shown+=("$line")
        fi
    done
    (( $#open )) && compadd -V etcdops-open -l -S '' -d open_shown -a open
    (( $#values )) && compadd -V etcdops -l -d shown -a values
    return 0
}
if [[ "$funcstack[1]" == _etcdops ]]; then
    _etcdops "$@"
elif (( $+functions[compdef] )); then
    compdef _etcdops etcdops
fi
"#;

const FISH: &str = r"# Completion of etcdops for fish. Made by `etcdops completions fish`.
function __etcdops_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    ETCDOPS_COMPLETE=fish $words[1] -- $words $current 2>/dev/null
end
complete --command etcdops --no-files --keep-order --arguments '(__etcdops_complete)'
";
