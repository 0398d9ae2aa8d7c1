//! A backup read again.

use std::path::Path;

use super::boot::Booted;
use super::take::{read, write_manifest};
use super::{Library, shelf};
use crate::base::clock;
use crate::base::id::RunId;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::{Inspected, Kept, Manifest, Verified};

impl Library {
    /// Reads every byte of a backup and records what came of it. What cannot be read now is an error, and records nothing: the file may
    /// be as good as ever.
    pub(super) async fn verify(
        &self,
        (name, boot): (&str, bool),
        run: Option<&RunId>,
        watch: &dyn Watch,
    ) -> Result<(), CallError> {
        let what = format!("verify backup {name}");
        let kept = self.kept(name, &what)?;
        let mut damage = match read(Path::new(&kept.path), kept.manifest.form).await? {
            Ok(found) => difference(&kept.manifest, &found),
            Err(damage) => Some(damage.to_string()),
        };
        let mut proof = kept
            .manifest
            .verified
            .as_ref()
            .and_then(|verified| verified.boot.clone());
        if boot && damage.is_none() {
            match self.boot(&kept, watch).await? {
                Booted::Proof(found) => proof = Some(found),
                Booted::Damage(why) => damage = Some(why),
            }
        }
        let mut manifest = kept.manifest;
        let failed = damage.clone();
        match damage {
            Some(_) => manifest.damage = damage,
            None => {
                manifest.damage = None;
                manifest.verified = Some(Verified {
                    at: clock::now(),
                    run: run.cloned(),
                    boot: proof,
                });
            }
        }
        write_manifest(&self.folder.join(name), &manifest)?;
        match failed {
            Some(why) => Err(CallError::new(Fault::Refused, what, kept.path, why)),
            None => Ok(()),
        }
    }

    pub(super) fn kept(&self, name: &str, what: &str) -> Result<Kept, CallError> {
        let found = shelf::find(&self.folder, name)?;
        found.ok_or_else(|| CallError::new(Fault::Missing, what, self.place(), "there is no such backup"))
    }
}

/// What is not as the manifest has it.
fn difference(manifest: &Manifest, found: &Inspected) -> Option<String> {
    if manifest.size != found.size {
        return Some(format!("it has {} bytes, not {}", found.size, manifest.size));
    }
    if manifest.sha256 != found.sha256 {
        return Some(format!("its SHA-256 is {}, not {}", found.sha256, manifest.sha256));
    }
    (manifest.content.hash != found.content.hash).then(|| {
        format!(
            "etcd's hash of it is {}, not {}",
            found.content.hash, manifest.content.hash
        )
    })
}
