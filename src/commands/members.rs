//! `etcdops members`: the member list, also without quorum.

use std::time::Instant;

use super::health::remember;
use super::{Context, Exit, Failure};
use crate::base::duration::Span;
use crate::look::{Depth, observe};
use crate::ui::{Format, health_view};

#[derive(Clone, Debug, clap::Args)]
pub struct MembersArgs {}

pub async fn run(context: &Context, _args: &MembersArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    if context.ui.manner.format == Format::Nagios {
        return Err(Failure::usage("`members` has no nagios output").hint("etcdops health -o nagios"));
    }
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let bound = Span(settings.look_timeout().0.saturating_sub(started.elapsed()));
    let observed = observe(&settings.cluster, &transport, bound, Depth::Thorough).await;
    if context.ui.is_json() {
        health_view::members_json(&context.ui, &settings.cluster, &observed);
    } else {
        context.ui.data(&health_view::members_text(&context.ui, &observed));
    }
    remember(context, &settings, &observed);
    if observed.member_list_known {
        return Ok(Exit::Done);
    }
    context
        .ui
        .warn("no member could tell who is a member: these are the endpoints that were asked");
    context.ui.hint("`etcdops health` says why each did not answer");
    Ok(Exit::Unknown)
}
