//! Which versions etcd's programs on a host have told, and of which files.

use super::frame::Frame;

/// The smallest of etcd's programs has several times as many bytes; what is smaller may call another program.
const LEAST_PROGRAM: u64 = 1 << 20;

/// What etcd's programs told of their versions: starting them takes longer than all the rest of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Programs {
    /// `SIZE DEVICE:INODE:MODIFIED:CHANGED PATH` of each, on lines of their own. Empty: they have to tell.
    pub(super) files: String,
    pub(super) versions: String,
}

impl Programs {
    /// To be taken as told while the files are the same. Where a script may give another answer the next time, nothing is kept.
    pub(super) fn told(frame: &Frame) -> Self {
        let told = Self {
            files: frame.text("programs_now").unwrap_or_default(),
            versions: frame.text("versions").unwrap_or_default(),
        };
        let is_program = |line: &str| line.split(' ').next().and_then(|size| size.parse().ok()) >= Some(LEAST_PROGRAM);
        let all_told = told.files.lines().count() == told.versions.lines().count();
        if all_told && told.files.lines().all(is_program) {
            told
        } else {
            Self::default()
        }
    }
}
