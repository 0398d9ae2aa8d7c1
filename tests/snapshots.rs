//! Our reader of snapshots beside etcd's own tools, on snapshots of real etcd in every version; and on broken files.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcd_client::{Client, DeleteOptions};
use etcdops::snapshot::file::content_of;
use etcdops::snapshot::source::ReadAt;
use etcdops::snapshot::{Content, Damage, Form, Inspected, Wanted, inspect};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::etcd::{Etcds, USUAL, programs};

const VERSIONS: [&str; 7] = ["3.3.25", "3.4.23", "3.5.16", "3.5.30", "3.5.35", "3.6.16", "3.7.3"];

/// Keys of many lengths and values from nothing to far more than a page, rewritten, deleted, compacted, with a user.
async fn fill(url: String) {
    let mut client = Client::connect([url], None).await.unwrap();
    for number in 0..400_usize {
        let key = format!("{}{number}", "k".repeat(number % 90));
        let value = vec![b'v'; [0, 1, 10, 100, 1000, 5000][number % 6]];
        client.put(key, value, None).await.unwrap();
    }
    for number in 0..150_usize {
        let key = format!("{}{number}", "k".repeat(number % 90));
        client.put(key.clone(), "again", None).await.unwrap();
        if number % 3 == 0 {
            client.delete(key, None).await.unwrap();
        }
    }
    client.compact(420, None).await.unwrap();
    client.put("large", vec![7; 700_000], None).await.unwrap();
    let all = DeleteOptions::new().with_prefix();
    client.delete("k", Some(all)).await.unwrap();
    for number in 0..60 {
        client.put(format!("last-{number}"), "x", None).await.unwrap();
    }
    client.user_add("root", "secret", None).await.unwrap();
}

/// A snapshot of a filled cluster of one member, as etcdctl saves it.
fn saved(version: &str) -> (Etcds, PathBuf) {
    let etcds = Etcds::start(version, 1, false, &[]);
    let url = etcds.url(0);
    crate::support::wait_until("etcd serves", std::time::Duration::from_secs(20), || {
        etcds.etcdctl(0, &["put", "first", "1"]).status.success()
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(url));
    let path = etcds.path("saved.db");
    etcds.control(0, &["snapshot", "save", &path.to_string_lossy()]);
    (etcds, path)
}

fn write(path: &Path, content: &[u8]) {
    File::create(path).and_then(|mut file| file.write_all(content)).unwrap();
}

fn read(path: &Path) -> Result<Inspected, Damage> {
    inspect(File::open(path).unwrap(), Wanted::Both)
}

/// What etcd's own tool of this version says.
#[expect(clippy::disallowed_methods, reason = "tests use etcd's tools as users do")]
fn status(version: &str, path: &Path) -> Value {
    let tool = if programs(version).join("etcdutl").exists() {
        "etcdutl"
    } else {
        "etcdctl"
    };
    let mut command = Command::new(programs(version).join(tool));
    command.env_clear();
    if tool == "etcdctl" {
        command.env("ETCDCTL_API", "3");
    }
    let output = command
        .args(["snapshot", "status", "-w", "json"])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{version}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn as_etcd_says(version: &str, content: &Content) -> Value {
    let new_rule = version >= "3.6";
    let mut told = serde_json::json!({
        "hash": u32::from_str_radix(&content.hash, 16).unwrap(),
        "revision": content.revision,
        "totalKey": if new_rule { content.keys } else { content.entries },
        "totalSize": content.database_size,
    });
    if new_rule {
        told["version"] = content.storage_version.clone().unwrap_or_default().into();
    }
    told
}

#[test]
fn hash_revision_keys_and_size_are_what_etcds_own_tools_say() {
    for version in VERSIONS {
        let (etcds, path) = saved(version);
        let found = read(&path).unwrap();
        assert_eq!(found.form, Form::Snapshot);
        assert_eq!(
            as_etcd_says(version, &found.content),
            status(version, &path),
            "{version}"
        );
        // The other counting rule, on the same file.
        for other in ["3.5.35", "3.7.3"] {
            assert_eq!(
                as_etcd_says(other, &found.content)["totalKey"],
                status(other, &path)["totalKey"],
                "{version} by {other}"
            );
        }
        let content = &found.content;
        assert_eq!(content.members.len(), 1, "{version}: {content:?}");
        assert_eq!(content.members[0].name, "e1");
        assert_eq!(content.members[0].peer_urls, [etcds.peer_url(0)]);
        assert_eq!(
            (content.users, content.auth, content.compacted),
            (1, false, Some(420)),
            "{version}"
        );
        assert!(content.applied_index > 600, "{version}: {content:?}");
        assert_eq!(content.term.is_some(), version >= "3.5", "{version}: {content:?}");
        assert_eq!(content.keys, 65, "{version}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let (_etcds, path) = saved(USUAL);
    let whole = fs::read(&path).unwrap();
    let broken = path.with_extension("broken");
    let known = read(&path).unwrap().blake3;
    let tries = if crate::support::soak() { 20_000 } else { 300 };
    // Fixed places, spread over the file: a prime stride.
    for number in 0..tries {
        let bit = (number * 7_368_787 + 13) % (whole.len() * 8);
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        write(&broken, &flipped);
        assert!(read(&broken).is_err(), "bit {bit} of {} was flipped", whole.len() * 8);
        let quick = inspect(File::open(&broken).unwrap(), Wanted::Blake3);
        assert!(
            !quick.is_ok_and(|found| found.blake3 == known),
            "bit {bit} of {} was flipped",
            whole.len() * 8
        );
    }
    for cut in [
        0,
        1,
        31,
        32,
        511,
        4096,
        8192,
        12_288,
        whole.len() / 2,
        whole.len() - 32,
        whole.len() - 1,
    ] {
        write(&broken, &whole[..cut]);
        let cut_off = read(&broken);
        assert!(
            cut_off.is_err() || (cut == whole.len() - 32 && cut_off.as_ref().unwrap().form == Form::Database),
            "cut at {cut}: {cut_off:?}"
        );
    }
}

/// In pages in use, in free ones and in the trailer, whichever digest the manifest has; the one that it lacked is written into it.
#[test]
fn a_backup_with_a_flipped_bit_is_found_by_either_digest() {
    let (_etcds, path) = saved(USUAL);
    let cli = Cli::new();
    cli.write(
        "etcdops.yaml",
        "clusters:\n  c:\n    endpoints: [http://127.0.0.1:1]\n    backups: {store: library}\n",
    );
    let _ = cli
        .run(["backups", "add", &path.to_string_lossy(), "--name", "b"])
        .code(0);
    let file = cli.work().join("library/c/b/snapshot.db");
    let whole = fs::read(&file).unwrap();
    let manifest = || -> Value {
        let text = fs::read(cli.work().join("library/c/b/manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let blake3 = manifest()["blake3"].clone();
    assert_eq!(blake3.as_str().map(str::len), Some(64), "{:#}", manifest());
    let is_whole = |digest: &str| {
        etcdops::base::files::replace(&file, &whole).unwrap();
        let verified = cli.run(["backups", "verify", "b"]);
        assert!(
            verified.code == 0 && verified.stderr.contains(&format!("by its {digest}")),
            "{verified:?}"
        );
    };
    let bits = whole.len() * 8;
    let is_found = |bit: usize| {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        etcdops::base::files::replace(&file, &flipped).unwrap();
        let told = cli.run(["backups", "verify", "b"]);
        assert!(
            told.code == 1 && told.stderr.contains("b: "),
            "bit {bit} of {bits}: {told:?}"
        );
        assert!(!manifest()["damage"].is_null(), "bit {bit} of {bits}: {:#}", manifest());
    };
    is_whole("BLAKE3");
    // The ends of the file and of its body, and places spread over all of it: a prime stride.
    let ends = [0, bits - 1, bits - 256, bits - 257];
    let spread = (0..60).map(|number| (number * 7_368_787 + 13) % bits);
    ends.into_iter().chain(spread).for_each(is_found);
    is_whole("BLAKE3");

    let mut older = manifest();
    older.as_object_mut().unwrap().remove("blake3");
    let older = serde_json::to_string(&older).unwrap();
    etcdops::base::files::replace(&cli.work().join("library/c/b/manifest.json"), older.as_bytes()).unwrap();
    is_found(bits - 300);
    assert!(manifest()["blake3"].is_null(), "{:#}", manifest());
    is_whole("SHA-256");
    assert_eq!(manifest()["blake3"], blake3);
    is_whole("BLAKE3");
    let digests = [&manifest()["verified"]["digest"], &manifest()["damage"]].map(Value::to_string);
    assert_eq!(digests, ["\"blake3\"", "null"], "{:#}", manifest());
    let shown = cli.run(["backups", "show", "b"]).code(0).stdout;
    assert!(
        shown.contains(blake3.as_str().unwrap()) && shown.contains("by its BLAKE3"),
        "{shown}"
    );
}

#[test]
fn damage_names_its_page() {
    let (_etcds, path) = saved(USUAL);
    let whole = fs::read(&path).unwrap();
    let page_size = 4096;
    // The first leaf after the meta pages gets another number.
    let leaf = (2..whole.len() / page_size)
        .find(|page| whole[page * page_size + 8] == 2 && u64::from(whole[page * page_size]) == (*page as u64) % 256)
        .unwrap();
    let mut renamed = whole[..whole.len() - 32].to_vec();
    renamed[leaf * page_size] ^= 0x40;
    let told = content_of(renamed.as_slice()).err();
    // A page that is not in use may be renamed without harm: then the digest tells.
    if let Some(damage) = told {
        assert_eq!(damage.page, Some(leaf as u64), "{damage}");
    }
    let mut twice = whole[..whole.len() - 32].to_vec();
    let branch =
        (2..twice.len() / page_size).find(|page| twice[page * page_size + 8] == 1 && twice[page * page_size + 10] > 2);
    if let Some(branch) = branch {
        let at = branch * page_size + 16;
        let first: Vec<u8> = twice[at + 8..at + 16].to_vec();
        twice[at + 24..at + 32].copy_from_slice(&first);
        if let Err(damage) = content_of(twice.as_slice()) {
            assert!(damage.to_string().starts_with("page "), "{damage}");
        }
    }
}

/// Counts what is read: no file makes the reader read for ever.
struct Counted<'a> {
    bytes: &'a [u8],
    read: std::cell::Cell<u64>,
}

impl ReadAt for Counted<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.read.set(self.read.get() + buffer.len() as u64);
        self.bytes.read_at(offset, buffer)
    }
}

/// A small real database, made once.
fn small() -> &'static [u8] {
    static SMALL: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    SMALL.get_or_init(|| {
        let etcds = Etcds::start(USUAL, 1, false, &[]);
        crate::support::wait_until("etcd serves", std::time::Duration::from_secs(20), || {
            etcds.etcdctl(0, &["put", "first", "1"]).status.success()
        });
        let path = etcds.path("small.db");
        etcds.control(0, &["snapshot", "save", &path.to_string_lossy()]);
        let whole = fs::read(path).unwrap();
        whole[..whole.len() - 32].to_vec()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written over a database: an error or an answer, never a panic, and no byte read more than a few times.
    #[test]
    fn hostile_pages_never_panic_or_hang(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0_u8), Just(0xff), Just(1), any::<u8>()]), 1..40),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = small().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let source = Counted { bytes: &bytes, read: std::cell::Cell::default() };
        let _told = content_of(&source);
        prop_assert!(source.read.get() <= 2 * bytes.len() as u64 + 1000, "{} of {}", source.read.get(), bytes.len());
    }

    /// The heads of pages are where lies do most harm.
    #[test]
    fn lying_heads_never_panic_or_hang(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..64, any::<u8>()), 1..20),
    ) {
        let mut bytes = small().to_vec();
        let pages = bytes.len() / 4096;
        for (page, place, byte) in changes {
            // Not the meta pages: their checksum would end it at once.
            let page = 2 + page.index(pages - 2);
            bytes[page * 4096 + place] = byte;
        }
        let source = Counted { bytes: &bytes, read: std::cell::Cell::default() };
        let _told = content_of(&source);
        prop_assert!(source.read.get() <= 2 * bytes.len() as u64 + 1000);
    }
}
