//! A raft snapshot (`.snap`): who took part, and whether the v2 store held keys.

use prost::Message;

use super::message::{RaftSnapshot, SnapFile};
use super::replay::{Position, Voters};

/// What a raft snapshot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snap {
    pub at: Position,
    pub members: Voters,
    /// Keys of the v2 API are in it.
    pub v2_keys: bool,
}

/// Reads a whole `.snap` file. An error says what is wrong with it.
pub fn read_snap(bytes: &[u8]) -> Result<Snap, String> {
    let odd = |error: prost::DecodeError| format!("it is no raft snapshot: {error}");
    let file = SnapFile::decode(bytes).map_err(odd)?;
    if file.data.is_empty() || file.crc == 0 {
        return Err("it is empty".to_owned());
    }
    let found = crc32c::crc32c(&file.data);
    if found != file.crc {
        return Err(format!("its checksum is {found:08x}, and it says {:08x}", file.crc));
    }
    let snapshot = RaftSnapshot::decode(file.data.as_slice()).map_err(odd)?;
    let metadata = snapshot.metadata.unwrap_or_default();
    Ok(Snap {
        at: Position {
            term: metadata.term,
            index: metadata.index,
        },
        members: metadata.conf_state.as_ref().map(Voters::of).unwrap_or_default(),
        v2_keys: holds_v2_keys(&snapshot.data),
    })
}

/// The v2 store is a tree in JSON; users' keys are under `/1`.
fn holds_v2_keys(store: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Store {
        #[serde(rename = "Root")]
        root: Node,
    }
    #[derive(Default, serde::Deserialize)]
    struct Node {
        #[serde(rename = "Children", default)]
        children: Option<std::collections::BTreeMap<String, Branch>>,
    }
    #[derive(serde::Deserialize)]
    #[expect(clippy::zero_sized_map_values, reason = "only the names of a JSON object are wanted")]
    struct Branch {
        #[serde(rename = "Children", default)]
        children: Option<std::collections::BTreeMap<String, serde::de::IgnoredAny>>,
    }
    let Ok(store) = serde_json::from_slice::<Store>(store) else {
        return false;
    };
    let top = store.root.children.unwrap_or_default();
    top.get("1")
        .is_some_and(|keys| keys.children.as_ref().is_some_and(|keys| !keys.is_empty()))
}
