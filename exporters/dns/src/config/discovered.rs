//! Resolvers that join a set: discovered ones, and those of which the config knows the name; which set each of them joins,
//! and which may not be asked. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use exporter_kit::config::{Located, Problems};
use exporter_kit::discovery::{Discovery, Found, Skipped};

use super::lists::Hourly;
use super::plan::{MAX_UNACKNOWLEDGED, Size};
use super::{Config, Plan, Set};
use crate::courtesy::{MAX_PER_AND_HOUR, is_stranger};
use crate::exchange::HostName;
use crate::resolvers::{
    Added, At, Builder, Certified, Country, Entry, Host, Listed, MOST_OF_NAME, ResolverList,
};

/// Where the resolver of a name is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Whereabouts {
    /// Its addresses, those first that count most.
    pub(crate) addresses: Vec<IpAddr>,
    /// Why it has none, or others than it had for long.
    pub(crate) why: Option<String>,
}

const AGAIN: &str = "another resolver of the set has its address";
const SPECIAL: &str = "address: special-purpose addresses are asked only with `allow_private: true`, and those of no \
                       host never";

/// A set that resolvers join.
struct Joined {
    plan: Plan,
    builder: Builder,
    size: Size,
    /// Names that stand for nobody yet.
    unknown: Vec<HostName>,
}

/// Why a resolver does not join a set.
struct Refusal {
    reason: String,
    /// What the list counts it as; nothing where it is not its own fault.
    counted: Option<Added>,
}

/// What all sets ask together.
struct Asked {
    hourly: Hourly,
    unacknowledged: HashSet<IpAddr>,
    /// Series that the page may have, those that it may have had before, and those of a country for one question.
    most_series: usize,
    series: usize,
    of_country: usize,
}

impl Asked {
    /// Why one more stranger may not be asked, where nobody said that it is meant.
    fn fault(&self, address: IpAddr) -> Option<String> {
        let is_more = !self.unacknowledged.contains(&address);
        (is_more && self.unacknowledged.len() >= MAX_UNACKNOWLEDGED).then(|| {
            format!(
                "acknowledge_third_party_probing: all sets together would probe more than {MAX_UNACKNOWLEDGED} resolvers of \
                 others, which is to be acknowledged by each"
            )
        })
    }
}

impl Asked {
    /// Why there may not be so many series more, of a country that no resolver of the set was in.
    fn fault_of_series(&self, more: usize) -> Option<String> {
        let Self { most_series, series, .. } = self;
        (more > 0 && series + more > *most_series).then(|| {
            format!(
                "max_series: with its country there may be {} series, {more} more than with those before; the most is \
                 {most_series}",
                series + more
            )
        })
    }
}

impl Config {
    /// What each set is asked, by its name, with the resolvers that were found; and which of these are left out. A set
    /// that has no resolver yet is asked nothing.
    ///
    /// Names come last: where they are changes nothing of those that are written by their addresses.
    pub(crate) fn plans(&self, found: &[Found]) -> (BTreeMap<String, Plan>, Vec<Skipped>) {
        let mut joined: BTreeMap<usize, Joined> = BTreeMap::new();
        let mut asked = Asked {
            hourly: self.hourly(),
            unacknowledged: self.unacknowledged(),
            most_series: self.max_series.value,
            series: self.series().0 - self.series_of_names(),
            of_country: self.series_of_country(),
        };
        let own = |(number, set): (usize, &Located<Set>)| {
            set.names().map(|listed| (number, listed.clone())).collect::<Vec<_>>()
        };
        let mut names: Vec<_> = self.sets.iter().enumerate().flat_map(own).collect();
        let mut skipped = Vec::new();
        for found in found {
            let added = self.set_of(found).and_then(|number| {
                let listed = listed(found)?;
                let Some(entry) = listed.entry() else {
                    names.push((number, listed));
                    return Ok(());
                };
                let set = joined.entry(number).or_insert_with(|| self.joined(number));
                set.add(&entry, &mut asked).map_err(|refusal| refusal.reason)
            });
            if let Err(reason) = added {
                skipped.push(found.clone().skip(reason));
            }
        }
        for (number, listed) in names {
            let set = joined.entry(number).or_insert_with(|| self.joined(number));
            set.join(&listed, &self.addresses, &mut asked);
        }
        let plan = |(number, set): (usize, &Located<Set>)| match joined.remove(&number) {
            Some(Joined { mut plan, builder, unknown, .. }) => {
                plan.set.list = Arc::new(builder.finish());
                (plan, unknown)
            }
            None => (self.plan(set), Vec::new()),
        };
        let plans = self.sets.iter().enumerate().map(plan);
        let is_any = |list: &ResolverList| !list.resolvers.is_empty() || list.unresolved > 0;
        let plans = plans.filter(|(plan, _)| is_any(&plan.set.list));
        // What is left of the hours goes to the sets in their order.
        let mut hourly = asked.hourly;
        let with_room = |(plan, unknown): (Plan, Vec<HostName>)| {
            let list = &plan.set.list;
            let (mut size, mut room) = (Size::of(list), hourly.room(list));
            for name in &unknown {
                size.expect(name, plan.set.allow_private);
            }
            if !unknown.is_empty() {
                room = room.min(f64::from(MAX_PER_AND_HOUR) - plan.hourly());
            }
            let plan = plan.with_spare_tcp(&size, room);
            let more = plan.spare_tcp as f64 * 3600.0 / plan.set.interval.as_secs_f64();
            plan.set.list.resolvers.iter().for_each(|it| hourly.add(it.address, more));
            (plan.set.name.clone(), plan)
        };
        (plans.map(with_room).collect(), skipped)
    }

    /// Checks a set all of whose resolvers are discovered.
    pub(super) fn check_discovered(&self, number: usize, problems: &mut Problems) {
        let set = &self.sets[number];
        if self.discovery == Discovery::default() {
            problems.add(
                set.place,
                format!(
                    "sets[{number}].resolvers: give them, or `resolvers_file`, or `file_sd_configs` beside \
                     `sets`"
                ),
            );
        }
        for fault in self.plan(set).faults(&Size::default()) {
            problems.add(set.place, format!("sets[{number}].{fault}"));
        }
    }

    fn joined(&self, number: usize) -> Joined {
        let set = &self.sets[number];
        let builder = match &self.own[number] {
            Some(builder) => Builder::clone(builder),
            None => self.builder(set),
        };
        Joined { plan: self.plan(set), builder, size: Size::of(&set.list), unknown: Vec::new() }
    }

    /// The names by which resolvers are known, whose addresses are looked up.
    pub(crate) fn host_names(&self, found: &[Found]) -> BTreeSet<HostName> {
        let found = found.iter().filter_map(|it| At::try_from(it.address.clone()).ok());
        let own = self.sets.iter().flat_map(|set| set.names().map(|it| it.at.clone()));
        own.chain(found).filter_map(|at| at.name().cloned()).collect()
    }

    /// The number of the set that a resolver joins.
    fn set_of(&self, found: &Found) -> Result<usize, String> {
        let name = found.labels.get("set").filter(|name| !name.is_empty());
        let number = match name {
            Some(name) => self.sets.iter().position(|set| set.name == *name),
            None => (self.sets.len() == 1).then_some(0),
        };
        number.ok_or_else(|| {
            let known: Vec<_> = self.sets.iter().map(|set| set.name.as_str()).collect();
            format!("set: must be one of {}", known.join(", "))
        })
    }
}

impl Joined {
    /// Adds a resolver at each address that its name has, unless the set may not ask it there, which is told. Each address
    /// is an entry of the list, and so is a name without any.
    fn join(
        &mut self,
        listed: &Listed,
        addresses: &BTreeMap<HostName, Whereabouts>,
        asked: &mut Asked,
    ) {
        let Host::Name(name) = &listed.at.host else { return };
        self.builder.named();
        let Some(Whereabouts { addresses, why }) = addresses.get(name) else {
            self.unknown.push(name.clone());
            return self.builder.unresolved(true);
        };
        let (mut taken, mut is_counted) = (0, false);
        for address in addresses {
            if taken == MOST_OF_NAME {
                let text =
                    format!("is asked at {MOST_OF_NAME} of its addresses, and not at the others");
                self.builder.tell(name, text);
                break;
            }
            match self.add(&listed.entry_at(*address), asked) {
                Ok(()) => (taken, is_counted) = (taken + 1, true),
                Err(Refusal { reason, counted }) => {
                    is_counted |= counted.is_some();
                    if counted != Some(Added::Again) {
                        self.builder.tell(name, format!("is not asked at {address}: {reason}"));
                    }
                }
            }
        }
        if let Some(why) = why {
            self.builder.tell(name, why.clone());
        }
        if !is_counted {
            self.unknown.push(name.clone());
            self.builder.unresolved(false);
        }
    }

    /// Adds a resolver unless the set may not ask it, or not so many.
    fn add(&mut self, entry: &Entry, asked: &mut Asked) -> Result<(), Refusal> {
        // One that is there already asks for nothing more.
        let reason = match self.builder.look(entry.address) {
            Added::New => return self.add_new(entry, asked),
            Added::Again => AGAIN,
            Added::OptedOut => "address: is in `opt_out_file`",
            Added::Special => SPECIAL,
        };
        let counted = Some(self.builder.add(entry));
        Err(Refusal { reason: reason.to_owned(), counted })
    }

    fn add_new(&mut self, entry: &Entry, asked: &mut Asked) -> Result<(), Refusal> {
        let system = entry.asn.unwrap_or_default();
        let before = self.size.add(entry.address, system);
        let fault = self.plan.faults(&self.size).into_iter().next();
        let own = self.plan.hourly();
        let fault = fault.or_else(|| asked.hourly.fault(entry.address, own));
        let is_quiet = !self.plan.set.acknowledge_third_party_probing && is_stranger(entry.address);
        let fault = fault.or_else(|| asked.fault(entry.address).filter(|_| is_quiet));
        let more = self.plan.questions.len() * asked.of_country * self.builder.new_countries(entry);
        let fault = fault.or_else(|| asked.fault_of_series(more));
        if let Some(reason) = fault {
            self.size.remove(entry.address, system, before);
            return Err(Refusal { reason, counted: None });
        }
        self.builder.add(entry);
        asked.series += more;
        asked.hourly.add(entry.address, own);
        if is_quiet {
            asked.unacknowledged.insert(entry.address);
        }
        Ok(())
    }
}

/// A resolver, with what its labels say of it.
fn listed(found: &Found) -> Result<Listed, String> {
    let at = At::try_from(found.address.clone()).map_err(|error| format!("address: {error}"))?;
    let label = |name: &str| found.labels.get(name).filter(|value| !value.is_empty());
    let country = label("country").map(|country| Country::try_from(country.clone())).transpose();
    let country = country.map_err(|error| format!("country: {error}"))?;
    let asn = label("asn").map(|asn| asn.strip_prefix("AS").unwrap_or(asn).parse()).transpose();
    let asn = asn.map_err(|_| "asn: must be a number, as in 64500 or AS64500".to_owned())?;
    Ok(Listed { at, country, asn, certified: Certified::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "vantage: { name: fra, region: EMEA }\nfile_sd_configs: [{ files: [a.json] }]\n\
                        questions: [{ name: a.example, types: [A] }]\n";

    fn config(sets: &str) -> Config {
        exporter_kit::parse(&format!("{HEAD}sets: [{sets}]\n"), "test.yml").unwrap()
    }

    fn found(address: &str, labels: &[(&str, &str)]) -> Found {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Found { address: address.into(), labels: Arc::new(labels), source: "a.json".into() }
    }

    fn reasons(skipped: &[Skipped]) -> Vec<&str> {
        skipped.iter().map(|skipped| skipped.reason.as_str()).collect()
    }

    #[test]
    fn a_resolver_joins_the_set_that_it_names_and_the_others_stay_as_they_are() {
        let config = config("{ name: own, resolvers: [9.9.9.9] }, { name: found }");
        assert_eq!(config.plans(&[]).0.keys().collect::<Vec<_>>(), ["own"]);
        let (plans, skipped) = config.plans(&[
            found(
                "8.8.8.8",
                &[("set", "found"), ("country", "nl"), ("asn", "AS15169"), ("x", "y")],
            ),
            found("8.8.4.4:53", &[("set", "found"), ("asn", "15169")]),
            found("[2620:fe::fe]:53", &[("set", "own")]),
            found("[2620:fe::9]:5353", &[("set", "own")]),
        ]);
        assert_eq!(skipped, []);
        let list = &plans["found"].set.list;
        assert_eq!((list.resolvers.len(), list.networks, list.countries[0].as_str()), (2, 1, "NL"));
        let own = plans["own"].set.list.peers(53).map(|it| it.to_string()).collect::<Vec<_>>();
        assert_eq!(own, ["9.9.9.9:53", "[2620:fe::fe]:53", "[2620:fe::9]:5353"]);
        assert_eq!(config.plans(&[]).0["own"].set.list.resolvers.len(), 1);
    }

    #[test]
    fn what_the_config_may_not_ask_is_not_asked_because_it_was_discovered() {
        let config = config("{ name: own, resolvers: [9.9.9.9] }, { name: found, port: 5353 }");
        let (plans, skipped) = config.plans(&[
            found("10.0.0.1", &[("set", "own")]),
            found("224.0.0.1", &[("set", "own")]),
            found("9.9.9.9", &[("set", "own")]),
            found("8.8.8.8", &[]),
            found("8.8.8.8", &[("set", "s3cret")]),
            found("8.8.8.8:0", &[("set", "found")]),
            found("u:s3cret@h.example", &[("set", "found")]),
            found("8.8.8.8", &[("set", "found"), ("country", "s3cret")]),
            found("8.8.8.8", &[("set", "found"), ("asn", "s3cret")]),
        ]);
        assert_eq!((plans.len(), plans["own"].set.list.resolvers.len()), (1, 1));
        let reasons = reasons(&skipped);
        for (reason, wanted) in reasons.iter().zip([
            "address: special-purpose addresses are asked only with",
            "address: special-purpose addresses are asked only with",
            "another resolver of the set has its address",
            "set: must be one of own, found",
            "set: must be one of own, found",
            "address: must be an IP address",
            "address: must be an IP address",
            "country: must be two letters",
            "asn: must be a number",
        ]) {
            assert!(reason.starts_with(wanted), "{reason}, not {wanted}");
        }
        assert_eq!(reasons.len(), 9);
        assert!(!reasons.concat().contains("s3cret"));
    }

    #[test]
    fn so_many_strangers_join_as_the_config_may_ask() {
        let many: Vec<_> = (1..=201).map(|n| found(&format!("11.0.0.{n}"), &[])).collect();
        let (plans, skipped) = config("{ name: found }").plans(&many);
        assert_eq!(plans["found"].set.list.resolvers.len(), 200);
        assert!(
            skipped[0].reason.starts_with("acknowledge_third_party_probing: 201"),
            "{skipped:?}"
        );
        let meant = config(
            "{ name: found, acknowledge_third_party_probing: true, contact: noc, control: a.example }",
        );
        assert_eq!(meant.plans(&many).0["found"].set.list.resolvers.len(), 201);
        // So many over all sets, each once.
        let in_set = |n: usize, set: &str| found(&format!("11.0.0.{n}"), &[("set", set)]);
        let halves = (1..=201).map(|n| in_set(n, if n % 2 == 0 { "one" } else { "other" }));
        let again = (1..=4).map(|n| in_set(n, if n % 2 == 0 { "other" } else { "one" }));
        let two = config("{ name: one, interval: 2h }, { name: other, interval: 2h }");
        let (plans, skipped) = two.plans(&halves.chain(again).collect::<Vec<_>>());
        let count = |set: &str| plans[set].set.list.resolvers.len();
        assert_eq!((count("one"), count("other"), skipped.len()), (102, 102, 1));
        let wanted = "acknowledge_third_party_probing: all sets together would probe more than 200";
        assert!(skipped[0].reason.starts_with(wanted), "{skipped:?}");
    }

    /// Tells a config where a name is.
    fn place(config: &mut Config, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let whereabouts = Whereabouts { addresses, why: None };
        config.addresses.insert(name.parse().unwrap(), whereabouts);
    }

    #[test]
    fn a_name_is_asked_at_each_of_its_addresses_once_these_are_known_and_nobody_waits_for_it() {
        let mut config = config(
            "{ name: own, resolvers: [9.9.9.9, { address: 'dns.example:5353', country: nl }] }, { name: found }",
        );
        let others = [
            found("more.example", &[("set", "found"), ("asn", "64500")]),
            found("none.example", &[("set", "found")]),
            found("inside.example", &[("set", "found")]),
        ];
        let names = config.host_names(&others);
        let names: Vec<_> = names.iter().map(HostName::as_str).collect();
        assert_eq!(names, ["dns.example", "inside.example", "more.example", "none.example"]);
        let (plans, skipped) = config.plans(&others);
        let sizes = |plans: &BTreeMap<String, Plan>| {
            let size = |set: &str| &plans[set].set.list;
            [size("own"), size("found")].map(|it| (it.resolvers.len(), it.unresolved))
        };
        assert_eq!((sizes(&plans), skipped.len()), ([(1, 1), (0, 3)], 0));
        assert!(plans["own"].set.list.is_awaited);
        let before = plans["own"].work();
        place(&mut config, "dns.example", &["9.9.9.9", "2620:fe::fe", "9.9.9.10"]);
        place(&mut config, "more.example", &["11.0.0.1"]);
        place(&mut config, "none.example", &[]);
        place(&mut config, "inside.example", &["10.0.0.1"]);
        let (plans, skipped) = config.plans(&others);
        assert_eq!((sizes(&plans), skipped.len()), ([(3, 0), (1, 1)], 0));
        let own = &plans["own"].set.list;
        assert!(!own.is_awaited && plans["own"].work() == before, "it goes on");
        let peers: Vec<_> = own.peers(53).map(|it| it.to_string()).collect();
        assert_eq!(peers, ["9.9.9.9:53", "[2620:fe::fe]:5353", "9.9.9.10:5353"]);
        assert_eq!(own.host(1).map(HostName::as_str), Some("dns.example"));
        assert_eq!(
            (own.host(0), own.countries[usize::from(own.resolvers[2].country)].as_str()),
            (None, "NL")
        );
        // Whoever has many addresses has one vote, as long as no table says otherwise.
        assert_eq!(own.networks, 2);
        let told = &plans["found"].set.list.told;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0.as_str(), "inside.example");
        assert!(told[0].1.starts_with("is not asked at 10.0.0.1: address: special-purpose"));
    }

    #[test]
    fn each_address_of_a_name_is_an_entry_and_so_is_a_name_without_any() {
        let counts = |addresses: &[&str], options: &str| {
            let mut config = config(&format!(
                "{{ name: own, resolvers: [9.9.9.9, 11.0.0.1, a.example], {options} }}"
            ));
            place(&mut config, "a.example", addresses);
            let list = config.plans(&[]).0["own"].set.list.clone();
            let ResolverList { duplicates, excluded, unresolved, .. } = *list;
            let told = list.told.len();
            ((list.configured(), list.resolvers.len()), duplicates, excluded, unresolved, told)
        };
        assert_eq!(counts(&[], ""), ((3, 2), 0, 0, 1, 0));
        assert_eq!(counts(&["9.9.9.9", "11.0.0.1"], ""), ((4, 2), 2, 0, 0, 0));
        assert_eq!(counts(&["10.0.0.1", "9.9.9.9"], ""), ((4, 2), 1, 1, 0, 1));
        assert_eq!(counts(&["8.8.8.8", "10.0.0.1"], ""), ((4, 3), 0, 1, 0, 1));
        // One that is there already is refused for no other reason: this set may ask nobody more.
        let full = "interval: 60s, timeout: 50ms, rate: 100";
        assert_eq!(counts(&["9.9.9.9"], full), ((3, 2), 1, 0, 0, 0));
        // Of more than eight, those that may be asked.
        let many: Vec<_> = (0..12).map(|it| format!("10.0.0.{it}")).collect();
        let more = (0..12).map(|it| format!("11.0.{it}.53"));
        let many: Vec<_> = many.into_iter().chain(more).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(counts(&many, ""), ((22, 10), 0, 12, 0, 13));
    }

    #[test]
    fn a_name_that_turns_out_to_be_of_others_is_not_asked_oftener_than_they_are_and_that_is_told() {
        let mut config = config(
            "{ name: own, resolvers: [a.example], allow_private: true, rate: 500, interval: 30s }",
        );
        place(&mut config, "a.example", &["9.9.9.9"]);
        let list = config.plans(&[]).0["own"].set.list.clone();
        assert_eq!((list.resolvers.len(), list.unresolved), (0, 1));
        assert!(list.told[0].1.starts_with("is not asked at 9.9.9.9: interval: "), "{list:?}");
        place(&mut config, "a.example", &["10.0.0.1"]);
        assert_eq!(config.plans(&[]).0["own"].set.list.resolvers.len(), 1);
    }

    #[test]
    fn who_opts_out_ends_no_set_that_has_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("none.txt"), "9.9.9.9\n").unwrap();
        let text = format!(
            "{HEAD}opt_out_file: none.txt\nsets: [{{ name: own, resolvers: [9.9.9.9, dns.example] }}]\n"
        );
        let config: Config = exporter_kit::parse(&text, "test.yml").unwrap();
        let mut config = config.complete(folder.path()).unwrap();
        place(&mut config, "dns.example", &["9.9.9.9", "9.9.9.10"]);
        let list = config.plans(&[]).0["own"].set.list.clone();
        assert_eq!((list.resolvers.len(), list.opted_out, list.unresolved), (1, 2, 0));
    }

    #[test]
    fn a_port_that_is_that_of_the_set_is_none_of_its_own() {
        let config = config("{ name: own, resolvers: ['9.9.9.9:53', '8.8.8.8:5353'] }");
        let list = config.plans(&[found("1.1.1.1:53", &[])]).0["own"].set.list.clone();
        assert_eq!([0, 1, 2].map(|at| list.other_port(at)), [None, Some(5353), None]);
    }

    #[test]
    fn names_are_counted_as_others_before_their_addresses_are_known() {
        let text =
            format!("{HEAD}sets: [{{ name: own, resolvers: [dns.example], interval: 60s }}]");
        let error = exporter_kit::parse::<Config>(&text.replace("[A]", "[A, AAAA]"), "test.yml");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("sets[0].interval: 2 queries each"), "{error}");
    }

    #[test]
    fn a_country_that_would_make_too_many_series_is_left_out_and_those_that_are_there_are_not() {
        let text = |most: usize| {
            format!(
                "max_series: {most}\n{HEAD}sets: [{{ name: own, resolvers: [{{ address: 9.9.9.9, country: NL }}] }}]"
            )
        };
        let parsed = |most| exporter_kit::parse::<Config>(&text(most), "test.yml").unwrap();
        let config = parsed(200_000);
        let most = config.series().0 + config.series_of_country();
        let in_country =
            |number: usize, code| found(&format!("11.0.0.{number}"), &[("country", code)]);
        let many =
            [in_country(1, "NL"), in_country(2, "DE"), in_country(3, "FR"), in_country(4, "DE")];
        let (plans, skipped) = parsed(most).plans(&many);
        assert_eq!(plans["own"].set.list.countries, ["NL", "DE"]);
        assert_eq!((plans["own"].set.list.resolvers.len(), skipped.len()), (4, 1));
        assert_eq!(skipped[0].found, many[2]);
        let wanted = format!("the most is {most}");
        assert!(skipped[0].reason.starts_with("max_series: with its country"), "{skipped:?}");
        assert!(skipped[0].reason.ends_with(&wanted), "{skipped:?}");
    }

    #[test]
    fn a_set_of_names_is_held_to_what_it_may_ask_others_when_it_is_read() {
        let error = |sets: &str| {
            let text = format!("{HEAD}sets: [{sets}]\n");
            let config = exporter_kit::parse::<Config>(&text, "test.yml");
            let complete = config.and_then(|it| it.complete(std::path::Path::new(".")));
            complete.map(|it| it.warnings).map_err(|error| format!("{error:#}"))
        };
        let fast = "{ name: own, allow_private: true, rate: 5000, resolvers: [ns.corp.example] }";
        assert!(error(fast).unwrap_err().contains("rate: must be from 1 to 1000"));
        assert!(error(&fast.replace("ns.corp.example", "localhost")).is_ok());
        // As for an address.
        let tight = "{ name: own, interval: 60s, resolvers: [dns.example] }";
        for text in [tight.to_owned(), tight.replace("dns.example", "9.9.9.9, dns.example")] {
            let warnings = error(&text).unwrap();
            assert!(
                warnings.iter().any(|it| it.contains("no resolver has room for TCP")),
                "{text}"
            );
        }
        let many = |from: usize| {
            (from..from + 101).map(|it| format!("a{it}.example")).collect::<Vec<_>>().join(", ")
        };
        let two = format!(
            "{{ name: a, resolvers: [{}] }}, {{ name: b, resolvers: [{}] }}",
            many(0),
            many(500)
        );
        assert!(error(&two).unwrap_err().contains("sets: 202 resolvers of others"));
        let again = error("{ name: own, resolvers: [dns.example, 'dns.example:5353'] }").unwrap();
        assert!(
            again.iter().any(|it| it.contains("has the same name; each is asked once")),
            "{again:?}"
        );
        // A country that is said of a name alone has its series.
        let series = |name: &str| {
            config(&format!("{{ name: own, resolvers: [{{ address: 9.9.9.9, country: NL }}, {{ address: {name}, country: DE }}] }}"))
                .series()
                .0
        };
        assert_eq!(series("dns.example"), series("8.8.8.8"));
    }

    #[test]
    fn a_set_that_hurries_on_this_machine_takes_no_stranger() {
        let fast =
            config("{ name: found, allow_private: true, rate: 5000, interval: 5s, timeout: 1s }");
        let (plans, skipped) =
            fast.plans(&[found("127.0.0.1", &[]), found("8.8.8.8", &[]), found("127.0.0.2", &[])]);
        assert_eq!(plans["found"].set.list.resolvers.len(), 2);
        assert_eq!(reasons(&skipped), ["rate: must be from 1 to 1000"]);
    }

    #[test]
    fn a_set_without_resolvers_needs_a_list_of_them() {
        let text = format!(
            "{}sets: [{{ name: a }}]",
            HEAD.replace("file_sd_configs: [{ files: [a.json] }]", "")
        );
        let error = exporter_kit::parse::<Config>(&text, "test.yml").unwrap_err().to_string();
        assert!(error.contains("sets[0].resolvers: give them, or `resolvers_file`, or"), "{error}");
        let text = format!("{HEAD}sets: [{{ name: a, rate: 0 }}]");
        let error = exporter_kit::parse::<Config>(&text, "test.yml").unwrap_err().to_string();
        assert!(error.contains("sets[0].rate: must be from 1 to"), "{error}");
    }
}
