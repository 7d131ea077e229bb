//! What may stand in the YAML files. No I/O, no clock.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::notation::Names;

/// `shared.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shared {
    /// Grafana's own keys of every dashboard.
    pub(crate) dashboard: Value,
    /// Grafana's own keys of every drop-down that asks for values.
    pub(crate) variable: Value,
    /// Where links lead that leave Grafana: drop-downs of every dashboard that nobody sees.
    pub(crate) addresses: Vec<Variable>,
    /// The severities that are marked in graphs, and Grafana's own keys of each.
    pub(crate) annotations: Vec<Value>,
    /// How each kind of panel looks.
    pub(crate) looks: BTreeMap<String, Look>,
    /// Grafana's keys behind a name, for panels that look a little different.
    pub(crate) styles: BTreeMap<String, Value>,
    /// Colours that Grafana has no name for.
    pub(crate) colours: Names,
    /// Scales of thresholds.
    pub(crate) steps: Names,
    /// Texts for values.
    pub(crate) words: Names,
    /// Properties of one line among others.
    pub(crate) strokes: BTreeMap<String, Value>,
    /// What a click on a cell leads to.
    pub(crate) links: BTreeMap<String, Link>,
    /// What every map's markers have in common.
    pub(crate) markers: Value,
    /// Panels of several dashboards.
    pub(crate) panels: BTreeMap<String, Panel>,
}

/// A kind of panel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    /// Where a panel says nothing else.
    pub(crate) size: String,
    /// Grafana's own keys of the panel.
    pub(crate) panel: Value,
    /// Grafana's own keys of each of its queries.
    pub(crate) query: Value,
}

/// Where a click on a cell leads, and the words for it: a dashboard with one variable set to the
/// clicked value, or an address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    pub(crate) title: String,
    pub(crate) dashboard: Option<String>,
    pub(crate) variable: Option<String>,
    /// A label, and the variable of that name, without which the clicked value is not one thing: two sites may both
    /// have a `web-1`. Where the table has it, the link chooses it too.
    pub(crate) of: Option<String>,
    /// With Grafana's own variables; `{labels}` are the labels of the row's alert, as Alertmanager takes them.
    pub(crate) address: Option<String>,
}

/// A file beside `shared.yaml`, whose name is the dashboard's uid.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dashboard {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) tags: Vec<String>,
    /// The time range that it opens with, as in `6h`.
    pub(crate) range: String,
    /// The dashboard whose names hold here as well, where `names` does not say otherwise.
    pub(crate) part_of: Option<String>,
    /// What `@name` stands for, in queries and texts.
    pub(crate) names: Names,
    pub(crate) variables: Vec<Variable>,
    pub(crate) rows: Vec<Row>,
}

/// A drop-down: the values that a label has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// The label, and the variable's name.
    pub(crate) name: String,
    pub(crate) label: String,
    /// The series whose label it is.
    pub(crate) of: String,
    /// Why there may be no value; "All" then includes series without the label.
    pub(crate) may_be_empty: Option<String>,
    /// Whether "All" is what the list has, and not whatever value there is.
    #[serde(default)]
    pub(crate) listed: bool,
}

/// Panels below a title. Only the first row may have none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) folded: bool,
    pub(crate) panels: Vec<Panel>,
}

/// One panel. What it does not say, the shared panel that it uses says, else its kind's look.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Panel {
    /// A shared panel, or another dashboard's, as `turbulence-world / Reached`.
    pub(crate) r#use: Option<String>,
    /// The title, behind the panel's kind: one of these seven.
    pub(crate) stat: Option<String>,
    pub(crate) lines: Option<String>,
    pub(crate) timeline: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) map: Option<String>,
    pub(crate) scatter: Option<String>,
    pub(crate) heatmap: Option<String>,
    pub(crate) about: Option<String>,
    /// Why it may show nothing.
    pub(crate) may_be_empty: Option<String>,
    pub(crate) size: Option<String>,
    pub(crate) style: Option<Vec<String>>,
    pub(crate) unit: Option<String>,
    pub(crate) decimals: Option<u32>,
    pub(crate) max: Option<Value>,
    pub(crate) steps: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) legend: Option<String>,
    /// In place of `query` and `legend`, where there are several.
    pub(crate) queries: Option<Vec<Query>>,
    /// Lines that are drawn in another way.
    pub(crate) series: Option<Vec<Series>>,
    /// Of a table, a map or a scatter plot.
    pub(crate) columns: Option<Vec<Column>>,
    /// The title of the column by which a table is sorted, the smallest value first unless
    /// `, largest first` follows.
    pub(crate) sort: Option<String>,
    /// Labels that are needed to tell rows apart and are not shown.
    pub(crate) hide: Option<Vec<String>>,
    /// Labels that links need and nobody has to see.
    pub(crate) unseen: Option<Vec<String>>,
    /// Of a map.
    pub(crate) markers: Option<Value>,
    /// Grafana's own keys, laid over all others.
    pub(crate) grafana: Option<Value>,
}

/// One of several queries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    pub(crate) legend: String,
    pub(crate) query: String,
}

/// Lines by their legend.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    /// A name, or a regular expression between slashes.
    pub(crate) named: String,
    /// A stroke, a colour, or `shades of` a colour.
    pub(crate) drawn: String,
}

/// A label with a title, or the value of a query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    pub(crate) label: Option<String>,
    pub(crate) title: String,
    pub(crate) query: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) decimals: Option<u32>,
    pub(crate) steps: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) width: Option<u32>,
    /// Names of links, with `, ` between them.
    pub(crate) link: Option<String>,
}

impl Panel {
    /// The kind, which names its look, and the title. None unless there is exactly one.
    pub(crate) fn kind_and_title(&self) -> Option<(&'static str, &str)> {
        let kinds = [
            ("stat", &self.stat),
            ("lines", &self.lines),
            ("timeline", &self.timeline),
            ("table", &self.table),
            ("map", &self.map),
            ("scatter", &self.scatter),
            ("heatmap", &self.heatmap),
        ];
        let mut said =
            kinds.into_iter().filter_map(|(kind, title)| Some((kind, title.as_deref()?)));
        said.next().filter(|_| said.next().is_none())
    }

    /// The panel with what `base` says where it says nothing. Its columns follow those of `base`, and one of the
    /// same title takes the place of that.
    pub(crate) fn over(self, base: Self) -> Self {
        Self {
            r#use: base.r#use,
            stat: self.stat.or(base.stat),
            lines: self.lines.or(base.lines),
            timeline: self.timeline.or(base.timeline),
            table: self.table.or(base.table),
            map: self.map.or(base.map),
            scatter: self.scatter.or(base.scatter),
            heatmap: self.heatmap.or(base.heatmap),
            about: self.about.or(base.about),
            may_be_empty: self.may_be_empty.or(base.may_be_empty),
            size: self.size.or(base.size),
            style: self.style.or(base.style),
            unit: self.unit.or(base.unit),
            decimals: self.decimals.or(base.decimals),
            max: self.max.or(base.max),
            steps: self.steps.or(base.steps),
            words: self.words.or(base.words),
            query: self.query.or(base.query),
            legend: self.legend.or(base.legend),
            queries: self.queries.or(base.queries),
            series: self.series.or(base.series),
            columns: columns(base.columns, self.columns),
            sort: self.sort.or(base.sort),
            hide: self.hide.or(base.hide),
            unseen: self.unseen.or(base.unseen),
            markers: self.markers.or(base.markers),
            grafana: self.grafana.or(base.grafana),
        }
    }
}

/// The columns of a base with those of a panel in their places, or behind them.
fn columns(base: Option<Vec<Column>>, own: Option<Vec<Column>>) -> Option<Vec<Column>> {
    let (base, mut own) = match (base, own) {
        (Some(base), Some(own)) => (base, own),
        (base, own) => return base.or(own),
    };
    let mut all: Vec<Column> = Vec::new();
    for column in base {
        let same = own.iter().position(|one| one.title == column.title);
        all.push(same.map_or(column, |place| own.remove(place)));
    }
    Some(all.into_iter().chain(own).collect())
}
