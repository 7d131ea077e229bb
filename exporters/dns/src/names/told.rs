//! What is told of names, to whoever reads the log: once, when it becomes another.

use std::collections::BTreeMap;

use tracing::{info, warn};

use crate::config::Plan;
use crate::exchange::HostName;

/// What was told of each name of each set.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<(String, HostName), Vec<String>>);

impl Told {
    /// Tells of these plans what was not told of the former ones.
    pub(crate) fn tell<'a>(&mut self, plans: impl Iterator<Item = &'a Plan>) {
        for ((set, name), text) in self.news(plans) {
            let name = name.as_str();
            if let Some(text) = text {
                warn!(set, name, "a resolver's name {text}");
            } else {
                info!(set, name, "a resolver's name is asked at all that it has");
            }
        }
    }

    /// What is new; nothing in place of the text where what was told is over.
    fn news<'a>(
        &mut self,
        plans: impl Iterator<Item = &'a Plan>,
    ) -> Vec<((String, HostName), Option<String>)> {
        let mut now: BTreeMap<(String, HostName), Vec<String>> = BTreeMap::new();
        for plan in plans {
            for (name, text) in &plan.set.list.told {
                let of_name = now.entry((plan.set.name.clone(), name.clone())).or_default();
                of_name.push(text.clone());
            }
        }
        let mut news = Vec::new();
        for (of, texts) in &now {
            let before = self.0.get(of);
            let is_new = |text: &&String| !before.is_some_and(|before| before.contains(text));
            news.extend(texts.iter().filter(is_new).map(|text| (of.clone(), Some(text.clone()))));
        }
        let over = self.0.keys().filter(|of| !now.contains_key(*of));
        news.extend(over.map(|of| (of.clone(), None)));
        self.0 = now;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Whereabouts};

    #[test]
    fn what_is_told_of_a_name_is_told_once() {
        let text = "vantage: { name: fra, region: EMEA }
sets: [{ name: own, resolvers: [9.9.9.9, dns.example] }]
questions: [{ name: a.example }]
";
        let config: Config = exporter_kit::config::parse(text, "test.yml").unwrap();
        let mut config = config.complete(std::path::Path::new(".")).unwrap();
        let mut told = Told::default();
        let mut news = |addresses: &[&str], why: Option<&str>| -> Vec<Option<String>> {
            let addresses = addresses.iter().map(|it| it.parse().unwrap()).collect();
            let whereabouts = Whereabouts { addresses, why: why.map(str::to_owned) };
            config.addresses.insert("dns.example".parse().unwrap(), whereabouts);
            let plans = config.plans(&[]).0;
            told.news(plans.values()).into_iter().map(|(_, text)| text).collect()
        };
        assert_eq!(news(&["8.8.8.8"], None).len(), 0);
        assert_eq!(news(&[], Some("is not asked: timed out")).len(), 1);
        assert_eq!(news(&[], Some("is not asked: timed out")).len(), 0);
        let inside = news(&["10.0.0.1"], None);
        assert!(
            inside[0].as_ref().unwrap().starts_with("is not asked at 10.0.0.1: "),
            "{inside:?}"
        );
        assert_eq!(news(&["10.0.0.1", "8.8.8.8"], None).len(), 0);
        assert_eq!(news(&["8.8.8.8"], None), [None]);
    }
}
