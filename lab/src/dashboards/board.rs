//! A dashboard file, reduced to what it asks.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// The line of a panel's description that allows it to show nothing, and says why.
pub const MAY_BE_EMPTY: &str = "May be empty:";

/// `timeInterval` of the provisioned data source: what `$__rate_interval` is made from.
pub const DATA_SOURCE_INTERVAL_SECONDS: u64 = 15;

/// What one dashboard asks, in the order in which Grafana asks it.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) uid: String,
    pub(super) range_seconds: u64,
    pub(super) variables: Vec<Variable>,
    pub(super) queries: Vec<Query>,
}

/// A drop-down.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) query: VariableQuery,
    pub(super) all_value: Option<String>,
    pub(super) may_be_empty: bool,
}

/// Where a drop-down's values come from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum VariableQuery {
    /// A data source, a constant.
    Fixed(String),
    /// `label_values(selector, label)`; the selector may be empty.
    LabelValues { selector: String, label: String },
    /// Anything else.
    Unsupported(String),
}

/// A query of a panel or of an annotation.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) place: String,
    /// The title of the panel, where it is one's.
    pub(super) panel: Option<String>,
    pub(super) expression: String,
    pub(super) instant: bool,
    pub(super) legend_labels: Vec<String>,
    pub(super) may_be_empty: bool,
    pub(super) min_interval_seconds: Option<u64>,
    pub(super) max_data_points: Option<u64>,
}

impl Board {
    /// Every dashboard of a folder, by file name.
    pub(super) fn read_all(folder: &Path) -> anyhow::Result<Vec<Self>> {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("reading the folder {}", folder.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.with_context(|| format!("reading {}", folder.display()))?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
        }
        files.sort();
        anyhow::ensure!(!files.is_empty(), "no dashboard in {}", folder.display());
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> anyhow::Result<Self> {
        let name = || format!("reading the dashboard {}", file.display());
        let text = std::fs::read_to_string(file).with_context(name)?;
        let raw: RawBoard = serde_json::from_str(&text).with_context(name)?;
        raw.try_into().with_context(name)
    }
}

#[derive(Deserialize)]
struct RawBoard {
    uid: String,
    time: RawTime,
    templating: RawList<RawVariable>,
    annotations: RawList<RawAnnotation>,
    panels: Vec<RawPanel>,
}

#[derive(Deserialize)]
struct RawTime {
    from: String,
}

#[derive(Deserialize)]
struct RawList<T> {
    list: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawVariable {
    name: String,
    r#type: String,
    query: Value,
    all_value: Option<String>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct RawAnnotation {
    name: String,
    #[serde(default)]
    expr: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPanel {
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    targets: Vec<RawTarget>,
    #[serde(default)]
    panels: Vec<RawPanel>,
    interval: Option<String>,
    max_data_points: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTarget {
    ref_id: String,
    expr: String,
    #[serde(default)]
    instant: bool,
    #[serde(default)]
    legend_format: String,
    interval: Option<String>,
}

impl TryFrom<RawBoard> for Board {
    type Error = anyhow::Error;

    fn try_from(raw: RawBoard) -> anyhow::Result<Self> {
        let from = raw.time.from.strip_prefix("now-").context("time.from is not now-…")?;
        let mut queries = Vec::new();
        for panel in &raw.panels {
            panel.collect(&mut queries)?;
        }
        for annotation in raw.annotations.list.iter().filter(|one| !one.expr.is_empty()) {
            queries.push(annotation.query());
        }
        Ok(Self {
            uid: raw.uid,
            range_seconds: seconds(from)?,
            variables: raw.templating.list.into_iter().map(RawVariable::variable).collect(),
            queries,
        })
    }
}

impl RawVariable {
    fn variable(self) -> Variable {
        let text = self.query.as_str().or_else(|| self.query["query"].as_str());
        let text = text.unwrap_or_default().trim();
        let query = match self.r#type.as_str() {
            "query" => label_values(text),
            "datasource" | "constant" | "textbox" => VariableQuery::Fixed(text.to_owned()),
            other => VariableQuery::Unsupported(format!("{other}: {text}")),
        };
        Variable {
            name: self.name,
            query,
            all_value: self.all_value,
            may_be_empty: self.description.contains(MAY_BE_EMPTY),
        }
    }
}

fn label_values(text: &str) -> VariableQuery {
    let inner = text.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let Some(inner) = inner else {
        return VariableQuery::Unsupported(text.to_owned());
    };
    let (selector, label) = inner.rsplit_once(',').unwrap_or(("", inner));
    let (selector, label) = (selector.trim().to_owned(), label.trim().to_owned());
    VariableQuery::LabelValues { selector, label }
}

impl RawAnnotation {
    fn query(&self) -> Query {
        Query {
            place: format!("annotation {:?}", self.name),
            panel: None,
            expression: self.expr.clone(),
            instant: false,
            legend_labels: Vec::new(),
            may_be_empty: true,
            min_interval_seconds: None,
            max_data_points: None,
        }
    }
}

impl RawPanel {
    fn collect(&self, queries: &mut Vec<Query>) -> anyhow::Result<()> {
        for target in &self.targets {
            let interval = target.interval.as_deref().or(self.interval.as_deref());
            queries.push(Query {
                place: format!("panel {:?}, query {}", self.title, target.ref_id),
                panel: Some(self.title.clone()),
                expression: target.expr.clone(),
                instant: target.instant,
                legend_labels: legend_labels(&target.legend_format),
                may_be_empty: self.description.contains(MAY_BE_EMPTY),
                min_interval_seconds: interval.map(seconds).transpose()?,
                max_data_points: self.max_data_points,
            });
        }
        self.panels.iter().try_for_each(|panel| panel.collect(queries))
    }
}

/// The labels that a legend such as `{{target}} {{name}}` names.
fn legend_labels(format: &str) -> Vec<String> {
    let parts = format.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(label, _)| label.trim().to_owned()).collect()
}

/// The seconds of a duration such as `15s`, `6h` or `7d`.
fn seconds(text: &str) -> anyhow::Result<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().with_context(|| format!("{text:?} is not a duration"))?;
    Ok(number
        * match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => anyhow::bail!("{text:?} is not a duration in s, m, h or d"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(seconds("15s").unwrap(), 15);
        assert_eq!(seconds("6h").unwrap(), 21_600);
        assert!(seconds("1w").is_err());
    }

    #[test]
    fn a_variable_query_is_split_at_its_last_comma() {
        let VariableQuery::LabelValues { selector, label } =
            label_values(r#"label_values(up{a="1", b=~"$b"}, target)"#)
        else {
            panic!("not label_values");
        };
        assert_eq!((selector.as_str(), label.as_str()), (r#"up{a="1", b=~"$b"}"#, "target"));
        assert!(matches!(label_values("query_result(up)"), VariableQuery::Unsupported(_)));
    }

    #[test]
    fn the_labels_of_a_legend_are_found() {
        assert_eq!(legend_labels("{{target}} {{ name }}: p95"), ["target", "name"]);
        assert!(legend_labels("__auto").is_empty());
    }
}
