//! What is remembered of resolvers from sweep to sweep: who does not understand EDNS, who is dead, and who does
//! not want to be asked. No I/O, no clock.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::nat64::Prefix;

/// For how long a resolver is asked without EDNS: it may learn.
const PLAIN_FOR: u64 = 7 * DAY;

/// Sweeps without any reply after which a resolver is asked once a day.
const SILENT_SWEEPS: u8 = 3;
/// For how long they must have been: three sweeps may be three minutes.
const DEAD_AFTER: u64 = 3_600;
/// Sweeps with nothing but refusals after which it is left alone for a week.
const REFUSED_SWEEPS: u8 = 2;
/// For how long it is left alone for its silence, and for its word.
const RESTS: (u64, u64) = (DAY, 7 * DAY);
const DAY: u64 = 86_400;

/// With a smaller share of replies than this our own network is to blame.
const FEWEST_REPLIES: f64 = 0.02;

/// How a resolver showed itself in a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Impression {
    /// It was not asked, or the queries never left.
    #[default]
    None,
    /// Nothing came to any question.
    Silent,
    /// It refused each question.
    Refused,
    /// It replied to a query with EDNS.
    Replied,
    /// It replied to a trial without EDNS, after it had been silent.
    Tried,
    /// It replied without EDNS, and does not understand it by its word, or as is known.
    Plain,
}

impl Impression {
    /// The impression of both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (Self::Plain, _) | (_, Self::Plain) => Self::Plain,
            (Self::Tried, _) | (_, Self::Tried) => Self::Tried,
            (one, other) if one == other => one,
            _ => Self::Replied,
        }
    }
}

/// How a resolver is to be asked in a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// With EDNS.
    #[default]
    Usual,
    /// Without.
    Plain,
    /// Without, to see whether EDNS is why it was silent.
    Trial,
    /// Not at all.
    Rest,
}

/// What is known of one resolver. Of one that replies as others do, nothing is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Habit {
    /// When it showed that it does not understand EDNS: seconds since the epoch.
    plain_at: Option<u64>,
    /// It replied to a trial: if it is silent to EDNS now, that is the reason.
    is_suspect: bool,
    silent: u8,
    /// When the first of these silent sweeps was.
    silent_since: u64,
    refused: u8,
    /// When it was asked last.
    asked: u64,
}

/// What outlives the process of one resolver. In a file it is one string: there may be a million of them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(try_from = "Written")]
pub(crate) struct Remembered {
    resolver: SocketAddr,
    habit: Habit,
    errs_at: Option<u64>,
    made: Option<(Prefix, u64)>,
}

/// It, as it stands in a file: by its words, or field by field as in those of before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Words(String),
    Fields {
        resolver: SocketAddr,
        #[serde(default, flatten)]
        habit: Habit,
        #[serde(default)]
        errs_at: Option<u64>,
    },
}

impl fmt::Display for Remembered {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resolver, habit, errs_at, made } = self;
        let Habit { plain_at, is_suspect, silent, silent_since, refused, asked } = *habit;
        write!(to, "{resolver}")?;
        let is_suspect = is_suspect.then_some(1);
        let counts = [("s", silent), ("r", refused)].map(|(word, it)| (word, u64::from(it)));
        let known = [("since", silent_since), ("asked", asked)].into_iter().chain(counts);
        let known = known.filter(|(_, it)| *it > 0).map(|(word, it)| (word, Some(it)));
        let others = [("plain", plain_at), ("suspect", is_suspect), ("errs", *errs_at)];
        for (word, it) in known.chain(others) {
            if let Some(it) = it {
                write!(to, " {word}={it}")?;
            }
        }
        if let Some((prefix, at)) = made {
            write!(to, " makes={prefix}@{at}")?;
        }
        Ok(())
    }
}

impl Serialize for Remembered {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl TryFrom<Written> for Remembered {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::Words(text) => text,
            Written::Fields { resolver, habit, errs_at } => {
                return Ok(Self { resolver, habit, errs_at, made: None });
            }
        };
        let unknown = || format!("is no habit: {text}");
        let mut words = text.split(' ');
        let resolver = words.next().and_then(|it| it.parse().ok()).ok_or_else(unknown)?;
        let habit = Habit::default();
        let mut remembered = Self { resolver, habit, errs_at: None, made: None };
        let Self { habit, errs_at, made, .. } = &mut remembered;
        for word in words {
            let (word, number) = word.split_once('=').ok_or_else(unknown)?;
            if word == "makes" {
                let (prefix, at) = number.split_once('@').ok_or_else(unknown)?;
                let prefix = prefix.parse().map_err(|_| unknown())?;
                *made = Some((prefix, at.parse().map_err(|_| unknown())?));
                continue;
            }
            let number: u64 = number.parse().map_err(|_| unknown())?;
            let count = u8::try_from(number).unwrap_or(u8::MAX);
            match word {
                "s" => habit.silent = count,
                "r" => habit.refused = count,
                "since" => habit.silent_since = number,
                "asked" => habit.asked = number,
                "plain" => habit.plain_at = Some(number),
                "suspect" => habit.is_suspect = number > 0,
                "errs" => *errs_at = Some(number),
                _ => return Err(unknown()),
            }
        }
        Ok(remembered)
    }
}

/// Those in a file that can be read: one that cannot is forgotten alone, and nothing that stands beside it.
pub(crate) fn readable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Remembered>, D::Error> {
    struct Readable;

    impl<'de> Visitor<'de> for Readable {
        type Value = Vec<Remembered>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("habits of resolvers")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            let mut readable = Vec::new();
            while let Some(one) = all.next_element::<Read>()? {
                if let Read::Good(remembered) = one {
                    readable.push(remembered);
                }
            }
            Ok(readable)
        }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Read {
        Good(Remembered),
        Bad(IgnoredAny),
    }

    from.deserialize_seq(Readable)
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    known: HashMap<SocketAddr, Habit>,
    /// When each was found that says an error with EDNS, and without.
    erring: HashMap<SocketAddr, u64>,
    /// What is known of each that was asked by which prefix it makes IPv6 addresses.
    making: HashMap<SocketAddr, Making>,
}

/// By which prefix a resolver makes IPv6 addresses, if it does, when it said so, and when it was asked last.
#[derive(Clone, Copy, Debug)]
struct Making {
    prefix: Option<Prefix>,
    said: u64,
    asked: u64,
}

/// What is known of the IPv6 addresses that a resolver makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Made {
    /// By which prefix of its own, if it makes any.
    pub(crate) prefix: Option<Prefix>,
    /// Whether it was asked within a day.
    pub(crate) is_of_today: bool,
}

impl Habits {
    /// How to ask a resolver at `now`, in seconds since the epoch; `may_rest` says whether it may be left alone.
    pub(crate) fn turn(&self, resolver: SocketAddr, may_rest: bool, now: u64) -> Turn {
        let Some(habit) = self.known.get(&resolver) else { return Turn::Usual };
        let since = now.saturating_sub(habit.asked);
        let silent_for = habit.asked.saturating_sub(habit.silent_since);
        let is_dead = habit.silent >= SILENT_SWEEPS && silent_for >= DEAD_AFTER;
        let rests =
            is_dead && since < RESTS.0 || habit.refused >= REFUSED_SWEEPS && since < RESTS.1;
        if may_rest && rests {
            return Turn::Rest;
        }
        let is_plain = habit.plain_at.is_some_and(|at| now.saturating_sub(at) < PLAIN_FOR);
        // Of one that was silent it is tried whether EDNS is the reason, every other time.
        match () {
            () if is_plain => Turn::Plain,
            () if habit.silent % 2 == 1 => Turn::Trial,
            () => Turn::Usual,
        }
    }

    /// What outlives the process of these resolvers.
    pub(crate) fn of(&self, resolvers: impl Iterator<Item = SocketAddr>) -> Vec<Remembered> {
        let remembered = |resolver: SocketAddr| {
            let habit = self.known.get(&resolver).copied();
            let errs_at = self.erring.get(&resolver).copied();
            let made = self.making.get(&resolver).and_then(|it| Some((it.prefix?, it.said)));
            let is_known = habit.is_some() || errs_at.is_some() || made.is_some();
            let habit = habit.unwrap_or_default();
            is_known.then_some(Remembered { resolver, habit, errs_at, made })
        };
        resolvers.filter_map(remembered).collect()
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.known.reserve(count);
    }

    /// Takes up what was known when the process ended, of those of whom nothing is known yet. What is of a day to come is left
    /// out: by a clock that was wrong nobody is left alone.
    pub(crate) fn take_up(&mut self, remembered: impl Iterator<Item = Remembered>, now: u64) {
        for Remembered { resolver, habit, errs_at, made } in remembered {
            let dates = [habit.asked, habit.silent_since, habit.plain_at.unwrap_or_default()];
            if habit != Habit::default() && dates.iter().all(|at| *at <= now) {
                self.known.entry(resolver).or_insert(habit);
            }
            if let Some(at) = errs_at.filter(|at| *at <= now) {
                self.erring.entry(resolver).or_insert(at);
            }
            if let Some((prefix, at)) = made.filter(|(_, at)| *at <= now) {
                let making = Making { prefix: Some(prefix), said: at, asked: at };
                self.making.entry(resolver).or_insert(making);
            }
        }
    }

    /// Remembers who said an error with EDNS, and without.
    pub(crate) fn err(&mut self, resolvers: impl Iterator<Item = SocketAddr>, now: u64) {
        self.erring.retain(|_, at| now.saturating_sub(*at) < PLAIN_FOR);
        self.erring.extend(resolvers.map(|resolver| (resolver, now)));
    }

    /// Whether a resolver is known for that: what it says to a question without EDNS is no news for a week.
    pub(crate) fn errs(&self, resolver: SocketAddr, now: u64) -> bool {
        self.erring.get(&resolver).is_some_and(|at| now.saturating_sub(*at) < PLAIN_FOR)
    }

    /// Remembers who was asked by which prefix it makes IPv6 addresses, and what those said that did; by the word of the
    /// others nothing changes.
    pub(crate) fn make(
        &mut self,
        asked: impl Iterator<Item = SocketAddr>,
        made: impl Iterator<Item = (SocketAddr, Option<Prefix>)>,
        now: u64,
    ) {
        self.making.retain(|_, it| now.saturating_sub(it.asked) < PLAIN_FOR);
        for resolver in asked {
            let making = Making { prefix: None, said: now, asked: now };
            self.making.entry(resolver).or_insert(making).asked = now;
        }
        for (resolver, prefix) in made {
            self.making.insert(resolver, Making { prefix, said: now, asked: now });
        }
    }

    /// Whether nothing of that is known of any.
    pub(crate) fn make_none(&self) -> bool {
        self.making.is_empty()
    }

    /// What is known of the IPv6 addresses that a resolver makes; it stands for a week.
    pub(crate) fn made(&self, resolver: SocketAddr, now: u64) -> Option<Made> {
        let Making { prefix, said, asked } = self.making.get(&resolver)?;
        let age = |at: &u64| now.saturating_sub(*at);
        let prefix = prefix.filter(|_| age(said) < PLAIN_FOR);
        (age(asked) < PLAIN_FOR).then_some(Made { prefix, is_of_today: age(asked) < DAY })
    }

    /// Remembers how resolvers showed themselves in a sweep. Silence is held against nobody where hardly anybody of
    /// its family, IPv4 or IPv6, replied.
    pub(crate) fn learn(
        &mut self,
        shown: impl Iterator<Item = (SocketAddr, Impression)> + Clone,
        now: u64,
    ) {
        let asked = shown.clone().filter(|(_, it)| *it != Impression::None);
        // Of IPv4 and of IPv6: one of them may be cut by itself.
        let mut counts = [(0_u32, 0_u32); 2];
        for (resolver, impression) in asked {
            let (all, replied) = &mut counts[usize::from(resolver.is_ipv6())];
            *all += 1;
            *replied += u32::from(impression != Impression::Silent);
        }
        let is_connected = |resolver: SocketAddr| {
            let (all, replied) = counts[usize::from(resolver.is_ipv6())];
            f64::from(replied) >= f64::from(all) * FEWEST_REPLIES
        };
        for (resolver, impression) in shown {
            let was = self.known.get(&resolver).copied().unwrap_or_default();
            let habit = match impression {
                Impression::None => continue,
                Impression::Silent if !is_connected(resolver) => continue,
                // A lost packet is no reason, and twice in this order it hardly was one.
                Impression::Silent if was.is_suspect => {
                    Habit { plain_at: Some(now), ..Habit::default() }
                }
                Impression::Tried => Habit { is_suspect: true, ..Habit::default() },
                Impression::Silent => {
                    // Odd and even by turns.
                    let silent =
                        if was.silent > SILENT_SWEEPS { SILENT_SWEEPS } else { was.silent + 1 };
                    let silent_since = if was.silent == 0 { now } else { was.silent_since };
                    Habit { silent, silent_since, refused: 0, ..was }
                }
                Impression::Refused => Habit {
                    refused: was.refused.saturating_add(1).min(REFUSED_SWEEPS),
                    silent: 0,
                    ..was
                },
                Impression::Plain => {
                    // Tried anew once it is so long ago.
                    let recent = was.plain_at.filter(|at| now.saturating_sub(*at) < PLAIN_FOR);
                    Habit { plain_at: recent.or(Some(now)), ..Habit::default() }
                }
                Impression::Replied => Habit::default(),
            };
            if habit == Habit::default() {
                self.known.remove(&resolver);
            } else {
                self.known.insert(resolver, Habit { asked: now, ..habit });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(number: u8) -> SocketAddr {
        SocketAddr::from(([11, 0, 0, number], 53))
    }

    /// One of two resolvers shows itself so in a sweep at each of these times.
    fn after(sweeps: &[(u64, Impression)]) -> Habits {
        let mut habits = Habits::default();
        for (at, impression) in sweeps {
            let shown = [(resolver(1), *impression), (resolver(2), Impression::Replied)];
            habits.learn(shown.into_iter(), *at);
        }
        habits
    }

    #[test]
    fn one_that_speaks_without_edns_is_asked_so_for_a_week_and_then_tried_again() {
        let habits = after(&[(0, Impression::Plain), (3_600, Impression::Plain)]);
        assert_eq!(habits.turn(resolver(1), true, 7_200), Turn::Plain);
        assert_eq!(habits.turn(resolver(2), true, 7_200), Turn::Usual);
        assert_eq!(habits.turn(resolver(1), true, 7 * DAY), Turn::Usual);
        let habits = after(&[(0, Impression::Plain), (3_600, Impression::Replied)]);
        assert!(habits.known.is_empty());
    }

    #[test]
    fn a_restart_leaves_alone_whom_it_left_alone_but_for_what_a_wrong_clock_dated() {
        let times = |at: u64, it| [0, 1, 2].map(|hour| (at + 3_600 * hour, it));
        for (impression, wanted) in [
            (Impression::Silent, Turn::Rest),
            (Impression::Refused, Turn::Rest),
            (Impression::Plain, Turn::Plain),
        ] {
            let mut before = after(&times(7 * DAY, impression));
            before.err([resolver(2)].into_iter(), 7 * DAY);
            let kept = before.of([1, 2, 3].map(resolver).into_iter());
            assert_eq!(kept.len(), 2);
            let kept: Vec<Remembered> =
                serde_json::from_slice(&serde_json::to_vec(&kept).unwrap()).unwrap();
            for (now, is_known) in [(7 * DAY + 10_800, true), (3 * DAY, false)] {
                let mut habits = Habits::default();
                habits.take_up(kept.clone().into_iter(), now);
                let turn = habits.turn(resolver(1), true, 7 * DAY + 10_800);
                assert_eq!(turn, if is_known { wanted } else { Turn::Usual }, "{impression:?}");
                assert_eq!(habits.errs(resolver(2), 7 * DAY + 10_800), is_known);
            }
            // What is known already is newer.
            let mut habits = after(&[(8 * DAY, Impression::Tried)]);
            habits.take_up(kept.into_iter(), 8 * DAY);
            assert_eq!(habits.turn(resolver(1), true, 8 * DAY), Turn::Usual);
        }
    }

    #[test]
    fn a_habit_that_cannot_be_read_is_forgotten_alone_and_no_count_is_too_large() {
        let text = r#"[{"resolver":"x"},7,{"resolver":"11.0.0.1:53","silent":255,"refused":255,"asked":1},
            {"resolver":"11.0.0.2:53","silent":-1},{"resolver":"11.0.0.3:53","plain_at":1,"asked":1}]"#;
        let kept = readable(&mut serde_json::Deserializer::from_str(text)).unwrap();
        assert_eq!(kept.iter().map(|it| it.resolver).collect::<Vec<_>>(), [1, 3].map(resolver));
        for impression in [Impression::Silent, Impression::Refused] {
            let mut habits = Habits::default();
            habits.take_up(kept.clone().into_iter(), DAY);
            let shown = [(resolver(1), impression), (resolver(2), Impression::Replied)];
            habits.learn(shown.into_iter(), 2 * DAY);
            assert_eq!(habits.turn(resolver(1), true, 2 * DAY), Turn::Rest, "{impression:?}");
        }
    }

    #[test]
    fn what_is_remembered_of_a_resolver_is_one_short_string() {
        let dead = Habit {
            silent: 3,
            silent_since: 1_795_900_000,
            asked: 1_795_939_200,
            ..Habit::default()
        };
        let (all, none) =
            (Habit { plain_at: Some(0), is_suspect: true, refused: 2, ..dead }, Habit::default());
        for (habit, errs_at, words) in [
            (dead, None, " since=1795900000 asked=1795939200 s=3"),
            (all, Some(7), " since=1795900000 asked=1795939200 s=3 r=2 plain=0 suspect=1 errs=7"),
            (none, Some(0), " errs=0"),
        ] {
            let one = Remembered { resolver: resolver(1), habit, errs_at, made: None };
            let text = serde_json::to_string(&one).unwrap();
            assert_eq!(text, format!("\"11.0.0.1:53{words}\""));
            assert_eq!(serde_json::from_str::<Remembered>(&text).unwrap(), one);
        }
        let (makes, errs_at) = (Some(("64:ff9b:1::/96".parse().unwrap(), 9)), Some(7));
        let one = Remembered { resolver: resolver(1), habit: none, errs_at, made: makes };
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, "\"11.0.0.1:53 errs=7 makes=64:ff9b:1::/96@9\"");
        assert_eq!(serde_json::from_str::<Remembered>(&text).unwrap(), one);
        assert!(serde_json::from_str::<Remembered>("\"11.0.0.1:53 makes=64::/96\"").is_err());
        for bad in ["", "11.0.0.1", "11.0.0.1:53 s", "11.0.0.1:53 s=x", "11.0.0.1:53 more=1"] {
            assert!(serde_json::from_str::<Remembered>(&format!("\"{bad}\"")).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_that_is_dead_is_asked_once_a_day_and_one_that_refuses_once_a_week() {
        let hour = |count: u64, it| (0..count).map(|hour| (3_600 * hour, it)).collect::<Vec<_>>();
        let silent = after(&hour(3, Impression::Silent));
        assert_eq!(silent.turn(resolver(1), true, 10_800), Turn::Rest);
        assert_ne!(silent.turn(resolver(1), false, 10_800), Turn::Rest);
        assert_ne!(silent.turn(resolver(1), true, 7_200 + DAY), Turn::Rest);
        let refused = after(&hour(2, Impression::Refused));
        assert_eq!(refused.turn(resolver(1), true, 3_600 + 7 * DAY - 1), Turn::Rest);
        assert_eq!(refused.turn(resolver(1), true, 3_600 + 7 * DAY), Turn::Usual);
        // Twice is not enough, and a reply ends it.
        assert_ne!(after(&hour(2, Impression::Silent)).turn(resolver(1), true, 7_200), Turn::Rest);
        let back = [hour(3, Impression::Silent), vec![(20_000, Impression::Replied)]].concat();
        assert_eq!(after(&back).turn(resolver(1), true, 20_001), Turn::Usual);
    }

    #[test]
    fn of_a_silent_one_it_is_tried_whether_edns_is_the_reason() {
        let once = after(&[(0, Impression::Silent)]);
        assert_eq!(once.turn(resolver(1), true, 3_600), Turn::Trial);
        // It is known only once it is silent to EDNS again: a packet may have been lost.
        let tried = [(0, Impression::Silent), (3_600, Impression::Tried)];
        assert_eq!(after(&tried).turn(resolver(1), true, 7_200), Turn::Usual);
        let known = [&tried[..], &[(7_200, Impression::Silent)]].concat();
        assert_eq!(after(&known).turn(resolver(1), true, 10_800), Turn::Plain);
        let lost = [&tried[..], &[(7_200, Impression::Replied)]].concat();
        assert!(after(&lost).known.is_empty());
        let twice = after(&[(0, Impression::Silent), (3_600, Impression::Silent)]);
        assert_eq!(twice.turn(resolver(1), true, 7_200), Turn::Usual);
    }

    #[test]
    fn who_says_an_error_either_way_is_not_asked_twice_for_a_week() {
        let mut habits = Habits::default();
        habits.err([resolver(1)].into_iter(), 0);
        habits.learn([(resolver(1), Impression::Replied)].into_iter(), 0);
        assert!(habits.errs(resolver(1), 7 * DAY - 1) && !habits.errs(resolver(2), 0));
        assert!(!habits.errs(resolver(1), 7 * DAY));
        habits.err(std::iter::empty(), 7 * DAY);
        assert!(habits.erring.is_empty());
    }

    #[test]
    fn who_makes_addresses_is_asked_for_it_once_a_day_and_known_for_a_week_over_a_restart() {
        let (mut habits, prefix) = (Habits::default(), "2a00:64::/96".parse().ok());
        let asked = || [1, 2].into_iter().map(resolver);
        habits.make(asked(), [(resolver(1), prefix), (resolver(2), None)].into_iter(), DAY);
        let mut again = Habits::default();
        again.take_up(habits.of([1, 2].map(resolver).into_iter()).into_iter(), DAY);
        for (now, is_of_today) in [(DAY, true), (2 * DAY - 1, true), (2 * DAY, false)] {
            let made = |prefix| Some(Made { prefix, is_of_today });
            assert_eq!(habits.made(resolver(1), now), made(prefix));
            assert_eq!(habits.made(resolver(2), now), made(None));
            assert_eq!(
                (again.made(resolver(1), now), again.made(resolver(2), now)),
                (made(prefix), None)
            );
        }
        assert_eq!(habits.made(resolver(1), 8 * DAY), None);
        habits.make(std::iter::empty(), std::iter::empty(), 8 * DAY);
        assert!(habits.make_none() && !again.make_none());
        // Who says nothing is asked once a day as well, and what it said before stands for its week.
        let (mut habits, none) = (Habits::default(), std::iter::empty);
        habits.make(asked(), [(resolver(1), prefix)].into_iter(), DAY);
        habits.make(asked(), none(), 3 * DAY);
        let made = |at, prefix, is_of_today| {
            assert_eq!(habits.made(resolver(1), at), Some(Made { prefix, is_of_today }));
            assert_eq!(habits.made(resolver(2), at), Some(Made { prefix: None, is_of_today }));
        };
        made(4 * DAY - 1, prefix, true);
        made(8 * DAY - 1, prefix, false);
        made(8 * DAY, None, false);
    }

    #[test]
    fn a_cut_line_is_held_against_nobody() {
        let mut habits = Habits::default();
        for at in 0..5 {
            habits.learn((1..=200).map(|number| (resolver(number), Impression::Silent)), at);
        }
        assert!(habits.known.is_empty());
    }

    #[test]
    fn a_line_that_is_cut_for_ipv6_alone_is_held_against_nobody_who_has_it() {
        let mut habits = Habits::default();
        let v6 = |number: u16| SocketAddr::from(([0x2620, 0xfe, 0, 0, 0, 0, 0, number], 53));
        for hour in 0..5 {
            let silent = (1..=20).map(|number| (v6(number), Impression::Silent));
            let rest = (1..=200).map(|number| (resolver(number), Impression::Replied));
            habits.learn(silent.chain(rest), 3_600 * hour);
        }
        assert!(habits.known.is_empty());
    }

    #[test]
    fn a_few_minutes_of_silence_are_no_death() {
        let minutes: Vec<_> = (0..10).map(|minute| (60 * minute, Impression::Silent)).collect();
        assert_ne!(after(&minutes).turn(resolver(1), true, 600), Turn::Rest);
        let hour = [&minutes[..], &[(3_600, Impression::Silent)]].concat();
        assert_eq!(after(&hour).turn(resolver(1), true, 3_660), Turn::Rest);
    }

    #[test]
    fn the_impressions_of_several_questions_are_one() {
        use Impression as I;
        assert_eq!(I::Silent.and(I::Silent), I::Silent);
        assert_eq!(I::Silent.and(I::Refused), I::Replied);
        assert_eq!(I::Replied.and(I::Plain), I::Plain);
        assert_eq!(I::None.and(I::Refused), I::Refused);
    }
}
