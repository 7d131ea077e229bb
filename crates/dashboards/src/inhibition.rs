//! Which alerts others hold back, by the `inhibit_rules` of Alertmanager's configuration, as a query of Prometheus. No I/O, no clock.
//!
//! Alertmanager tells Prometheus how many it holds back, and not which; so the dashboards ask by the same matchers. To both a label
//! that is missing is an empty one, and a regular expression is of the whole value. Who is held back holds back others all
//! the same. Silences, and an `alertmanager.yml` that was changed since, are not known here.

use serde::Deserialize;

/// What is read of Alertmanager's configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Alertmanager {
    inhibit_rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(default)]
    equal: Vec<String>,
}

impl Alertmanager {
    /// The alerts that fire and that another one holds back.
    pub(crate) fn held_back(&self) -> String {
        let rules: Vec<String> = self.inhibit_rules.iter().map(Rule::held_back).collect();
        rules.join(" or ")
    }
}

impl Rule {
    fn held_back(&self) -> String {
        let Self { source_matchers, target_matchers, equal } = self;
        let firing = |matchers: &[String]| {
            format!("ALERTS{{alertstate=\"firing\", {}}}", matchers.join(", "))
        };
        let (target, source) = (firing(target_matchers), firing(source_matchers));
        format!("{target} and on ({}) {source}", equal.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_asked_by_its_matchers_and_by_what_must_be_equal() {
        let yaml = r#"
receivers: []
inhibit_rules:
  - source_matchers: [alertname="A", target=~".+"]
    target_matchers: [alertname=~"B|C"]
    equal: [team, target]
  - source_matchers: [alertname="D"]
    target_matchers: [severity!="critical"]
"#;
        let read: Alertmanager = serde_saphyr::from_str(yaml).unwrap();
        let wanted = r#"ALERTS{alertstate="firing", alertname=~"B|C"} and on (team, target) ALERTS{alertstate="firing", alertname="A", target=~".+"} or ALERTS{alertstate="firing", severity!="critical"} and on () ALERTS{alertstate="firing", alertname="D"}"#;
        assert_eq!(read.held_back(), wanted);
    }
}
