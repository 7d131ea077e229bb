//! The names of routers that are known, for as long as their answers are good. No I/O, no clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// An answer is used for at least and at most so long, whatever its TTL; that there is no name, and that nobody
/// could say, for so long.
const SHORTEST: Duration = Duration::from_secs(3600);
const LONGEST: Duration = Duration::from_secs(86_400);
const NO_NAME: Duration = Duration::from_secs(3600);
const NO_ANSWER: Duration = Duration::from_secs(300);
/// So many names are kept.
const MOST: usize = 4096;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This name, for so long.
    Name(String, Duration),
    /// That there is none.
    NoName,
    /// Nothing.
    Nothing,
}

/// Names by address.
#[derive(Debug, Default)]
pub(crate) struct Cache(HashMap<IpAddr, (Option<String>, Duration)>);

impl Cache {
    /// Whether it is known of an address which name it has, or that it has none.
    pub(crate) fn knows(&self, ip: IpAddr, now: Duration) -> bool {
        self.0.get(&ip).is_some_and(|(_, until)| *until > now)
    }

    /// The name of an address, where it has one that is known.
    pub(crate) fn get(&self, ip: IpAddr, now: Duration) -> Option<&str> {
        let (name, until) = self.0.get(&ip)?;
        name.as_deref().filter(|_| *until > now)
    }

    /// Takes in an answer. The one that is good for the shortest time makes room.
    pub(crate) fn put(&mut self, ip: IpAddr, answer: Answer, now: Duration) {
        let (name, good) = match answer {
            Answer::Name(name, ttl) => (Some(name), ttl.clamp(SHORTEST, LONGEST)),
            Answer::NoName => (None, NO_NAME),
            Answer::Nothing => (None, NO_ANSWER),
        };
        if self.0.len() >= MOST && !self.0.contains_key(&ip) {
            self.0.retain(|_, (_, until)| *until > now);
            let first = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(ip, _)| *ip);
            if let Some(first) = first.filter(|_| self.0.len() >= MOST) {
                self.0.remove(&first);
            }
        }
        self.0.insert(ip, (name, now + good));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_is_good_for_an_hour_at_least_and_a_day_at_most() {
        for (ttl, good) in [(0, 3600), (7200, 7200), (1 << 30, 86_400)] {
            let mut cache = Cache::default();
            cache.put(HERE, Answer::Name("a.example".to_owned(), s(ttl)), s(10));
            assert_eq!(cache.get(HERE, s(10 + good - 1)), Some("a.example"));
            assert!(cache.get(HERE, s(10 + good)).is_none() && !cache.knows(HERE, s(10 + good)));
        }
        let mut cache = Cache::default();
        cache.put(HERE, Answer::NoName, s(0));
        assert!(cache.knows(HERE, s(3599)) && !cache.knows(HERE, s(3600)));
        assert_eq!(cache.get(HERE, s(1)), None);
        cache.put(HERE, Answer::Nothing, s(0));
        assert!(cache.knows(HERE, s(299)) && !cache.knows(HERE, s(300)));
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut cache = Cache::default();
        for number in 0..3 * u32::try_from(MOST).unwrap() {
            let name = Answer::Name(format!("{number}.example"), s(7200));
            cache.put(IpAddr::from(number.to_be_bytes()), name, s(number.into()));
        }
        assert_eq!(cache.0.len(), MOST);
        let last = IpAddr::from((3 * u32::try_from(MOST).unwrap() - 1).to_be_bytes());
        assert!(cache.get(last, s(0)).is_some(), "the newest stays");
    }
}
