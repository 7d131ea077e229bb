//! The lists that a config names, and what depends on them: who is asked by several sets, and how often that is
//! together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use exporter_kit::config::{self as kit, Located, Place, Problems};
use exporter_kit::discovery::Discovery;
use exporter_kit::read_file;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use networks::Fault;

use super::plan::{MAX_UNACKNOWLEDGED, Size};
use super::set::Source;
use super::{Config, Set};
use crate::clock::unix_seconds;
use crate::courtesy::{MAX_PER_AND_HOUR, MAX_RATE, is_stranger};
use crate::exchange::HostName;
use crate::resolvers::{self, Builder, Geo, OptOut, ResolverList};

/// Resolvers from which on it matters where they are.
const MANY: usize = 20;

/// By so much may the time of a list's maker be ahead of ours, seconds.
const DAY: u64 = 86_400;

/// How often an hour a resolver of others is asked to validate one zone: each five minutes.
const EACH_VALIDATOR: usize = 12;

/// Bytes of a list of resolvers: a million lines as of public-dns.info.
const LARGEST: u64 = 256 << 20;

/// Queries an hour that each stranger gets at most, from all sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Hourly(pub(super) HashMap<IpAddr, f64>);

impl Hourly {
    /// Why a resolver may not be asked so many more.
    pub(super) fn fault(&self, address: IpAddr, more: f64) -> Option<String> {
        let all = self.0.get(&address).copied().unwrap_or_default() + more;
        (is_stranger(address) && all > f64::from(MAX_PER_AND_HOUR)).then(|| {
            format!(
                "address: other sets ask it too, {all:.0} queries an hour together; the most for resolvers of \
                 others is {MAX_PER_AND_HOUR}"
            )
        })
    }

    /// How many more each stranger of a list may be asked.
    pub(super) fn room(&self, list: &ResolverList) -> f64 {
        let asked = list.resolvers.iter().filter_map(|it| self.0.get(&it.address));
        f64::from(MAX_PER_AND_HOUR) - asked.copied().fold(0.0, f64::max)
    }

    /// Counts what a set asks of one.
    pub(super) fn add(&mut self, address: IpAddr, queries: f64) {
        if is_stranger(address) {
            *self.0.entry(address).or_default() += queries;
        }
    }
}

impl Config {
    /// Reads the lists of resolvers (relative paths from `folder`), and checks what depends on them.
    pub(crate) fn complete(mut self, folder: &Path) -> anyhow::Result<Self> {
        let mut problems = Problems::default();
        self.read_opt_out(folder, &mut problems);
        self.read_geo(folder, &mut problems);
        self.read_authorities(folder, &mut problems);
        self.leave_out();
        for number in 0..self.sets.len() {
            let path = match self.sets[number].source.clone() {
                Source::File(path) => path,
                Source::Inline(entries)
                    if *self.opt_out != OptOut::default() || self.geo.is_some() =>
                {
                    let (set, mut told) = (&self.sets[number], Problems::default());
                    let (builder, _) = set.inline(&entries, number, self.builder(set), &mut told);
                    self.fill(number, builder, set.place, &mut problems);
                    continue;
                }
                Source::Inline(_) | Source::Discovered => continue,
            };
            let file = folder.join(&path.value);
            let bytes = match read(&file) {
                Ok(bytes) => bytes,
                Err(error) => {
                    problems.add(path.place, format!("sets[{number}].resolvers_file: {error}"));
                    continue;
                }
            };
            let set = &self.sets[number];
            match resolvers::parse(&bytes, self.builder(set)) {
                Ok(builder) => self.fill(number, builder, path.place, &mut problems),
                Err(wrong) => problems.add_file(file.display(), wrong),
            }
        }
        self.check_systems(&mut problems);
        self.check_together(&mut problems);
        self.check_crowds(&mut problems);
        self.check_series(&mut problems);
        problems.into_result()?;
        self.state_directory = self.state_directory.map(|directory| folder.join(directory));
        self.warnings.extend(self.shared_resolvers());
        self.warnings.extend(self.doubtful_lists());
        self.systems = self.systems_of_answers();
        if !(0..self.sets.len()).any(|number| self.is_joined(number)) {
            // No resolver is looked up any more.
            self.geo = None;
        }
        self.warnings.extend(self.without_systems());
        self.warnings.extend(self.forgetful_zones());
        self.warnings.extend(self.without_room_for_tcp());
        self.warnings.extend(self.crowded_validators());
        self.warnings.extend(self.crowded_known());
        Ok(self)
    }

    /// Gives a set its resolvers, and checks whether it may ask so many of them so often. `place` is
    /// where they stand written.
    pub(super) fn fill(
        &mut self,
        number: usize,
        builder: Builder,
        place: Place,
        problems: &mut Problems,
    ) {
        if self.is_joined(number) {
            self.own[number] = Some(Arc::new(builder.clone()));
        }
        self.sets[number].value.list = Arc::new(builder.finish());
        let set = &self.sets[number];
        let list = &set.list;
        let mut size = Size::of(list);
        let names = || set.names().filter_map(|it| it.at.name());
        names().for_each(|name| size.expect(name, set.allow_private));
        let is_nobody = list.resolvers.is_empty() && names().next().is_none();
        match list.excluded {
            _ if is_nobody && list.opted_out > 0 => problems.add(
                place,
                format!("sets[{number}].resolvers: all that could be asked are in `opt_out_file`"),
            ),
            0 if is_nobody => {
                problems.add(place, format!("sets[{number}].resolvers: there must be one at least"));
            }
            all if is_nobody => problems.add(
                place,
                format!(
                    "sets[{number}].resolvers: all {all} have special-purpose addresses, which are asked \
                     only with `allow_private: true`"
                ),
            ),
            _ => {
                let encrypted = set.encrypted.as_ref().and_then(|how| how.fault(list));
                for fault in self.plan(set).faults(&size).into_iter().chain(encrypted) {
                    problems.add(set.place, format!("sets[{number}].{fault}"));
                }
            }
        }
    }

    /// Whether a set is joined by resolvers that are not known yet: discovered ones, or those of which the name is known.
    fn is_joined(&self, number: usize) -> bool {
        self.discovery != Discovery::default() || self.sets[number].names().next().is_some()
    }

    /// An empty list for a set.
    pub(super) fn builder(&self, set: &Set) -> Builder {
        let builder = Builder::new(set.allow_private, set.port).without(&self.opt_out);
        let builder = builder.with(self.geo.as_ref());
        match tomorrow(unix_seconds()) {
            Some(tomorrow) => builder.until(tomorrow),
            None => builder,
        }
    }

    /// Reads the tables of countries and systems.
    fn read_geo(&mut self, folder: &Path, problems: &mut Problems) {
        let mut geo = Geo::default();
        for (number, path) in self.geo_files.iter().enumerate() {
            let file = folder.join(&path.value);
            let read = networks::open(&file).map_err(Fault::from);
            if let Err(error) = read.and_then(|file| geo.add(file)) {
                problems.add(path.place, format!("geo_files[{number}]: {error}"));
            }
        }
        self.geo = (!self.geo_files.is_empty()).then(|| Arc::new(geo));
    }

    /// A warning for each list of which lines were left out, or whose places are not known.
    fn doubtful_lists(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for set in &self.sets {
            let (list, line) = (&set.list, set.place.line);
            if list.skipped.lines > 0 {
                let first: Vec<_> = list.skipped.first.iter().map(u32::to_string).collect();
                warnings.push(format!(
                    "line {line}: resolvers_file: {} of its lines are no resolvers that can be asked, and are left out: \
                     line {}{}",
                    list.skipped.lines,
                    first.join(", "),
                    if list.skipped.lines > first.len() { ", ..." } else { "" }
                ));
            }
            let (nowhere, nobodys) = list.unplaced();
            let is_much = |count: usize| 2 * count > list.resolvers.len();
            if list.resolvers.len() >= MANY && (is_much(nowhere) || is_much(nobodys)) {
                warnings.push(format!(
                    "line {line}: resolvers: of {}, {nowhere} have no known country and {nobodys} no known AS, so that \
                     no country of theirs is judged, and of one AS each /24 has a vote of its own; name tables in \
                     `geo_files`",
                    list.resolvers.len()
                ));
            }
        }
        warnings
    }

    /// A warning for each set that never fetches what comes cut, but of types that are known for it.
    fn without_room_for_tcp(&self) -> Vec<String> {
        let (plans, _) = self.plans(&[]);
        let warning = |set: &Located<Set>| {
            let plan = plans.get(&set.name)?;
            (!plan.may_fetch_what_is_cut()).then(|| {
                format!(
                    "line {}: interval: of {}, no resolver has room for TCP besides; where answers of other types than \
                     TXT and DNSKEY come cut, they are `not_asked`, and the name is judged by nobody",
                    set.place.line,
                    kit::Duration::new(plan.set.interval)
                )
            })
        };
        self.sets.iter().filter_map(warning).collect()
    }

    /// A warning for each resolver of others that more zones ask to validate them than its hour has room for.
    fn crowded_validators(&self) -> Vec<String> {
        let mut zones: BTreeMap<IpAddr, (u32, usize)> = BTreeMap::new();
        for zone in self.zones.values() {
            let validators: HashSet<IpAddr> = zone.validators().collect();
            for address in validators.into_iter().filter(|address| is_stranger(*address)) {
                zones.entry(address).or_insert((zone.place.line, 0)).1 += 1;
            }
        }
        let hourly = if zones.is_empty() { Hourly::default() } else { self.hourly() };
        let warning = |(address, (line, count)): (IpAddr, (u32, usize))| {
            // Besides what is planned there is half of an hour's room.
            let planned = hourly.0.get(&address).copied().unwrap_or_default();
            let room = (f64::from(MAX_PER_AND_HOUR / 2) - planned).max(0.0);
            let wanted = EACH_VALIDATOR * count;
            let much = match planned {
                0.0 => String::new(),
                _ => format!(", beside {planned:.0} of sets"),
            };
            (wanted as f64 > room).then(|| {
                format!(
                    "line {line}: zones: {count} of them have {address} validate them, which takes {wanted} queries an hour \
                     where there is room for {room:.0}{much}: each waits for its turn, and a signature that fails is told \
                     later, or never where there is no room; name resolvers of your own"
                )
            })
        };
        zones.into_iter().filter_map(warning).collect()
    }

    /// Reads who does not want to be asked.
    fn read_opt_out(&mut self, folder: &Path, problems: &mut Problems) {
        let Some(path) = &self.opt_out_file else { return };
        let file = folder.join(&path.value);
        match read(&file).map(|bytes| OptOut::parse(&String::from_utf8_lossy(&bytes))) {
            Ok(Ok(opt_out)) => self.opt_out = Arc::new(opt_out),
            Ok(Err(wrong)) => problems.add_file(file.display(), wrong),
            Err(error) => problems.add(path.place, format!("opt_out_file: {error}")),
        }
    }

    /// Queries an hour that each stranger gets from all sets.
    pub(super) fn hourly(&self) -> Hourly {
        let mut hourly = Hourly::default();
        for set in &self.sets {
            let own = self.plan(set).hourly();
            set.list.resolvers.iter().for_each(|resolver| hourly.add(resolver.address, own));
        }
        for ecs in self.ecs.iter().filter(|ecs| !ecs.is_authority()) {
            hourly.add(ecs.server().ip(), ecs.hourly());
        }
        hourly
    }

    /// The strangers of all sets that do not say that others are meant to be asked.
    pub(super) fn unacknowledged(&self) -> HashSet<IpAddr> {
        let quiet = self.sets.iter().filter(|set| !set.acknowledge_third_party_probing);
        let addresses = quiet.flat_map(|set| set.list.resolvers.iter().map(|it| it.address));
        addresses.filter(|address| is_stranger(*address)).collect()
    }

    /// The names of those sets, each of which is one stranger at least, unless it may be one's own.
    fn unacknowledged_names(&self) -> HashSet<&HostName> {
        let is_quiet =
            |set: &&Located<Set>| !set.acknowledge_third_party_probing && !set.allow_private;
        let names = self.sets.iter().filter(is_quiet).flat_map(|set| set.names());
        names.filter_map(|it| it.at.name()).collect()
    }

    /// Adds a problem for each set with strangers whom others ask too, and who get too much of it all; and one if all
    /// sets together send more than there may be sent.
    fn check_together(&mut self, problems: &mut Problems) {
        let hourly = self.hourly();
        let (mut before, mut all) = (Hourly::default(), 0.0);
        for ecs in self.ecs.iter().filter(|ecs| !ecs.is_authority()) {
            before.add(ecs.server().ip(), ecs.hourly());
        }
        for (number, set) in self.sets.iter().enumerate() {
            let own = self.plan(set).hourly();
            let (mut shared, mut most) = (0_usize, 0.0_f64);
            for resolver in &set.list.resolvers {
                let address = resolver.address;
                if before.fault(address, own).is_some() && before.0.contains_key(&address) {
                    shared += 1;
                    most = most.max(hourly.0[&address]);
                }
                before.add(address, own);
                all += if is_stranger(address) { own / 3600.0 } else { 0.0 };
            }
            let names = if set.allow_private { 0 } else { set.names().count() };
            all += names as f64 * own / 3600.0;
            if shared > 0 {
                problems.add(
                    set.place,
                    format!(
                        "sets[{number}].interval: {shared} of its resolvers are in other sets too, and get up to \
                         {most:.0} queries an hour from all of them; the most for resolvers of others is \
                         {MAX_PER_AND_HOUR}"
                    ),
                );
            }
        }
        let strangers = self.unacknowledged().len() + self.unacknowledged_names().len();
        if self.sets.len() > 1 && strangers > MAX_UNACKNOWLEDGED {
            problems.add(
                Place::default(),
                format!(
                    "sets: {strangers} resolvers of others would be probed by all of them together; above \
                     {MAX_UNACKNOWLEDGED}, say that it is meant with `acknowledge_third_party_probing: true` and a \
                     `contact` in each"
                ),
            );
        }
        if all > f64::from(MAX_RATE) {
            problems.add(
                Place::default(),
                format!(
                    "sets: together they ask resolvers of others {all:.0} queries a second; the most is {MAX_RATE}"
                ),
            );
        }
    }

    /// A warning for each two sets that ask the same resolvers.
    fn shared_resolvers(&self) -> Vec<String> {
        let mut first: HashMap<SocketAddr, usize> = HashMap::new();
        let mut shared: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (number, set) in self.sets.iter().enumerate() {
            for peer in set.list.peers(set.port) {
                let before = *first.entry(peer).or_insert(number);
                if before != number {
                    *shared.entry((number, before)).or_default() += 1;
                }
            }
        }
        let warning = |((set, before), count): (&(usize, usize), &usize)| {
            let (line, other) = (self.sets[*set].place.line, self.sets[*before].place.line);
            format!(
                "line {line}: resolvers: {count} of them are in the set of line {other} too; they are \
                 asked for both"
            )
        };
        shared.iter().map(warning).collect()
    }
}

/// The content of a file, or why there is none.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read_file(path, LARGEST);
    let mut bytes = bytes.map_err(|error| format!("cannot be read: {error:#}"))?;
    Ok(std::mem::take(&mut *bytes))
}

/// The day after this second; nothing where a clock cannot be right: to one that began in 1970, all is to come.
fn tomorrow(unix: u64) -> Option<DateTime> {
    let second = i64::try_from(unix + DAY).ok().filter(|_| unix >= exporter_kit::WRITTEN)?;
    Some(TimeZone::UTC.to_datetime(Timestamp::from_second(second).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_began_in_1970_takes_no_date_for_one_to_come() {
        assert_eq!(tomorrow(7), None);
        let day = tomorrow(1_795_939_200).map(|it| it.to_string());
        assert_eq!(day.as_deref(), Some("2026-11-30T08:00:00"));
    }
}
