//! What validating resolvers said of a zone, and when they are asked again. It is told what time it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::finding::ROUNDS;
use crate::courtesy::Errand;
use crate::exchange::HostName;
use crate::verdict;

/// After how long resolvers of others are asked again about a zone, where what they say is certain, and where it is not:
/// a little less than five minutes, and than one, so that a round each minute does.
const AGAIN: (Duration, Duration) = (Duration::from_secs(295), Duration::from_secs(55));
/// For how long what was heard against a zone counts while nothing new is, as what is told of names.
const STANDS: Duration = Duration::from_secs(verdict::STANDS);
/// And what was heard for it: it may have been forged since. As long as two may be left out.
pub(super) const SOUND: Duration = Duration::from_secs(3 * AGAIN.0.as_secs());
/// For how long what somebody said against a zone counts who has said nothing when asked since: packets are lost.
const SILENT: Duration = Duration::from_secs(3_600);
/// Queries that it takes to prove that a zone is forged, where one of them is lost.
pub(super) const PROOF: u32 = 4;
/// What is left in a resolver's hour by who asks it as usual, so that a zone of which it begins to say otherwise is
/// certain without waiting.
const SPARE: u32 = (PROOF - 1) * (ROUNDS - 1);
/// How often in a row resolvers are asked sooner than otherwise: where more than these prove nothing, the next are no better.
const MOST_OPEN: u32 = 2 * ROUNDS;

/// What one resolver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vote {
    /// It answers.
    Sound,
    /// It fails, and that proves that the zone is forged.
    Forged,
    /// It fails, and for want of a reply it is not known why.
    Doubtful,
}

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// When any was asked last, whatever came of it.
    asked: Option<Instant>,
    /// What each said when it was asked last: who may not be asked now has not changed its mind.
    votes: BTreeMap<SocketAddr, (Vote, Instant)>,
    /// What most said last, when, and how often in a row.
    last: Option<(bool, Instant, u32)>,
    /// How often in a row it was open what follows.
    open: u32,
}

impl Heard {
    /// Whether resolvers are to be asked.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let pause = if self.is_urgent() { AGAIN.1 } else { AGAIN.0 };
        self.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= pause)
    }

    /// What a resolver is to be asked now; it is waited for what an hour has no room for as long as the next round of
    /// that interval takes to come.
    pub(super) fn errand<'a>(&self, zone: &'a HostName, interval: Duration) -> Errand<'a> {
        let spare = if self.is_urgent() { 0 } else { SPARE };
        Errand { zone, count: PROOF, spare, patience: 2 * interval.max(AGAIN.0) }
    }

    fn is_urgent(&self) -> bool {
        self.is_open() && self.open < MOST_OPEN
    }

    /// Whether what was heard speaks against the zone, and not often enough.
    fn is_open(&self) -> bool {
        let is_among = |wanted| self.votes.values().any(|(vote, _)| *vote == wanted);
        let most = || most(self.votes.values().map(|(vote, _)| *vote));
        match self.last {
            Some((true, _, times)) => times < ROUNDS,
            // Nobody who was asked last contradicts who says so: those who did may be silent for what was done to the zone.
            last if is_among(Vote::Forged) && last.map(|(_, at, _)| at) != self.asked => true,
            _ => most().is_none() && is_among(Vote::Doubtful),
        }
    }

    /// Notes what those said that were asked now; who said nothing has not changed its mind, for a while: no longer than
    /// what it said counts, where that was for the zone. What most say, if that is new.
    pub(super) fn note(
        &mut self,
        said: &[(SocketAddr, Option<Vote>)],
        now: Instant,
    ) -> Option<bool> {
        if said.is_empty() {
            return None;
        }
        self.asked = Some(now);
        self.votes.retain(|_, (_, at)| now.saturating_duration_since(*at) <= STANDS);
        for (resolver, vote) in said {
            let is_over = |(before, at): &(Vote, Instant)| {
                let silent = if *before == Vote::Sound { SOUND } else { SILENT };
                vote.is_none() && *at + silent <= now
            };
            if self.votes.get(resolver).is_some_and(is_over) {
                self.votes.remove(resolver);
            }
            self.votes.extend(vote.map(|vote| (*resolver, (vote, now))));
        }
        let new = self.settle(said, now);
        self.open = if self.is_open() { self.open.saturating_add(1) } else { 0 };
        new
    }

    /// What follows from the votes, if anybody who was asked now says so.
    fn settle(&mut self, said: &[(SocketAddr, Option<Vote>)], now: Instant) -> Option<bool> {
        let is_bad = most(self.votes.values().map(|(vote, _)| *vote))?;
        let says_so = if is_bad { Vote::Forged } else { Vote::Sound };
        if said.iter().all(|(_, vote)| *vote != Some(says_so)) {
            return None;
        }
        // One now and then is not in a row, unless there was enough for a verdict, and that stands.
        let times = match self.last {
            Some((was, at, times)) if was == is_bad => {
                let lasts = if times < ROUNDS { SILENT } else { STANDS };
                let is_in_a_row = now.saturating_duration_since(at) <= lasts;
                if is_in_a_row { times.saturating_add(1) } else { 1 }
            }
            _ => 1,
        };
        if times == 1 {
            // However long it was open before.
            self.open = 0;
        }
        self.last = Some((is_bad, now, times));
        Some(is_bad)
    }

    /// Forgets resolvers that are asked no more.
    pub(super) fn keep(&mut self, resolvers: &[SocketAddr]) {
        self.votes.retain(|resolver, _| resolvers.contains(resolver));
    }

    /// What counts while nothing new is heard. What speaks against the zone counts once, until there was enough for a
    /// verdict; then it stands for a day, though nobody may be asked or says anything.
    pub(super) fn meanwhile(&self, now: Instant) -> Option<bool> {
        let (is_bad, at, times) = self.last?;
        let stands = if is_bad { STANDS } else { SOUND };
        let is_certain = !is_bad || times >= ROUNDS;
        (is_certain && now.saturating_duration_since(at) <= stands).then_some(is_bad)
    }
}

/// What most say; of as many, no; nothing where those that are in doubt would turn it.
pub(super) fn most(votes: impl Iterator<Item = Vote>) -> Option<bool> {
    let (mut all, mut bad, mut open) = (0, 0, 0);
    for vote in votes {
        all += 1;
        bad += usize::from(vote == Vote::Forged);
        open += usize::from(vote == Vote::Doubtful);
    }
    match () {
        () if 2 * bad > all => Some(true),
        () if all == 0 || 2 * (bad + open) > all => None,
        () => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::courtesy::{Ledger, MAX_PER_AND_HOUR, Stranger, Want};

    const MINUTE: Duration = Duration::from_secs(60);

    fn resolver(number: u8) -> SocketAddr {
        ([9, 9, 9, number], 53).into()
    }

    #[test]
    fn one_resolver_of_three_makes_no_zone_forged() {
        use Vote::{Doubtful, Forged, Sound};
        for (votes, wanted) in [
            (&[][..], None),
            (&[Forged], Some(true)),
            (&[Forged, Sound], Some(false)),
            (&[Forged, Sound, Sound], Some(false)),
            (&[Forged, Forged, Sound], Some(true)),
            (&[Doubtful], None),
            (&[Doubtful, Sound, Sound], Some(false)),
            (&[Doubtful, Doubtful, Sound], None),
            (&[Forged, Doubtful, Sound], None),
            (&[Forged, Forged, Doubtful], Some(true)),
        ] {
            assert_eq!(most(votes.iter().copied()), wanted, "{votes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sound_zone_is_asked_about_each_five_minutes_and_one_bad_answer_counts_once() {
        let began = Instant::now();
        let mut heard = Heard::default();
        assert!(heard.is_due(began) && heard.meanwhile(began).is_none());
        assert_eq!(heard.note(&[(resolver(1), Some(Vote::Sound))], began), Some(false));
        assert!(!heard.is_due(began + 4 * MINUTE) && heard.is_due(began + 5 * MINUTE));
        assert_eq!(heard.meanwhile(began + SOUND), Some(false));
        assert_eq!(heard.meanwhile(began + SOUND + MINUTE), None, "it may be forged since");
        for times in 1..=ROUNDS {
            let now = began + 10 * MINUTE + times * MINUTE;
            assert!(heard.is_due(now), "a doubtful one is, each minute");
            heard.note(&[(resolver(1), Some(Vote::Forged))], now);
            let wanted = (times == ROUNDS).then_some(true);
            assert_eq!(heard.meanwhile(now + MINUTE / 2), wanted, "{times}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_be_asked_does_not_change_its_mind_and_is_no_second_witness() {
        let (began, mut heard) = (Instant::now(), Heard::default());
        let bad = [(resolver(1), Some(Vote::Forged)), (resolver(2), Some(Vote::Forged))];
        let own = (resolver(3), Some(Vote::Sound));
        assert_eq!(heard.note(&[bad[0], bad[1], own], began), Some(true));
        for minute in 1..60 {
            let now = began + minute * MINUTE;
            assert_eq!(heard.note(&[own], now), None);
            assert_eq!(heard.meanwhile(now), None, "bad once");
        }
        for _ in 1..ROUNDS {
            assert_eq!(heard.note(&bad, began + 60 * MINUTE), Some(true));
        }
        assert_eq!(heard.note(&[own], began + 61 * MINUTE), None);
        assert_eq!(heard.meanwhile(began + 600 * MINUTE), Some(true));
        let sound = bad.map(|(resolver, _)| (resolver, Some(Vote::Sound)));
        assert_eq!(heard.note(&sound[..1], began + 601 * MINUTE), Some(false));
        // That nobody may be asked ends nothing for a day.
        let mut heard = Heard::default();
        for _ in 0..ROUNDS {
            heard.note(&bad, began);
        }
        assert_eq!(heard.meanwhile(began + STANDS), Some(true));
        assert_eq!(heard.meanwhile(began + STANDS + MINUTE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_answer_a_day_is_no_verdict_and_one_a_day_after_a_verdict_upholds_it() {
        let (began, bad) = (Instant::now(), [(resolver(1), Some(Vote::Forged))]);
        let day = |count: u32| began + count * 24 * 60 * MINUTE;
        let mut heard = Heard::default();
        for count in 0..3 * ROUNDS {
            assert_eq!(heard.note(&bad, day(count)), Some(true));
            assert_eq!(heard.meanwhile(day(count)), None, "{count}");
        }
        let mut heard = Heard::default();
        for count in 0..ROUNDS {
            heard.note(&bad, began + count * MINUTE);
        }
        for count in 0..3 {
            heard.note(&bad, day(count) + 10 * MINUTE);
            assert_eq!(heard.meanwhile(day(count) + 20 * MINUTE), Some(true), "{count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_is_lost_turns_no_majority_and_one_that_stays_away_does_after_an_hour() {
        let (began, mut heard) = (Instant::now(), Heard::default());
        let say = |votes: [Option<Vote>; 3]| {
            [1, 2, 3].map(resolver).into_iter().zip(votes).collect::<Vec<_>>()
        };
        let (forged, sound) = (Some(Vote::Forged), Some(Vote::Sound));
        for _ in 0..ROUNDS {
            heard.note(&say([forged, forged, sound]), began);
        }
        let silent = say([None, forged, sound]);
        for minute in 1..=60 {
            let now = began + minute * MINUTE;
            assert_eq!(
                heard.note(&silent, now).or(heard.meanwhile(now)),
                (minute < 60).then_some(true).or(Some(false))
            );
        }
        // What it says again turns it again.
        let now = began + 61 * MINUTE;
        assert_eq!(heard.note(&say([forged, forged, sound]), now), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn two_that_fall_silent_hold_no_third_back_for_longer_than_what_they_said_counts() {
        let say = |votes: [Option<Vote>; 3]| {
            [1, 2, 3].map(resolver).into_iter().zip(votes).collect::<Vec<_>>()
        };
        let (forged, sound) = (Some(Vote::Forged), Some(Vote::Sound));
        for (later, wanted) in [
            ([None, None, forged], Some(17)),
            // One that says so still has a vote of its own, as ever.
            ([None, sound, forged], None),
            ([forged, None, forged], Some(2)),
        ] {
            let (began, mut heard, mut asked) = (Instant::now(), Heard::default(), 0);
            heard.note(&say([sound; 3]), began);
            // It is told from here on: that nobody was asked in a minute is of no matter.
            let mut told = None;
            heard.asked = None;
            for minute in 0..60 {
                let now = began + minute * MINUTE + MINUTE / 60;
                if heard.is_due(now) {
                    asked += 1;
                    heard.note(&say(later), now);
                }
                if heard.meanwhile(now) == Some(true) {
                    told = told.or(Some(minute));
                }
            }
            assert_eq!(told, wanted, "{later:?}");
            assert!(asked <= 24, "{later:?}: {asked}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_stays_open_is_asked_in_its_turn_after_a_while() {
        let (mut now, mut heard) = (Instant::now(), Heard::default());
        let zone = "a.example".parse().unwrap();
        let doubtful = [(resolver(1), Some(Vote::Doubtful))];
        for times in 1..10 {
            assert_eq!(heard.note(&doubtful, now), None);
            now += MINUTE;
            let is_urgent = times < MOST_OPEN;
            assert_eq!(heard.is_due(now), is_urgent, "{times}");
            assert_eq!(heard.errand(&zone, MINUTE).spare == 0, is_urgent, "{times}");
        }
        heard.note(&[(resolver(1), Some(Vote::Sound))], now);
        heard.note(&[(resolver(1), Some(Vote::Forged))], now);
        assert!(heard.is_due(now + MINUTE), "it is told within minutes");
    }

    /// Zones that one resolver of others validates, also where a set asks it besides, each minute for two days; one of
    /// them is forged from some moment on. The first ones by name are no more often asked about than the last.
    #[tokio::test(start_paused = true)]
    async fn a_forged_zone_is_told_within_minutes_and_as_long_as_it_is_within_the_hours_of_its_validator()
     {
        let cases = [(1, 0, 0), (1, 0, 600), (3, 0, 700), (2, 12, 600), (6, 0, 700), (24, 0, 900)];
        for (zones, planned, forged) in cases {
            let stranger = Stranger { address: resolver(1).ip(), system: 0 };
            let (mut ledger, began) = (Ledger::default(), Instant::now());
            let mut all: Vec<Heard> = (0..zones).map(|_| Heard::default()).collect();
            let name = |zone| format!("z{}.example", 100 + zone).parse::<HostName>().unwrap();
            let names: Vec<HostName> = (0..zones).map(name).collect();
            let (mut sent, mut told) = (vec![0; 48], None);
            let mut asked = vec![0; zones];
            // Two minutes each, what the proofs of the forged one take, and what is spared, of what is not planned.
            let longest = (24 + 3 * u32::try_from(zones).unwrap()) * 30 / (30 - planned);
            for minute in 0..48 * 60_u32 {
                let (since, hour) = (minute * MINUTE, (minute / 60) as usize);
                let now = began + since;
                if planned > 0 && minute % (60 / planned) == 0 {
                    ledger.ask(since, stranger, Want::Planned).unwrap();
                    sent[hour] += 1;
                }
                for (zone, heard) in all.iter_mut().enumerate() {
                    let is_forged = zone + 1 == zones && minute >= forged;
                    let mut verdict = None;
                    let errand = heard.errand(&names[zone], MINUTE);
                    if heard.is_due(now) && ledger.reserve(since, stranger, &errand) {
                        assert!(minute - asked[zone] <= longest, "zone {zone} at {minute}");
                        asked[zone] = minute;
                        let vote = if is_forged { Vote::Forged } else { Vote::Sound };
                        let used = if is_forged { PROOF - 1 } else { 1 };
                        ledger.give_back(stranger, PROOF - used);
                        sent[hour] += used;
                        verdict = heard.note(&[(resolver(1), Some(vote))], now);
                    }
                    let verdict = verdict.or(heard.meanwhile(now));
                    if !is_forged {
                        assert_ne!(verdict, Some(true), "zone {zone}, minute {minute}");
                    } else if heard.meanwhile(now) == Some(true) {
                        told = told.or(Some(minute));
                    }
                    assert!(told.is_none() || !is_forged || verdict == Some(true), "{minute}");
                }
            }
            let told = told.expect("it is told");
            assert!(told <= forged + longest - 10, "{zones} zones, {planned} planned: {told}");
            assert!(asked.iter().all(|minute| 48 * 60 - minute <= longest), "{asked:?}");
            let most = sent.iter().max().unwrap();
            assert!(*most <= MAX_PER_AND_HOUR, "{most}");
        }
    }
}
