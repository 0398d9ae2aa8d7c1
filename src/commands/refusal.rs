//! What is refused before a plan stands, in the words of the command line.

use super::Failure;
use super::act::ActOptions;
use super::settings::Settings;
use crate::action::registry;
use crate::base::nearest::nearest;
use crate::plan::build::Refusal;

pub(super) fn unknown_dead(options: &ActOptions, settings: &Settings) -> Result<(), Failure> {
    let names: Vec<&str> = settings.cluster.hosts.iter().map(|host| host.name.as_str()).collect();
    let Some(unknown) = options.dead.iter().find(|dead| !names.contains(&dead.as_str())) else {
        return Ok(());
    };
    let failure = Failure::usage(format!("--dead {unknown}: there is no such host in the inventory"));
    Err(match nearest(unknown, names.iter().copied()) {
        Some(close) => failure.hint(format!("did you mean `--dead {close}`?")),
        None => failure,
    })
}

pub(super) fn unknown_guard(options: &ActOptions) -> Result<(), Failure> {
    let names: Vec<&str> = registry::acceptable().map(|(name, _)| name).collect();
    let Some(unknown) = options.accept.iter().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    let failure = Failure::usage(format!(
        "--accept {unknown}: there is no such guard; these can be accepted: {}",
        names.join(", ")
    ));
    Err(match nearest(unknown, names.iter().copied()) {
        Some(close) => failure.hint(format!("did you mean `--accept {close}`?")),
        None => failure,
    })
}

/// All refusals at once: what was found, why that is dangerous, and the next command.
pub(super) fn refused(refusals: &[Refusal]) -> Failure {
    let usage = refusals.iter().all(|refusal| refusal.usage);
    let mut failure = if usage {
        Failure::usage("the parameters do not fit")
    } else {
        Failure::refused("refused; nothing was changed")
    };
    let mut hints: Vec<&str> = refusals.iter().filter_map(|refusal| refusal.hint.as_deref()).collect();
    hints.dedup();
    for refusal in refusals {
        let at = if refusal.at.is_empty() {
            String::new()
        } else {
            format!("{}: ", refusal.at)
        };
        let accept = refusal
            .accept
            .as_ref()
            .map(|name| format!(" (--accept {name} asks for your typed consent instead)"));
        failure = failure.cause(format!("{at}{}{}", refusal.why, accept.unwrap_or_default()));
        // One hint stands at the end; of several each stands with what it is for.
        if let Some(hint) = refusal.hint.as_ref().filter(|_| hints.len() > 1) {
            failure = failure.cause(format!("  -> {hint}"));
        }
    }
    match hints.as_slice() {
        [only] => failure.hint((*only).to_owned()),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Exit;

    fn refusal(why: &str, hint: Option<&str>) -> Refusal {
        Refusal {
            at: "requires disk".to_owned(),
            why: why.to_owned(),
            hint: hint.map(str::to_owned),
            accept: Some("disk".to_owned()),
            usage: false,
        }
    }

    #[test]
    fn each_refusal_is_told_with_its_own_hint() {
        let (one, two) = (
            refusal("a is full", Some("free a")),
            refusal("b is full", Some("free b")),
        );
        let told = refused(&[one.clone(), two, refusal("c is odd", None)]);
        let accept = "(--accept disk asks for your typed consent instead)";
        assert_eq!(
            told.causes,
            [
                format!("requires disk: a is full {accept}"),
                "  -> free a".to_owned(),
                format!("requires disk: b is full {accept}"),
                "  -> free b".to_owned(),
                format!("requires disk: c is odd {accept}"),
            ]
        );
        assert_eq!(told.hint, None);
        assert_eq!(refused(&[one.clone(), one]).hint.as_deref(), Some("free a"));
    }

    #[test]
    fn a_guard_that_nobody_knows_is_a_mistake_in_what_was_asked() {
        let accepting = |name: &str| {
            unknown_guard(&ActOptions {
                accept: vec![name.to_owned()],
                ..ActOptions::default()
            })
        };
        assert_eq!(accepting("quorum"), Ok(()));
        let failure = accepting("qourum").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.hint.as_deref(), Some("did you mean `--accept quorum`?"));
    }
}
