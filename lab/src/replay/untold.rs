//! What Prometheus must know in a replay and tells nobody, or not before it has been so for longer than a replay lasts.
//! No I/O, no clock.

use crate::prometheus::ActiveAlert;

/// The alerts of one endpoint, of one status page or of one service, that are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Untold {
    /// The endpoint, the page or the service.
    pub about: &'static str,
    /// An alert whose condition must hold, and words of its headline or description.
    pub due: Option<(&'static str, &'static [&'static str])>,
    /// Alerts whose condition must not hold.
    pub never: &'static [&'static str],
}

/// What was found of it at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What the alert that is due says, once it says all that it must.
    pub says: Option<String>,
    /// What is due and was not found.
    pub missing: Option<String>,
    /// Alerts that hold and must not.
    pub wrong: Vec<&'static str>,
}

impl Untold {
    /// Looks for it among the alerts that Prometheus knows.
    pub fn look(&self, alerts: &[ActiveAlert]) -> Found {
        let label = |alert: &ActiveAlert, name: &str| alert.labels.get(name).cloned();
        let own: Vec<(String, String)> = alerts
            .iter()
            .filter(|it| {
                ["target", "page", "service"]
                    .iter()
                    .any(|name| label(it, name).as_deref() == Some(self.about))
            })
            .map(|it| (label(it, "alertname").unwrap_or_default(), text(it)))
            .collect();
        let of = |name: &str| -> Vec<&str> {
            let named = own.iter().filter(|(alert, _)| alert == name);
            named.map(|(_, text)| text.as_str()).collect()
        };
        let wrong = self.never.iter().copied().filter(|name| !of(name).is_empty()).collect();
        let mut found = Found { wrong, ..Found::default() };
        if let Some((name, words)) = self.due {
            let said = of(name);
            let says_all = |text: &&str| words.iter().all(|word| text.contains(word));
            found.says = said.iter().copied().find(says_all).map(str::to_owned);
            if found.says.is_none() {
                found.missing = Some(format!("{name} does not say {words:?}: {said:?}"));
            }
        }
        found
    }
}

/// `HomingStatusPageDisagrees (pending): mail: down, its page says it is up. ...`
fn text(alert: &ActiveAlert) -> String {
    let of = |name: &str| alert.annotations.get(name).map_or("", String::as_str);
    let name = alert.labels.get("alertname").map_or("", String::as_str);
    format!("{name} ({}): {}. {}", alert.state, of("headline"), of("description"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: &str, about: (&str, &str), description: &str) -> ActiveAlert {
        let labels = serde_json::json!({"alertname": name, about.0: about.1});
        let annotations = serde_json::json!({"headline": "h", "description": description});
        let alert =
            serde_json::json!({"labels": labels, "annotations": annotations, "state": "pending"});
        serde_json::from_value(alert).unwrap()
    }

    const UNTOLD: Untold =
        Untold { about: "mail", due: Some(("Due", &["well"])), never: &["Never"] };

    #[test]
    fn what_is_due_is_found_of_the_endpoint_or_page_alone_and_by_all_its_words() {
        let others =
            [alert("Due", ("target", "chat"), "all is well"), alert("Due", ("page", "mail"), "no")];
        let found = UNTOLD.look(&others);
        assert!(found.says.is_none() && found.missing.unwrap().contains("(pending): h. no"));
        let found = UNTOLD.look(&[alert("Due", ("page", "mail"), "all is well")]);
        assert_eq!(found.says.as_deref(), Some("Due (pending): h. all is well"));
        assert_eq!((found.missing, found.wrong), (None, vec![]));
    }

    #[test]
    fn what_must_never_hold_is_named() {
        let found = UNTOLD.look(&[alert("Never", ("service", "mail"), "")]);
        assert_eq!(found.wrong, ["Never"]);
        let found = UNTOLD.look(&[alert("Never", ("target", "mail"), "")]);
        assert_eq!(found.wrong, ["Never"]);
        assert_eq!(UNTOLD.look(&[alert("Never", ("target", "mail2"), "")]).wrong, [""; 0]);
    }
}
