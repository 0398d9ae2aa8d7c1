//! The shell of this machine.

use super::wire::Pipes;
use crate::call::{CallError, Fault};
use crate::transport::process;

/// Starts the command line with `sh` here.
pub(super) fn open(place: &str, what: &str, command_line: &str) -> Result<Pipes, CallError> {
    let refused = |why: String| CallError::new(Fault::Missing, what, place, why);
    let mut child = process::spawn(&["sh", "-c", command_line]).map_err(|error| refused(error.to_string()))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(refused("the shell has no streams".to_owned()));
    };
    Ok(Pipes {
        stdin: Box::new(stdin),
        stdout: Box::new(stdout),
        stderr: Box::new(stderr),
        guard: Box::new(child),
    })
}
