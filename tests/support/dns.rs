//! A DNS server on loopback that knows a few SRV records. It serves as long as its runtime lives.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Priority, weight, port and target of each record of a name.
pub type Records = BTreeMap<String, Vec<(u16, u16, u16, String)>>;

/// Answers on the address that it gives back; to names that it does not know, that there is no such name.
pub async fn serve(records: Records) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let _ = socket.send_to(&answer(&packet[..length], &records), from).await;
        }
    });
    address
}

fn answer(query: &[u8], records: &Records) -> Vec<u8> {
    let (mut end, mut labels) = (12, Vec::new());
    while query[end] != 0 {
        let next = end + 1 + usize::from(query[end]);
        labels.push(String::from_utf8_lossy(&query[end + 1..next]).to_lowercase());
        end = next;
    }
    let found = records.get(&labels.join("."));
    let code = if found.is_some() { 0 } else { 3 };
    let count = u8::try_from(found.map_or(0, Vec::len)).unwrap();
    let mut packet = query[..2].to_vec();
    packet.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    packet.extend(&query[12..end + 5]);
    for (priority, weight, port, target) in found.into_iter().flatten() {
        let mut data: Vec<u8> = [priority, weight, port]
            .into_iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        for label in target.split('.').filter(|label| !label.is_empty()) {
            data.push(u8::try_from(label.len()).unwrap());
            data.extend(label.as_bytes());
        }
        data.push(0);
        // The name of the question; SRV, internet, a minute.
        packet.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        packet.extend(data);
    }
    packet
}
