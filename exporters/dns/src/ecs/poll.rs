//! One server, asked for ever on behalf of subnets, one question after the other.

use std::sync::Arc;
use std::time::Duration;

use exporter_kit::Rounds;
use ipnet::IpNet;
use tokio::time::{Instant, sleep, sleep_until};

use super::answers::Told;
use super::state::RunningEcs;
use crate::config::EcsPlan;
use crate::courtesy::{Courtesy, Refusal, Want};
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
    let server = plan.server.ip();
    // A reload may have stopped one that had just asked.
    sleep_until(courtesy.server_earliest(server)).await;
    let mut rounds = rounds.every(plan.interval, &format!("dns/ecs/{}", plan.name));
    loop {
        rounds.next().await;
        courtesy.server_swept(server, plan.pause());
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
    while let Err(refusal) = courtesy.ask(&server, Want::Planned) {
        let wait = match refusal {
            Refusal::For(wait) => wait,
            Refusal::ForThisHour => Duration::MAX,
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Moment;

    fn plan(server: &str) -> EcsPlan {
        let subnets = vec![crate::config::Subnet {
            net: "8.8.8.0/24".parse().unwrap(),
            country: "ZZ".to_owned(),
        }];
        EcsPlan {
            vantage: exporter_kit::config::Vantage::default(),
            name: "places".to_owned(),
            labels: exporter_kit::config::Labels::default(),
            server: server.parse().unwrap(),
            is_authority: false,
            interval: Duration::from_secs(3600),
            timeout: Duration::from_millis(50),
            questions: vec![("a.example".parse().unwrap(), Kind::A); 2],
            subnets,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_asks_a_server_no_sooner_than_it_may_be_asked_again() {
        let (courtesy, stranger) = (Courtesy::default(), plan("9.9.9.9:53"));
        let began = Instant::now();
        courtesy.server_swept(stranger.server.ip(), stranger.pause());
        // One that is told of later does not shorten it.
        courtesy.server_swept(stranger.server.ip(), Duration::ZERO);
        let two_minutes = began + Duration::from_secs(120);
        assert_eq!(courtesy.server_earliest(stranger.server.ip()), two_minutes);
        let ecs = Arc::new(RunningEcs::new(stranger, Moment::Real(began)));
        let run = run(Arc::clone(&ecs), Rounds::default(), courtesy.clone());
        assert!(tokio::time::timeout_at(two_minutes, run).await.is_err());
        assert!(ecs.latest().told.is_none());
        let own = plan("127.0.0.1:53");
        courtesy.server_swept(own.server.ip(), own.pause());
        assert_eq!(courtesy.server_earliest(own.server.ip()), Instant::now());
    }
}
