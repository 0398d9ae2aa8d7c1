//! Several looks at once.

use std::collections::HashMap;
use std::future::Future;

use futures_util::future::{Either, join_all, select};

use crate::call::host::{HostAnswer, HostOp, PeerProof, PeerSeen};
use crate::call::{Look, Sight};

/// All at once, each by `one`; what is asked for twice is looked at once. A listener for a proof of peer ports that cannot count its
/// guests is not waited for once all of them have been there: that they were is its answer.
pub async fn together<'a, F>(looks: &'a [Look], one: impl Fn(&'a Look) -> F) -> Vec<Sight>
where
    F: Future<Output = Sight>,
{
    let first = |look: &Look| looks.iter().position(|other| other == look);
    let distinct = (0..looks.len()).filter(|place| first(&looks[*place]) == Some(*place));
    let (stay, end): (Vec<usize>, Vec<usize>) = distinct.partition(|place| stays(&looks[*place]));
    let all = |places: &[usize]| Box::pin(join_all(places.iter().map(|place| one(&looks[*place]))));
    let (staying, ending) = match select(all(&stay), all(&end)).await {
        Either::Left((staying, ending)) => (staying, ending.await),
        Either::Right((ending, staying)) => match guests(looks, &end, &ending) {
            Some(seen) => (vec![seen; stay.len()], ending),
            None => (staying.await, ending),
        },
    };
    let seen: HashMap<usize, Sight> = stay
        .into_iter()
        .zip(staying)
        .chain(end.into_iter().zip(ending))
        .collect();
    looks
        .iter()
        .filter_map(|look| seen.get(&first(look)?).cloned())
        .collect()
}

fn stays(look: &Look) -> bool {
    let Look::Host { op, .. } = look else { return false };
    matches!(op, HostOp::PeerListen { connections: None, .. })
}

/// What a listener can tell when everyone who looked for it found it. `None`: somebody did not.
fn guests(looks: &[Look], places: &[usize], seen: &[Sight]) -> Option<Sight> {
    let mut proof = None;
    for (place, sight) in places.iter().zip(seen) {
        let Look::Host { op, .. } = &looks[*place] else {
            continue;
        };
        if !matches!(op, HostOp::PeerReach { patient: true, .. }) {
            continue;
        }
        let Sight::Host(HostAnswer::Peer(PeerSeen {
            proof: found,
            trouble: None,
            ..
        })) = sight
        else {
            return None;
        };
        if proof != Some(PeerProof::Tls) {
            proof = Some(*found);
        }
    }
    let proof = proof?;
    Some(Sight::Host(HostAnswer::Peer(PeerSeen {
        proof,
        ..PeerSeen::default()
    })))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn on(host: &str, op: HostOp) -> Look {
        Look::Host {
            host: host.to_owned(),
            op,
        }
    }

    fn listen() -> Look {
        let op = HostOp::PeerListen {
            port: 2380,
            connections: None,
            tls: true,
        };
        on("new", op)
    }

    fn reach(host: &str) -> Look {
        let op = HostOp::PeerReach {
            address: "new".to_owned(),
            port: 2380,
            tls: true,
            patient: true,
        };
        on(host, op)
    }

    fn peer(proof: PeerProof, trouble: Option<&str>) -> Sight {
        Sight::Host(HostAnswer::Peer(PeerSeen {
            proof,
            refused: false,
            trouble: trouble.map(str::to_owned),
        }))
    }

    /// What the hosts tell: `b` this, the listener what it is asked for.
    async fn told(look: &Look, b: Option<&str>, listener: impl Future<Output = ()>) -> Sight {
        match look {
            look if stays(look) => {
                listener.await;
                peer(PeerProof::Tcp, Some("its own words"))
            }
            Look::Host { host, .. } if host == "b" => peer(PeerProof::Tls, b),
            _ => peer(PeerProof::Tcp, None),
        }
    }

    #[test]
    fn what_is_asked_for_twice_is_looked_at_once() {
        let looks = [reach("a"), reach("b"), reach("a")];
        let times = std::cell::Cell::new(0);
        let all = together(&looks, |look| {
            times.set(times.get() + 1);
            told(look, None, std::future::pending())
        });
        let [tcp, tls] = [PeerProof::Tcp, PeerProof::Tls].map(|proof| peer(proof, None));
        assert_eq!(all.now_or_never().expect("nobody waits"), [tcp.clone(), tls, tcp]);
        assert_eq!(times.get(), 2);
    }

    #[test]
    fn a_listener_ends_with_its_last_guest() {
        let looks = [reach("a"), listen(), reach("b")];
        let all = together(&looks, |look| told(look, None, std::future::pending()));
        let expected = [
            peer(PeerProof::Tcp, None),
            peer(PeerProof::Tls, None),
            peer(PeerProof::Tls, None),
        ];
        assert_eq!(all.now_or_never().expect("nobody is waited for"), expected);
    }

    #[tokio::test]
    async fn it_is_heard_where_a_guest_did_not_find_it_or_none_was_sent() {
        let looks = [listen(), reach("b")];
        let why = Some("no answer in time");
        let seen = together(&looks, |look| told(look, why, tokio::task::yield_now())).await;
        assert_eq!(
            seen,
            [peer(PeerProof::Tcp, Some("its own words")), peer(PeerProof::Tls, why)]
        );
        let seen = together(&looks[..1], |look| told(look, None, tokio::task::yield_now())).await;
        assert_eq!(seen, [peer(PeerProof::Tcp, Some("its own words"))]);
    }
}
