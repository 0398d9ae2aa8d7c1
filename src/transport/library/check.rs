//! A backup read again.

use std::path::Path;

use super::boot::Booted;
use super::take::{read, write_manifest};
use super::{Library, shelf};
use crate::base::clock;
use crate::base::id::RunId;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::{Compared, Inspected, Kept, Manifest, Verified, Wanted};

impl Library {
    /// Reads every byte of a backup and records what came of it: against its BLAKE3 where that is known, else against its SHA-256. What cannot be read now is an error, and records nothing: the file may
    /// be as good as ever.
    pub(super) async fn verify(
        &self,
        (name, boot): (&str, bool),
        run: Option<&RunId>,
        watch: &dyn Watch,
    ) -> Result<(), CallError> {
        let what = format!("verify backup {name}");
        let kept = self.kept(name, &what)?;
        let wanted = match kept.manifest.blake3 {
            Some(_) => Wanted::Blake3,
            None => Wanted::Both,
        };
        let (blake3, mut damage) = match read(Path::new(&kept.path), kept.manifest.form, wanted).await? {
            Ok(found) => (Some(found.blake3.clone()), difference(&kept.manifest, &found)),
            Err(damage) => (None, Some(damage.to_string())),
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
                // As good as the SHA-256 that was found right beside it.
                manifest.blake3 = manifest.blake3.or(blake3);
                manifest.verified = Some(Verified {
                    at: clock::now(),
                    run: run.cloned(),
                    digest: Some(match wanted {
                        Wanted::Both => Compared::Sha256,
                        Wanted::Blake3 => Compared::Blake3,
                    }),
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
    if let Some(sha256) = &found.sha256
        && manifest.sha256 != *sha256
    {
        return Some(format!("its SHA-256 is {sha256}, not {}", manifest.sha256));
    }
    if let Some(blake3) = &manifest.blake3
        && found.blake3 != *blake3
    {
        return Some(format!("its BLAKE3 is {}, not {blake3}", found.blake3));
    }
    (manifest.content.hash != found.content.hash).then(|| {
        format!(
            "etcd's hash of it is {}, not {}",
            found.content.hash, manifest.content.hash
        )
    })
}
