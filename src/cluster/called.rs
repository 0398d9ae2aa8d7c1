//! Which member a word means: hex ID, name or host.

use super::member::Id;
use super::model::ModelMember;
use super::observed::MemberSeen;

/// Somebody who may be meant.
pub trait Called {
    fn id(&self) -> Option<Id>;
    fn name(&self) -> &str;
    fn host(&self) -> Option<&str>;

    /// Not an endpoint of which no member is known.
    fn is_member(&self) -> bool {
        true
    }
}

impl Called for ModelMember {
    fn id(&self) -> Option<Id> {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

impl Called for MemberSeen {
    fn id(&self) -> Option<Id> {
        self.member.as_ref().map(|member| member.id)
    }

    fn name(&self) -> &str {
        self.member.as_ref().map_or("", |member| &member.name)
    }

    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn is_member(&self) -> bool {
        self.member.is_some()
    }
}

/// The word fits several members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` may mean {}", rows.join(", or "))]
pub struct Ambiguous {
    word: String,
    /// ID, name and host of each.
    rows: Vec<String>,
    ids: Vec<String>,
}

impl Ambiguous {
    fn of<M: Called>(word: &str, members: &[&M]) -> Self {
        let id = |member: &M| {
            member
                .id()
                .map_or("a member without ID".to_owned(), |id| id.to_string())
        };
        let row = |member: &&M| {
            let name = Some(member.name()).filter(|name| !name.is_empty());
            let host = member.host();
            format!(
                "{} ({}, {})",
                id(member),
                name.map_or("not started".to_owned(), |name| format!("name {name}")),
                host.map_or("on no host of the inventory".to_owned(), |host| format!("host {host}"))
            )
        };
        Self {
            word: word.to_owned(),
            rows: members.iter().map(row).collect(),
            ids: members.iter().map(|member| id(member)).collect(),
        }
    }

    /// What to type instead.
    pub fn hint(&self) -> String {
        format!(
            "instead of {}, type the ID of the one that is meant: {}",
            self.word,
            self.ids.join(" or ")
        )
    }
}

/// The member that a word names. An ID means its member, whatever others are called.
///
/// # Errors
/// It is the name or the host of several.
pub fn find<'a, M: Called>(members: &'a [M], word: &str) -> Result<Option<&'a M>, Ambiguous> {
    if let Some(member) = by_id(members, word) {
        return Ok(Some(member));
    }
    only(members, word, |member| {
        member.name() == word || member.host() == Some(word)
    })
}

/// The same for a word that may stand for a host: the member there is meant, whatever another one is called.
///
/// # Errors
/// Several are there, or are called so.
pub fn find_at<'a, M: Called>(members: &'a [M], word: &str) -> Result<Option<&'a M>, Ambiguous> {
    if let Some(member) = by_id(members, word) {
        return Ok(Some(member));
    }
    match only(members, word, |member| member.host() == Some(word))? {
        Some(member) => Ok(Some(member)),
        None => only(members, word, |member| member.name() == word),
    }
}

fn by_id<'a, M: Called>(members: &'a [M], word: &str) -> Option<&'a M> {
    let id: Id = word.parse().ok()?;
    members.iter().find(|member| member.id() == Some(id))
}

fn only<'a, M: Called>(members: &'a [M], word: &str, fits: impl Fn(&M) -> bool) -> Result<Option<&'a M>, Ambiguous> {
    if word.is_empty() {
        return Ok(None);
    }
    let found: Vec<&M> = members
        .iter()
        .filter(|member| member.is_member() && fits(member))
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(Ambiguous::of(word, several)),
    }
}

#[cfg(test)]
mod tests {
    use super::{find, find_at};
    use crate::cluster::member::Id;
    use crate::cluster::model::ModelMember;

    fn member(id: u64, name: &str, host: &str) -> ModelMember {
        ModelMember {
            id: Some(Id(id)),
            name: name.to_owned(),
            host: Some(host.to_owned()),
            peer_urls: Vec::new(),
            client_urls: Vec::new(),
            learner: false,
            up: true,
            version: None,
        }
    }

    #[test]
    fn a_word_for_two_means_neither_and_an_id_means_its_member_whatever_others_are_called() {
        let members = [
            member(0xa1, "etcd-a", "etcd-c"),
            member(0xb2, "etcd-b", "etcd-a"),
            member(0xc3, "a1", "etcd-d"),
            member(0xd4, "", "etcd-e"),
        ];
        let id = |word: &str| find(&members, word).map(|found| found.and_then(|found| found.id));
        assert_eq!(id("etcd-b"), Ok(Some(Id(0xb2))));
        assert_eq!(id("b2"), Ok(Some(Id(0xb2))));
        assert_eq!(id("a1"), Ok(Some(Id(0xa1))));
        assert_eq!(id("d4"), Ok(Some(Id(0xd4))));
        assert_eq!(id("etcd-9"), Ok(None));
        assert_eq!(id(""), Ok(None));
        let twice = id("etcd-a").unwrap_err();
        assert_eq!(
            twice.to_string(),
            "`etcd-a` may mean a1 (name etcd-a, host etcd-c), or b2 (name etcd-b, host etcd-a)"
        );
        assert!(twice.hint().ends_with("a1 or b2"), "{}", twice.hint());
    }

    #[test]
    fn a_word_for_a_host_means_the_member_there() {
        let members = [member(1, "etcd-a", "etcd-c"), member(2, "etcd-b", "etcd-a")];
        let id = |word: &str| find_at(&members, word).map(|found| found.and_then(|found| found.id));
        assert_eq!(id("etcd-a"), Ok(Some(Id(2))));
        assert_eq!(id("etcd-b"), Ok(Some(Id(2))));
        assert_eq!(id("1"), Ok(Some(Id(1))));
        let one_name = [member(1, "etcd-a", "etcd-c"), member(2, "etcd-a", "etcd-d")];
        assert!(find_at(&one_name, "etcd-a").is_err());
    }
}
