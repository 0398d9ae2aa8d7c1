//! The service and the timer that take backups by themselves, as text.

use crate::base::duration::Span;
use crate::base::systemd::write::{argument, assignment, name_part, prose};

/// More often is no backup but a load, in seconds.
const SHORTEST: u64 = 300;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// The most by which a backup is put off, so that many clusters do not begin at once; in seconds.
const LONGEST_DELAY: u64 = 900;

/// What is to be done, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) cluster: String,
    pub(super) every: Span,
    /// The program and its words.
    pub(super) argv: Vec<String>,
    /// What it finds in its environment.
    pub(super) environment: Vec<(String, String)>,
    /// For the user's own systemd, not that of the machine.
    pub(super) of_user: bool,
}

/// Two unit files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) service: String,
    pub(super) timer: String,
}

/// The units' name, without its ending.
pub(super) fn name(cluster: &str) -> String {
    format!("etcdops-backup-{}", name_part(cluster))
}

impl Job {
    /// The two files.
    ///
    /// # Errors
    /// What cannot be said in them, and what to do.
    pub(super) fn units(&self) -> Result<Units, String> {
        let cluster = prose(&self.cluster);
        let network = if self.of_user {
            ""
        } else {
            "Wants=network-online.target\nAfter=network-online.target\n"
        };
        let mut service = format!(
            "# Written by `etcdops backup --install-timer`, which also changes it; `--remove-timer` takes it away.\n[Unit]\nDescription=Backup of the etcd cluster {cluster}\n{network}\n[Service]\nType=oneshot\nUMask=0077\nNice=10\n"
        );
        for (name, value) in &self.environment {
            let said = assignment(&format!("{name}={value}"));
            let said = said.ok_or_else(|| format!("${name} has a line feed, which no unit can say"))?;
            service.push_str(&format!("Environment={said}\n"));
        }
        service.push_str(&format!("ExecStart={}\n", self.command()?));
        let timer = format!(
            "# Written by `etcdops backup --install-timer`.\n[Unit]\nDescription=Backup of the etcd cluster {cluster} every {}\n\n[Timer]\n{}\nRandomizedDelaySec={}s\n\n[Install]\nWantedBy=timers.target\n",
            self.every,
            self.when()?,
            (self.every.0.as_secs() / 12).min(LONGEST_DELAY)
        );
        Ok(Units { service, timer })
    }

    fn command(&self) -> Result<String, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_@+=:,./-~".contains(c);
        if let Some(program) = self.argv.first().filter(|path| !path.chars().all(plain)) {
            return Err(format!(
                "systemd cannot start a program with such a path: {program}; put etcdops into /usr/local/bin and call it from there"
            ));
        }
        let said: Option<Vec<String>> = self.argv.iter().map(|word| argument(word)).collect();
        let said = said.ok_or("one of the paths has a line feed, which no unit can say")?;
        Ok(said.join(" "))
    }

    /// By the clock where the interval divides a day: then a backup that was missed while the machine was off is made up for.
    fn when(&self) -> Result<String, String> {
        let seconds = self.every.0.as_secs();
        if seconds < SHORTEST || self.every.0.subsec_nanos() != 0 {
            return Err(format!(
                "every {} is too often: the shortest interval is {}",
                self.every,
                Span::seconds(SHORTEST)
            ));
        }
        let calendar = match seconds {
            DAY => Some("*-*-* 00:00:00".to_owned()),
            HOUR => Some("*-*-* *:00:00".to_owned()),
            _ if seconds.is_multiple_of(HOUR) && DAY.is_multiple_of(seconds) => {
                Some(format!("*-*-* 00/{}:00:00", seconds / HOUR))
            }
            _ if seconds.is_multiple_of(60) && HOUR.is_multiple_of(seconds) => {
                Some(format!("*-*-* *:00/{}:00", seconds / 60))
            }
            _ => None,
        };
        Ok(match calendar {
            Some(calendar) => format!("OnCalendar={calendar}\nPersistent=true"),
            None => format!("OnActiveSec=15min\nOnUnitActiveSec={seconds}s"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(every: &str) -> Job {
        Job {
            cluster: "prod 100%".to_owned(),
            every: every.parse().unwrap(),
            argv: [
                "/usr/local/bin/etcdops",
                "--config",
                "/srv/a b/$x%.yaml",
                "backup",
                "--yes",
            ]
            .map(str::to_owned)
            .into(),
            environment: vec![("HOME".to_owned(), "/root".to_owned())],
            of_user: false,
        }
    }

    #[test]
    fn odd_names_stay_what_they_are() {
        assert_eq!(name("prod 1"), r"etcdops-backup-prod\x201");
        let units = job("6h").units().unwrap();
        assert!(
            units
                .service
                .contains("ExecStart=/usr/local/bin/etcdops \"--config\" \"/srv/a b/$$x%%.yaml\" backup \"--yes\"\n"),
            "{}",
            units.service
        );
        assert!(units.service.contains("Environment=HOME=/root\n") && units.service.contains("Type=oneshot\n"));
        assert!(
            units
                .timer
                .contains("Description=Backup of the etcd cluster prod 100%% every 6h\n")
        );
        let mut odd = job("6h");
        odd.argv[0] = "/home/me/my tools/etcdops".to_owned();
        assert!(odd.units().unwrap_err().contains("/usr/local/bin"));
    }

    #[test]
    fn by_the_clock_where_that_can_be_said() {
        for (every, expected) in [
            (
                "6h",
                "OnCalendar=*-*-* 00/6:00:00\nPersistent=true\nRandomizedDelaySec=900s\n",
            ),
            (
                "1h",
                "OnCalendar=*-*-* *:00:00\nPersistent=true\nRandomizedDelaySec=300s\n",
            ),
            (
                "1d",
                "OnCalendar=*-*-* 00:00:00\nPersistent=true\nRandomizedDelaySec=900s\n",
            ),
            (
                "15m",
                "OnCalendar=*-*-* *:00/15:00\nPersistent=true\nRandomizedDelaySec=75s\n",
            ),
            (
                "5h",
                "OnActiveSec=15min\nOnUnitActiveSec=18000s\nRandomizedDelaySec=900s\n",
            ),
            (
                "1h30m",
                "OnActiveSec=15min\nOnUnitActiveSec=5400s\nRandomizedDelaySec=450s\n",
            ),
        ] {
            let timer = job(every).units().unwrap().timer;
            assert!(timer.contains(expected), "{every}: {timer}");
        }
        for every in ["0s", "4m59s", "300s1ms"] {
            assert!(job(every).units().unwrap_err().contains("too often"), "{every}");
        }
    }
}
