use super::*;
use std::collections::BTreeMap;
use tokio::net::UdpSocket;

/// What the DNS server on loopback says to a question for SRV records.
#[derive(Clone)]
enum Say {
    /// Priority, weight, port, target.
    Records(Vec<(u16, u16, u16, &'static str)>),
    NoSuchName,
    NoRecords,
    Failure,
    Nothing,
}

/// Answers until it is dropped with its runtime.
async fn serve(names: &[(&str, Say)]) -> SocketAddr {
    let names: BTreeMap<String, Say> = names
        .iter()
        .map(|(name, say)| ((*name).to_owned(), say.clone()))
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let say = names
                .get(&question(&packet[..length]).0)
                .cloned()
                .unwrap_or(Say::NoSuchName);
            if let Some(reply) = reply(&packet[..length], &say) {
                let _ = socket.send_to(&reply, from).await;
            }
        }
    });
    address
}

/// The name asked for, and where the question ends.
fn question(packet: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 5)
}

fn reply(query: &[u8], say: &Say) -> Option<Vec<u8>> {
    let (records, code) = match say {
        Say::Records(records) => (records.clone(), 0),
        Say::NoSuchName => (Vec::new(), 3),
        Say::NoRecords => (Vec::new(), 0),
        Say::Failure => (Vec::new(), 2),
        Say::Nothing => return None,
    };
    let mut packet = query[..2].to_vec();
    packet.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(records.len()).unwrap(),
        0,
        0,
        0,
        0,
    ]);
    packet.extend(&query[12..question(query).1]);
    for (priority, weight, port, target) in records {
        let mut data = Vec::new();
        for number in [priority, weight, port] {
            data.extend(number.to_be_bytes());
        }
        for label in target.split('.').filter(|label| !label.is_empty()) {
            data.push(u8::try_from(label.len()).unwrap());
            data.extend(label.as_bytes());
        }
        data.push(0);
        packet.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        packet.extend(data);
    }
    Some(packet)
}

async fn find(names: &[(&str, Say)], name: Option<&str>) -> Result<Found, DiscoveryError> {
    let discovery = Discovery {
        domain: "example.test.".into(),
        name: name.map(str::to_owned),
    };
    let server = serve(names).await;
    endpoints(&discovery, Some(server), Duration::from_millis(1500)).await
}

const SSL: &str = "_etcd-client-ssl._tcp.example.test";
const PLAIN: &str = "_etcd-client._tcp.example.test";

#[tokio::test]
async fn ssl_records_come_first_in_order_without_trailing_dots() {
    let records = vec![
        (20, 0, 2379, "last.example.test."),
        (10, 5, 2379, "b.example.test."),
        (10, 50, 2379, "a.example.test."),
        (10, 5, 2379, "b.example.test."),
    ];
    let plain = Say::Records(vec![(0, 0, 2379, "plain.example.test.")]);
    let found = find(&[(SSL, Say::Records(records)), (PLAIN, plain)], None)
        .await
        .unwrap();
    assert_eq!(
        found.endpoints,
        [
            "https://a.example.test:2379",
            "https://b.example.test:2379",
            "https://last.example.test:2379"
        ]
    );
    assert_eq!((found.records.as_str(), found.note), (SSL, None));
}

#[tokio::test]
async fn plain_records_are_used_where_the_others_do_not_exist_and_it_says_so() {
    for absent in [Say::NoSuchName, Say::NoRecords, Say::Records(vec![(0, 0, 1, ".")])] {
        let plain = Say::Records(vec![(0, 0, 2379, "e1.example.test.")]);
        let found = find(&[(SSL, absent), (PLAIN, plain)], None).await.unwrap();
        assert_eq!(found.endpoints, ["http://e1.example.test:2379"]);
        let note = found.note.unwrap();
        assert!(
            note.contains("_etcd-client-ssl._tcp.example.test does not exist"),
            "{note}"
        );
    }
}

#[tokio::test]
async fn a_name_is_part_of_the_service() {
    let records = Say::Records(vec![(0, 0, 2379, "c1.example.test.")]);
    let found = find(&[("_etcd-client-ssl-c1._tcp.example.test", records)], Some("c1")).await;
    assert_eq!(found.unwrap().endpoints, ["https://c1.example.test:2379"]);
}

#[tokio::test]
async fn no_records_at_all_are_told_by_name() {
    let error = find(&[], Some("c1")).await.unwrap_err().to_string();
    assert!(error.contains("_etcd-client-ssl-c1._tcp.example.test"), "{error}");
    assert!(error.contains("_etcd-client-c1._tcp.example.test"), "{error}");
}

#[tokio::test]
async fn a_failing_resolver_never_turns_tls_off() {
    let plain = Say::Records(vec![(0, 0, 2379, "e1.example.test.")]);
    let error = find(&[(SSL, Say::Failure), (PLAIN, plain)], None).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::Unanswered { .. }), "{error}");
}

#[tokio::test]
async fn silence_ends_in_time() {
    let started = std::time::Instant::now();
    let error = find(&[(SSL, Say::Nothing)], None).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::Unanswered { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn records_that_could_do_harm_are_refused() {
    for (target, port) in [
        ("-x.example.test.", 2379),
        ("a b.example.test.", 2379),
        ("e1.example.test.", 0),
    ] {
        let error = find(&[(SSL, Say::Records(vec![(0, 0, port, target)]))], None)
            .await
            .unwrap_err();
        assert!(matches!(error, DiscoveryError::Unusable { .. }), "{target}: {error}");
    }
}
