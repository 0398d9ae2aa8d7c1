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
        RealTransport::new(&settings.cluster, credentials, None, None).map_err(|error| Failure::of(Exit::Usage, &error))
    }

    async fn ask_secret(&self, question: &str) -> Option<Secret<String>> {
        Prompt::new(&self.ui).password(question).await.ok().flatten()
    }
}
