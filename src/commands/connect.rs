//! The way to the world: certificates, credentials, hosts.

use super::settings::Settings;
use super::{Context, Exit, Failure};
use crate::base::secret::Secret;
use crate::transport::real::RealTransport;
use crate::ui::prompt::Prompt;

impl Context {
    /// Makes the transport of a command; asks for the passwords that are needed and not given. Connects nothing yet.
    pub async fn connect(&self, settings: &Settings) -> Result<RealTransport, Failure> {
        let credentials = settings.credentials(async |question: &str| self.ask_secret(question).await);
        let credentials = credentials.await?;
        let sudo_password = if self.global.ask_sudo_password {
            Some(self.ask_sudo_password(settings).await?)
        } else {
            None
        };
        RealTransport::of_cluster(&settings.cluster, credentials, sudo_password).map_err(|error| {
            Failure::of(Exit::Usage, &error).hint("`etcdops config show` says where the file is named")
        })
    }

    async fn ask_sudo_password(&self, settings: &Settings) -> Result<Secret<String>, Failure> {
        let question = format!("Password of sudo on the hosts of {}", settings.cluster.name);
        self.ask_secret(&question).await.ok_or_else(|| {
            Failure::refused("the password of sudo is not known")
                .cause("`-K` was given, and nobody can be asked here")
                .hint("run it on a terminal, or allow the ssh user to use sudo without a password")
        })
    }

    async fn ask_secret(&self, question: &str) -> Option<Secret<String>> {
        Prompt::new(&self.ui).password(question).await.ok().flatten()
    }
}
