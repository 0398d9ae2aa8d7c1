//! Who runs etcdops here, and whether such a process still lives.

use std::fs;

use crate::event::Operator;

/// This process.
pub fn here() -> Operator {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(name_of_this_user);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let pid = std::process::id();
    Operator {
        who: format!("{user}@{host}"),
        machine: machine(),
        pid,
        pid_started: started(pid).unwrap_or(0),
    }
}

/// The process of a run on this machine is still there. Of another machine nothing can be said: `None`.
pub fn lives(operator: &Operator) -> Option<bool> {
    (operator.machine == machine()).then(|| started(operator.pid) == Some(operator.pid_started))
}

/// The name in `/etc/passwd`, or the number.
fn name_of_this_user() -> String {
    let number = rustix::process::getuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields.find(|fields| fields.get(2) == Some(&number.as_str()));
    own.and_then(|fields| fields.first().map(|name| (*name).to_owned()))
        .unwrap_or(number)
}

fn machine() -> String {
    ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Start of a process in clock ticks since boot (field 22 of `/proc/PID/stat`).
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{here, lives};

    #[test]
    fn this_process_lives_and_a_reused_number_does_not() {
        let me = here();
        assert_eq!(lives(&me), Some(true));
        assert_eq!(
            lives(&crate::event::Operator {
                pid_started: me.pid_started + 1,
                ..me.clone()
            }),
            Some(false)
        );
        assert_eq!(
            lives(&crate::event::Operator {
                machine: "elsewhere".to_owned(),
                ..me
            }),
            None
        );
    }
}
