//! What an answer makes worth asking.

use super::Survey;
use crate::call::{CallError, Fault};
use crate::cluster::member::Member;
use crate::cluster::version::Version;
use crate::look::answers::{EndpointAnswers, Question};
use crate::look::{Depth, rows};

/// Sizes above this make the quota interesting where the version does not tell it (80 % of etcd's default of 2 GiB).
const QUOTA_INTERESTS_ABOVE: u64 = (2 << 30) / 10 * 8;

impl Survey<'_> {
    pub(super) fn after_status(&mut self, endpoint: usize) {
        if self.depth == Depth::Brief {
            return;
        }
        let place = &self.answers.endpoints[endpoint];
        let Some(error) = place.status_error() else {
            self.after_good_status(endpoint);
            return;
        };
        match error.fault {
            Fault::Silent | Fault::Timeout => {
                if self.asked_twice.insert((endpoint, Question::Status)) {
                    self.ask(endpoint, Question::Status, self.bound);
                }
                self.ask(endpoint, Question::PeerVersion, self.bound);
                self.ask(endpoint, Question::PeerMembers, self.bound);
            }
            Fault::Auth => {
                self.ask(endpoint, Question::Version, self.bound);
                self.ask(endpoint, Question::Ready, self.bound);
                self.ask(endpoint, Question::PeerMembers, self.bound);
                return;
            }
            _ => {}
        }
        self.ask_service(endpoint);
    }

    fn after_good_status(&mut self, endpoint: usize) {
        let Some(status) = self.answers.endpoints[endpoint].status_ok() else {
            return;
        };
        let has_old_api = status.version.is_some_and(|version| version < Version::new(3, 6, 0));
        let sick = status.leader.is_none() || status.errors.as_ref().is_some_and(|errors| !errors.is_empty());
        let quota_interests = status.db_quota.is_none() && status.db_size > QUOTA_INTERESTS_ABOVE;
        if has_old_api && self.old_keys_unheard {
            self.ask_old_keys(endpoint);
        }
        self.ask_again_what_was_late(endpoint);
        if sick || quota_interests {
            self.ask_service(endpoint);
        }
    }

    /// Its status took a second attempt: so does the rest.
    fn ask_again_what_was_late(&mut self, endpoint: usize) {
        let place = &self.answers.endpoints[endpoint];
        let read = place.read.as_ref().and_then(|read| read.as_ref().err());
        let members = place.members.as_ref().and_then(|members| members.as_ref().err());
        let late = [(Question::Read, read), (Question::Members, members)];
        let late = late.map(|(question, error)| error.is_some_and(gave_no_answer).then_some(question));
        for question in late.into_iter().flatten() {
            if self.asked_twice.insert((endpoint, question)) {
                self.ask(endpoint, question, self.bound);
            }
        }
    }

    /// A brief look asks everyone once more, to its bound, where nobody at all has said anything: this machine or its network is slow, and
    /// what it does not see would be taken for gone. Whether there is more to wait for.
    pub(super) fn ask_again_where_nobody_spoke(&mut self) -> bool {
        let silent = |place: &EndpointAnswers| place.status_error().is_some_and(gave_no_answer);
        if self.depth == Depth::Thorough || !self.answers.endpoints.iter().all(silent) {
            return false;
        }
        if self.outstanding.is_empty() {
            self.asked = self.transport.now();
            for endpoint in 0..self.answers.endpoints.len() {
                if self.asked_twice.insert((endpoint, Question::Status)) {
                    let place = &mut self.answers.endpoints[endpoint];
                    (place.status, place.members, place.read) = (None, None, None);
                    for question in [Question::Status, Question::Members, Question::Read] {
                        self.ask(endpoint, question, self.bound);
                    }
                }
            }
        }
        !self.outstanding.is_empty()
    }

    /// The first endpoint is asked before its version is known: a connection of its own, after the first answer, would take as long again.
    pub(super) fn ask_old_keys(&mut self, endpoint: usize) {
        self.old_keys_unheard = false;
        self.ask(endpoint, Question::OldKeys, self.patience());
    }

    /// Another one is asked where this one said nothing.
    pub(super) fn after_old_keys(&mut self, endpoint: usize) {
        if !matches!(self.answers.endpoints[endpoint].old_keys, Some(Err(_))) {
            return;
        }
        self.old_keys_unheard = true;
        let well = |place: &EndpointAnswers| place.status_ok().is_some() && place.old_keys.is_none();
        if let Some(other) = self.answers.endpoints.iter().position(well) {
            self.after_good_status(other);
        }
    }

    /// Asks the hosts of strays, unless all members are well: a spare host, say. Whether there is more to wait for.
    pub(super) fn explain_strays(&mut self) -> bool {
        let strays = std::mem::take(&mut self.strays);
        let well = |member: &Member| {
            let mut answers = self.answers.endpoints.iter().filter_map(EndpointAnswers::status_ok);
            answers.any(|status| status.member_id == member.id.0)
        };
        if self.quorum_proved() && self.known.iter().all(well) {
            return false;
        }
        for endpoint in strays {
            self.ask_service_now(endpoint);
        }
        !self.outstanding.is_empty() && !self.settled()
    }

    /// Once per host: what its unit says about itself.
    pub(super) fn ask_service(&mut self, endpoint: usize) {
        let place = &self.answers.endpoints[endpoint];
        if !place.configured && place.expected.is_none() {
            self.strays.push(endpoint);
        } else {
            self.ask_service_now(endpoint);
        }
    }

    fn ask_service_now(&mut self, endpoint: usize) {
        let Some(host) = self.host(endpoint) else { return };
        if self.services_asked.insert(host.name.clone()) {
            self.ask(endpoint, Question::Service, self.bound);
        }
    }

    pub(super) fn after_members(&mut self, endpoint: usize) {
        if let Some(Ok((_, members))) = &self.answers.endpoints[endpoint].members {
            let news = members.iter().filter(|member| !self.known.contains(member));
            self.learn(news.cloned().collect());
        }
    }

    /// Asks members that nobody has been asked about yet.
    pub(super) fn learn(&mut self, members: Vec<Member>) {
        for member in members {
            if self.known.contains(&member) {
                continue;
            }
            let host = rows::host_of(self.cluster, &member).and_then(|host| host.client_url.as_deref());
            for url in member.client_urls.iter().map(String::as_str).chain(host) {
                self.add_endpoint(EndpointAnswers::new(url, false, Some(member.id)));
            }
            self.known.push(member);
        }
    }

    /// A read that failed while somebody knows a leader: asked again to the end, and the leader is looked up afresh.
    pub(super) fn after_read(&mut self, endpoint: usize) {
        let place = &self.answers.endpoints[endpoint];
        let fault = place
            .read
            .as_ref()
            .and_then(|read| read.as_ref().err())
            .map(|error| error.fault);
        if self.depth == Depth::Thorough && fault == Some(Fault::Auth) && !self.quorum_proved() {
            self.ask(endpoint, Question::Ready, self.bound);
            return;
        }
        let silent = matches!(fault, Some(Fault::Silent | Fault::Timeout));
        let knows_leader = place.status_ok().is_some_and(|status| status.leader.is_some());
        if self.depth == Depth::Brief || !silent || !knows_leader || self.quorum_proved() {
            return;
        }
        if self.asked_twice.insert((endpoint, Question::Read)) {
            self.ask(endpoint, Question::Read, self.bound);
            self.ask(endpoint, Question::Status, self.patience());
        }
    }
}

fn gave_no_answer(error: &CallError) -> bool {
    matches!(error.fault, Fault::Silent | Fault::Timeout)
}
