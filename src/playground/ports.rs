//! Choosing ports on loopback that nobody uses now, and that the kernel gives to nobody later.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;

/// Ports that the playground may take: above the services that are known by number, below most ephemeral ranges.
const RANGE: RangeInclusive<u16> = 20_000..=31_999;

/// How far apart two playgrounds begin to look, so that they seldom meet.
const STRIDE: u16 = 40;

/// Finds `count` free ports. `place` (the playground's folder) decides where the search begins, so that two
/// playgrounds that start at the same moment look in different places. `None`: so many are not free.
///
/// The ports of a member that is stopped are free, and not to be had: a block in which anybody listens is left out, for it may be
/// another playground's. A port in the kernel's ephemeral range could be lent to any outgoing connection while its member is
/// stopped. Where nothing else is left, both are taken.
pub fn choose(count: usize, place: &Path) -> Option<Vec<u16>> {
    let ephemeral = ephemeral_range();
    let calm = |port: &u16| !ephemeral.as_ref().is_some_and(|range| range.contains(port));
    let quiet_block = |port: &u16| {
        let first = port - (port - RANGE.start()) % STRIDE;
        (first..first + STRIDE).all(|port| calm(&port) && is_free(port))
    };
    search(count, place, quiet_block)
        .or_else(|| search(count, place, |port| calm(port) && is_free(*port)))
        .or_else(|| search(count, place, |port| is_free(*port)))
}

/// Whether a listener on loopback can have this port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn search(count: usize, place: &Path, usable: impl Fn(&u16) -> bool) -> Option<Vec<u16>> {
    let width = RANGE.end() - RANGE.start() + 1;
    let first = start(place, width);
    let ports: Vec<u16> = (0..width)
        .map(|step| RANGE.start() + (first + step) % width)
        .filter(usable)
        .take(count)
        .collect();
    (ports.len() == count).then_some(ports)
}

/// Where the search begins, from 0 to `width`: FNV-1a of the path, which needs to be spread out, not secret.
fn start(place: &Path, width: u16) -> u16 {
    let hash = place
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
    let slots = u32::from(width / STRIDE);
    u16::try_from(hash % slots).unwrap_or_default() * STRIDE
}

/// The ports that the kernel lends to outgoing connections, as `/proc` tells.
fn ephemeral_range() -> Option<RangeInclusive<u16>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut words = text.split_whitespace().map(str::parse::<u16>);
    Some(words.next()?.ok()?..=words.next()?.ok()?)
}

/// Ports of the list that somebody listens on.
pub fn taken(ports: impl IntoIterator<Item = u16>) -> BTreeSet<u16> {
    ports.into_iter().filter(|port| !is_free(*port)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_distinct_free_and_pass_over_taken_ones() {
        let place = Path::new("/tmp/somewhere");
        let first = choose(6, place).unwrap();
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 6);
        assert!(first.iter().all(|port| RANGE.contains(port)));
        // The last of them; the others belong to members that are stopped just now.
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, first[5])).unwrap();
        let second = choose(6, place).unwrap();
        assert!(second.iter().all(|port| !first.contains(port)), "{first:?} {second:?}");
        assert_eq!(taken([first[5]]), BTreeSet::from([first[5]]));
        drop(holder);
    }

    #[test]
    fn the_start_stays_inside_and_differs_by_folder() {
        let width = RANGE.end() - RANGE.start() + 1;
        let starts: BTreeSet<u16> = (0..50)
            .map(|number| start(Path::new(&format!("/home/u{number}")), width))
            .collect();
        assert!(starts.iter().all(|first| *first < width));
        assert!(starts.len() > 30, "{starts:?}");
    }
}
