//! A backup read again.

use std::path::Path;

use super::boot::Booted;
use super::take::{digest, read, write_manifest};
use super::{Library, shelf};
use crate::base::clock;
use crate::base::id::RunId;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::{Compared, Inspected, Kept, Manifest, READER, Verified, Wanted};

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
        let mut checked = checked(&kept).await?;
        let mut proof = kept
            .manifest
            .verified
            .as_ref()
            .and_then(|verified| verified.boot.clone());
        if boot && checked.damage.is_none() {
            match self.boot(&kept, watch).await? {
                Booted::Proof(found) => proof = Some(found),
                Booted::Damage(why) => checked.damage = Some(why),
            }
        }
        let mut manifest = kept.manifest;
        let failed = checked.damage.clone();
        manifest.damage = checked.damage;
        if failed.is_none() {
            // As good as the SHA-256 that was found right beside it.
            manifest.blake3 = manifest.blake3.or(checked.blake3);
            manifest.reader = Some(READER);
            manifest.verified = Some(Verified {
                at: clock::now(),
                run: run.cloned(),
                digest: Some(checked.compared),
                boot: proof,
            });
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

/// What a check came to.
struct Checked {
    compared: Compared,
    blake3: Option<String>,
    damage: Option<String>,
}

/// The same bytes hold the same pages: where our reader has read them before, their digest is enough. Where it is another one, or none
/// is known, every page is read, which also tells the place of a damage.
async fn checked(kept: &Kept) -> Result<Checked, CallError> {
    let (manifest, path) = (&kept.manifest, Path::new(&kept.path));
    let known = manifest.blake3.as_ref().filter(|_| manifest.reader == Some(READER));
    if let Some(known) = known
        && digest(path).await?.is_ok_and(|found| found == *known)
    {
        return Ok(Checked {
            compared: Compared::Blake3,
            blake3: None,
            damage: None,
        });
    }
    let (wanted, compared) = match manifest.blake3 {
        Some(_) => (Wanted::Blake3, Compared::Blake3),
        None => (Wanted::Both, Compared::Sha256),
    };
    let (blake3, damage) = match read(path, manifest.form, wanted).await? {
        Ok(found) => (Some(found.blake3.clone()), difference(manifest, &found)),
        Err(damage) => (None, Some(damage.to_string())),
    };
    Ok(Checked {
        compared,
        blake3,
        damage,
    })
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
