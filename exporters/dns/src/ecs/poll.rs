//! One server, asked for ever on behalf of subnets, one question after the other.

use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Rounds;
use ipnet::IpNet;
use tokio::time::{Instant, sleep};

use super::answers::Told;
use super::state::RunningEcs;
use crate::config::EcsPlan;
use crate::courtesy::{Courtesy, Want};
use crate::exchange::HostName;
use crate::exchange::ask;
use crate::exchange::message::Reply;
use crate::exchange::question::{Edns, Question, Template};
use crate::kind::Kind;
use crate::reply;
use crate::resolvers::Resolver;
use crate::state::Moment;

/// Sweeps at the interval.
pub(crate) async fn run(ecs: Arc<RunningEcs>, rounds: Rounds, courtesy: Courtesy) {
    let plan = &ecs.plan;
    let mut rounds = rounds.every(plan.interval, &format!("dns/ecs/{}", plan.name));
    loop {
        rounds.next().await;
        let mut told = Vec::with_capacity(plan.questions.len());
        for (name, kind) in &plan.questions {
            let mut of_question = Vec::with_capacity(plan.subnets.len());
            for subnet in &plan.subnets {
                leave(&courtesy, plan).await;
                of_question.push(question(plan, name, *kind, subnet.net).await);
            }
            told.push(of_question);
        }
        ecs.publish(told, Moment::Real(Instant::now()));
    }
}

/// Waits until the server may be asked.
async fn leave(courtesy: &Courtesy, plan: &EcsPlan) {
    let server = Resolver { address: plan.server.ip(), country: 0, network: 0, asn: 0 };
    while let Err(wait) = courtesy.ask(&server, Want::Planned) {
        sleep(wait.min(Duration::from_secs(60))).await;
    }
}

async fn question(plan: &EcsPlan, name: &HostName, kind: Kind, subnet: IpNet) -> Told {
    let edns = Edns { client_subnet: Some(subnet), ..Edns::default() };
    let question = if plan.is_authority {
        Question::authoritative(name.clone(), kind.record_type())
    } else {
        Question::recursive(name.clone(), kind.record_type())
    };
    let question = Question { edns: Some(edns), ..question };
    match ask(plan.server, &question, plan.timeout).await.map(|answer| answer.reply) {
        Ok(Reply::Whole(whole)) => match reply::of_whole(&whole, &Template::new(&question)) {
            Some(answer) => Told::new(&whole.message, subnet, answer.content),
            None => Told::FAILED,
        },
        _ => Told::FAILED,
    }
}
