//! HTTP of etcd's client and peer ports.

use super::machine::refused;
use super::state::State;
use crate::call::{CallError, Fault, HttpAnswer, HttpRequest};
use crate::cluster::version::Version;

/// What capnslog knows.
const LEVELS: [&str; 7] = ["CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG", "TRACE"];

impl State {
    pub(super) fn http(&mut self, request: &HttpRequest) -> Result<HttpAnswer, CallError> {
        let what = format!("{} {}", request.method, request.url);
        let (base, path) = split(&request.url);
        let Some(host) = self.host_of(&base) else {
            return Err(refused(
                Fault::Name,
                &what,
                &base,
                "failed to lookup address information: Name or service not known",
            ));
        };
        let peer_port = self.hosts[host]
            .process
            .as_ref()
            .is_some_and(|process| process.serves_peers(&base));
        if peer_port && self.bastion_reaches(host) {
            return Ok(self.peer_port(host, &path));
        }
        let host = self.serving_host(&base, &what)?;
        Ok(self.client_port(host, request, &path))
    }

    fn peer_port(&self, host: usize, path: &str) -> HttpAnswer {
        let Some(process) = &self.hosts[host].process else {
            return answer(404, "404 page not found\n");
        };
        match path {
            "/version" => answer(200, &version_text(process.version)),
            "/members" => {
                let members: Vec<serde_json::Value> = self.copies[process.copy]
                    .applied
                    .members
                    .values()
                    .map(|member| {
                        let mut row =
                            serde_json::json!({ "id": member.id.0, "peerURLs": member.peer_urls, "name": member.name });
                        if member.learner {
                            row["isLearner"] = true.into();
                        }
                        if !member.client_urls.is_empty() {
                            row["clientURLs"] = member.client_urls.clone().into();
                        }
                        row
                    })
                    .collect();
                answer(200, &serde_json::Value::from(members).to_string())
            }
            _ => answer(404, "404 page not found\n"),
        }
    }

    fn client_port(&mut self, host: usize, request: &HttpRequest, path: &str) -> HttpAnswer {
        let Some(process) = &mut self.hosts[host].process else {
            return answer(404, "404 page not found\n");
        };
        let version = process.version;
        let since_35 = version >= Version::new(3, 5, 0);
        match (request.method.as_str(), path) {
            ("PUT", "/config/local/log") if version.log_level_needs_restart() => answer(404, "404 page not found\n"),
            ("PUT", "/config/local/log") => {
                let body: serde_json::Value = request
                    .body
                    .as_deref()
                    .and_then(|body| serde_json::from_str(body).ok())
                    .unwrap_or_default();
                let Some(level) = body["Level"].as_str().map(str::to_ascii_uppercase) else {
                    return answer(400, "{\"message\":\"Invalid json body\"}");
                };
                if !LEVELS.contains(&level.as_str()) {
                    return answer(400, &format!("{{\"message\":\"Invalid log level {level}\"}}"));
                }
                process.debug = ["DEBUG", "TRACE"].contains(&level.as_str());
                self.say(host, format!("globalLogLevel set to \"{level}\""));
                answer(204, "")
            }
            ("GET", "/version") => answer(200, &version_text(version)),
            ("GET", "/health") => {
                let good = process.leader.is_some() && self.alarms.is_empty();
                match (good, since_35) {
                    (true, true) => answer(200, "{\"health\":\"true\",\"reason\":\"\"}"),
                    (true, false) => answer(200, "{\"health\":\"true\"}"),
                    (false, true) => answer(503, "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n"),
                    (false, false) => answer(503, "{\"health\":\"false\"}\n"),
                }
            }
            ("GET", "/readyz") if version >= Version::new(3, 5, 11) => {
                if process.leader.is_some() {
                    answer(200, "ok\n")
                } else {
                    answer(503, "[-]linearizable_read failed: etcdserver: request timed out\n")
                }
            }
            ("GET", "/v2/keys" | "/v2/keys/") if version < Version::new(3, 4, 0) => {
                answer(200, "{\"action\":\"get\",\"node\":{\"dir\":true}}")
            }
            ("GET", "/debug/vars") => answer(200, "{\"cmdline\":[\"/usr/bin/etcd\"]}"),
            ("GET", "/metrics") => answer(200, ""),
            _ => answer(404, "404 page not found\n"),
        }
    }
}

fn split(url: &str) -> (String, String) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    let path = url[end..].split('?').next().unwrap_or_default();
    (
        url[..end].to_owned(),
        if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        },
    )
}

fn version_text(version: Version) -> String {
    format!(
        "{{\"etcdserver\":\"{version}\",\"etcdcluster\":\"{}.{}.0\"}}",
        version.major, version.minor
    )
}

fn answer(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer {
        status,
        body: body.to_owned(),
    }
}
