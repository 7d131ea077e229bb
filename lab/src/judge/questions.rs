//! The questions of a world, asked in virtual time and judged by turbulence-dns' own code. No I/O, no
//! clock.

use std::collections::BTreeMap;

use anyhow::Context as _;
use turbulence_dns::simulation::{Said, Set, Setup};

use super::format::World;
use super::format::question::{Question, Say, Sweep};
use super::format::steps::is_on;
use super::recording::{Recording, Scraped};

/// Sweeps every set of a world, and records what is scraped.
pub(crate) fn record(world: &World, recording: &mut Recording) -> anyhow::Result<()> {
    let mut scraped = BTreeMap::new();
    for question in &world.dns {
        let instance = format!("{}:9771", question.vantage);
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
    let mut said = vec![Said::Timeout; question.resolvers.len()];
    let mut sweeps = question.sweeps.iter().peekable();
    for (scrape, second) in recording.scrapes() {
        while let Some(sweep) = sweeps.next_if(|sweep| sweep.at <= second) {
            play(&mut set, &mut said, sweep)?;
        }
        if is_on(question.scraped.as_ref(), second) && !world.is_lost(second) {
            recording.page(scraped, scrape, &set.page());
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
        resolvers: resolvers.map(|it| (it.country.clone(), it.network.clone())).collect(),
    }
}

fn play(set: &mut Set, said: &mut [Said], sweep: &Sweep) -> anyhow::Result<()> {
    if let Some(expected) = &sweep.expected {
        set.expect(Some(expected.clone()))?;
    }
    for answers in &sweep.answers {
        let says = match &answers.say {
            Say::Addresses(addresses) => Said::Addresses(addresses.clone()),
            Say::Word(word) => Said::word(word).with_context(|| format!("{word} is no answer"))?,
        };
        for number in &answers.resolvers.0 {
            said[*number] = says.clone();
        }
    }
    if sweep.fails {
        set.failed();
    } else {
        set.swept(said, sweep.degraded, sweep.at as f64);
    }
    Ok(())
}
