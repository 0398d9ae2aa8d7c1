//! When nobody needs to wait any more.

use super::Survey;
use crate::call::Fault;
use crate::cluster::member::Id;
use crate::cluster::version::Version;
use crate::look::answers::{EndpointAnswers, Question};
use crate::look::{Depth, rows};

impl Survey<'_> {
    /// Quorum is proved, and nobody who has said anything owes more.
    pub(super) fn only_the_silent_remain(&self) -> bool {
        let said_something =
            |place: &EndpointAnswers| place.status.is_some() || place.members.is_some() || place.read.is_some();
        self.quorum_proved()
            && self
                .outstanding
                .iter()
                .all(|(endpoint, _)| !said_something(&self.answers.endpoints[*endpoint]))
    }

    pub(super) fn quorum_proved(&self) -> bool {
        self.answers.endpoints.iter().any(EndpointAnswers::proves_quorum)
    }

    pub(super) fn settled(&self) -> bool {
        let proved = self.quorum_proved();
        self.outstanding
            .iter()
            .all(|(endpoint, question)| self.needless(*endpoint, *question, proved))
    }

    /// The cluster that has answered has more members than there are hosts without one that may serve a cluster of their own.
    fn is_ours(&self) -> bool {
        let places = (0..self.answers.endpoints.len()).filter(|place| self.member(*place).is_none());
        let serving = places.filter(|place| {
            let failed = self.answers.endpoints[*place].status_error();
            failed.is_none_or(|error| error.fault != Fault::Connect)
        });
        serving.count() < self.known.len()
    }

    /// What nobody needs to wait for any more.
    fn needless(&self, endpoint: usize, question: Question, proved: bool) -> bool {
        let place = &self.answers.endpoints[endpoint];
        let elsewhere = |told: fn(&EndpointAnswers) -> bool| {
            let same =
                |other: &EndpointAnswers, id: Id| other.status_ok().is_some_and(|status| status.member_id == id.0);
            let mut others = self.answers.endpoints.iter();
            !place.configured
                && place
                    .expected
                    .is_some_and(|id| others.any(|other| same(other, id) && told(other)))
        };
        // A host of the inventory that runs no member (yet): nobody waits for it.
        let stranger = self.depth == Depth::Brief && proved && self.member(endpoint).is_none() && self.is_ours();
        let spare = (!place.configured && place.expected.is_none() || stranger) && !self.known.is_empty();
        match question {
            Question::Status | Question::Members | Question::Read if spare => true,
            Question::Read => {
                let enough = proved && self.depth == Depth::Brief;
                enough && !matches!(place.status_error(), Some(error) if error.fault == Fault::Auth)
                    || place.status_error().is_some_and(|error| error.fault != Fault::Auth)
            }
            Question::Status => elsewhere(|_| true) || rows::is_mute(place),
            Question::Members => {
                elsewhere(|other| matches!(other.members, Some(Ok(_))))
                    // Who is well tells its own view at once, and whoever compares views needs each.
                    || place.status_error().is_some()
                        && self
                            .answers
                            .endpoints
                            .iter()
                            .any(|other| matches!(other.members, Some(Ok(_))))
            }
            // Newer versions have no old API.
            Question::OldKeys => place.status_ok().and_then(|status| status.version) >= Some(Version::new(3, 6, 0)),
            _ => false,
        }
    }
}
