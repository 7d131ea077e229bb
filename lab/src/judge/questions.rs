//! The questions of a world, asked in virtual time and judged by turbulence-dns' own code. No I/O, no
//! clock.

use std::collections::BTreeMap;

use anyhow::Context as _;
use turbulence_dns::simulation::{Reply, Said, Set, Setup};

use super::format::World;
use super::format::question::{Question, Say, Sweep};
use super::format::steps::is_on;
use super::recording::{Recording, Scraped};

/// A reload of which no second is given is this part of the interval before the end of the sweep that
/// is the first to know of it.
const RELOAD: u64 = 6;

/// Sweeps every set of a world, and records what is scraped.
pub(crate) fn record(world: &World, recording: &mut Recording) -> anyhow::Result<()> {
    let mut scraped = BTreeMap::new();
    for question in &world.dns {
        let usual = || format!("{}:9771", question.vantage);
        let instance = question.exporter.clone().unwrap_or_else(usual);
        let exporter = scraped
            .entry(instance.clone())
            .or_insert_with(|| Scraped::new("turbulence-dns", &instance));
        record_one(world, question, exporter, recording)?;
    }
    Ok(())
}

fn record_one(
    world: &World,
    question: &Question,
    scraped: &mut Scraped,
    recording: &mut Recording,
) -> anyhow::Result<()> {
    let mut set = Set::new(setup(question))?;
    let mut replies = vec![Reply::from(Said::Timeout); question.resolvers.len()];
    let mut sweeps = question.sweeps.iter().peekable();
    let mut restarts = question.exporter_restarts.iter().peekable();
    for (scrape, second) in recording.scrapes() {
        while let Some(sweep) = sweeps.next_if(|sweep| sweep.at <= second) {
            while let Some(restart) = restarts.next_if(|restart| **restart < sweep.at) {
                set.restart(*restart)?;
            }
            play(&mut set, question, &mut replies, sweep)?;
        }
        while let Some(restart) = restarts.next_if(|restart| **restart <= second) {
            set.restart(*restart)?;
        }
        if is_on(question.scraped.as_ref(), second) && !world.is_lost(second) {
            recording.page(scraped, scrape, &set.page(second));
        }
    }
    Ok(())
}

fn setup(question: &Question) -> Setup {
    let resolvers = question.resolvers.iter();
    let first = question.sweeps.first().and_then(|sweep| sweep.expected.clone());
    Setup {
        vantage: question.vantage.clone(),
        region: question.region.clone(),
        set: question.set.clone(),
        name: question.name.clone(),
        kind: question.r#type.clone(),
        mode: question.mode.clone(),
        expected: question.expected.clone().or(first),
        interval: question.interval.0,
        ttl: question.ttl,
        resolvers: resolvers.map(|it| (it.country.clone(), it.network.clone())).collect(),
    }
}

fn play(
    set: &mut Set,
    question: &Question,
    replies: &mut [Reply],
    sweep: &Sweep,
) -> anyhow::Result<()> {
    if let Some(expected) = &sweep.expected {
        let usual = sweep.at.saturating_sub(question.interval.0 / RELOAD);
        set.expect(Some(expected.clone()), sweep.reloaded_at.unwrap_or(usual))?;
    }
    for answers in &sweep.answers {
        let reply = Reply {
            said: said(&answers.say)?,
            then: answers.then.as_ref().map(said).transpose()?,
            extended_error: answers.extended_error,
            passes_control: answers.passes_control,
            makes: answers
                .makes
                .as_ref()
                .map(|it| it.parse())
                .transpose()
                .map_err(anyhow::Error::msg)?,
        };
        for number in &answers.resolvers.0 {
            replies[*number] = reply.clone();
        }
    }
    if sweep.fails {
        set.failed();
    } else {
        set.swept(replies, sweep.degraded, sweep.at);
    }
    Ok(())
}

fn said(say: &Say) -> anyhow::Result<Said> {
    Ok(match say {
        Say::Addresses(addresses) => Said::Addresses(addresses.clone()),
        Say::Word(word) => Said::word(word).with_context(|| format!("{word} is no answer"))?,
    })
}
