//! Who we are to etcd. A password comes from a file, a variable or a question: never from the command line.

use std::path::PathBuf;

use super::{Entry, Environment, GlobalOptions, Origin, Settings};
use crate::base::files::read_private_secret;
use crate::base::secret::Secret;
use crate::cluster::host::Credentials;
use crate::commands::{Exit, Failure};

/// Where the password will come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// There is no user: nothing is needed.
    NotNeeded,
    File(PathBuf, Origin),
    Known(Secret<String>, Origin),
    /// Nobody gave one: a person is asked.
    Ask,
}

impl Settings {
    /// The user with the password; reads the file or asks. `None`: there is no user.
    ///
    /// `ask` puts the question to a person; its `None` means that nobody can be asked, or answers.
    pub async fn credentials(
        &self,
        ask: impl AsyncFnOnce(&str) -> Option<Secret<String>>,
    ) -> Result<Option<Credentials>, Failure> {
        let Some(user) = &self.cluster.auth.user else {
            return Ok(None);
        };
        let password = match &self.password {
            PasswordSource::NotNeeded => return Ok(None),
            PasswordSource::Known(password, _) => password.clone(),
            PasswordSource::File(path, _) => {
                read_private_secret(path).map_err(|error| Failure::of(Exit::Usage, &error))?
            }
            PasswordSource::Ask => {
                let question = format!("Password of the etcd user {user} for {}", self.cluster.name);
                ask(&question).await.ok_or_else(|| {
                    Failure::refused(format!("the password of the etcd user {user} is not known"))
                        .cause("nobody can be asked here")
                        .hint("give `--password-file FILE`, or set ETCDOPS_PASSWORD")
                })?
            }
        };
        Ok(Some(Credentials {
            user: user.clone(),
            password,
        }))
    }
}

/// Finds the user and where the password is; sets them in the cluster.
pub(super) fn source(
    global: &GlobalOptions,
    environment: &Environment,
    entry: &mut Entry,
) -> Result<PasswordSource, Failure> {
    let (user, inline) = given_user(global, environment)?;
    let configured = entry.config.auth.user.clone();
    if let Some((user, origin)) = user {
        entry.origins.set("auth.user", origin);
        if configured.as_ref() != Some(&user) {
            // The file's password is that of another user.
            entry.config.auth.password_file = None;
        }
        entry.config.auth.user = Some(user);
    }
    let given = given_password(global, environment, &inline);
    if entry.config.auth.user.is_none() {
        return match given {
            None | Some(PasswordSource::NotNeeded) => Ok(PasswordSource::NotNeeded),
            Some(_) if global.password_file.is_some() => {
                Err(Failure::usage("a password is given, but no user").hint("add `--user NAME`"))
            }
            Some(_) => Ok(PasswordSource::NotNeeded),
        };
    }
    if let Some(given) = given {
        entry.config.auth.password_file = match &given {
            PasswordSource::File(path, origin) => {
                entry.origins.set("auth.password_file", origin.clone());
                Some(path.clone())
            }
            _ => None,
        };
        return Ok(given);
    }
    Ok(match &entry.config.auth.password_file {
        Some(path) => PasswordSource::File(path.clone(), entry.origins.of("auth.password_file")),
        None => PasswordSource::Ask,
    })
}

type Inline = Option<(Secret<String>, Origin)>;

/// The user, and the password that stood behind it in a variable.
fn given_user(
    global: &GlobalOptions,
    environment: &Environment,
) -> Result<(Option<(String, Origin)>, Inline), Failure> {
    if let Some(user) = &global.user {
        if user.contains(':') {
            return Err(Failure::usage("--user takes no password")
                .cause("a command line can be read by every user of this machine, and stays in the shell's history")
                .hint("write `--user NAME` and give `--password-file FILE`, or set ETCDOPS_PASSWORD"));
        }
        if user.is_empty() {
            return Err(Failure::usage("--user is empty"));
        }
        return Ok((Some((user.clone(), Origin::Flag("--user"))), None));
    }
    let Some((variable, text)) = environment.first(&["ETCDOPS_USER", "ETCDCTL_USER"]) else {
        return Ok((None, None));
    };
    let origin = Origin::Environment(variable);
    Ok(match text.split_once(':') {
        Some((user, password)) => (
            Some((user.to_owned(), origin.clone())),
            (!password.is_empty()).then(|| (Secret::new(password.to_owned()), origin)),
        ),
        None => (Some((text.to_owned(), origin)), None),
    })
}

fn given_password(global: &GlobalOptions, environment: &Environment, inline: &Inline) -> Option<PasswordSource> {
    if let Some(path) = &global.password_file {
        return Some(PasswordSource::File(path.clone(), Origin::Flag("--password-file")));
    }
    let known = |variable: &str| {
        let value = environment.get(variable)?;
        let origin = Origin::Environment(variable.to_owned());
        Some(PasswordSource::Known(Secret::new(value.to_owned()), origin))
    };
    let file = || {
        let path = environment.get("ETCDOPS_PASSWORD_FILE")?;
        let origin = Origin::Environment("ETCDOPS_PASSWORD_FILE".to_owned());
        Some(PasswordSource::File(path.into(), origin))
    };
    let inline_of = |variable: &str| match inline {
        Some((secret, Origin::Environment(name))) if name == variable => Some(PasswordSource::Known(
            secret.clone(),
            Origin::Environment(variable.to_owned()),
        )),
        _ => None,
    };
    known("ETCDOPS_PASSWORD")
        .or_else(file)
        .or_else(|| inline_of("ETCDOPS_USER"))
        .or_else(|| known("ETCDCTL_PASSWORD"))
        .or_else(|| inline_of("ETCDCTL_USER"))
}
