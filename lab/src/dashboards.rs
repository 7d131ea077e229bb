//! Runs every query of every dashboard against a live Prometheus, as Grafana would.
//!
//! Grafana shows "No data" for a metric that does not exist, an empty variable for a label that
//! was renamed, and a legend with holes; nobody sees it until the night it is needed. [`check`]
//! resolves the variables in their order, expands them and the built-in ones, asks for every panel,
//! variable and annotation, and reports what a person would have stumbled over.
//!
//! A panel that may rightly show nothing says so in its description, in a line which starts with
//! `May be empty:` and gives the reason.

mod board;
mod expand;
mod prometheus;

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::Value;
use tokio::time::Instant;

use self::board::{Board, Query, Variable, VariableQuery};
pub use self::board::{DATA_SOURCE_INTERVAL_SECONDS, MAY_BE_EMPTY};
use self::expand::{Scope, Selection, Window};
use self::prometheus::{Answer, Prometheus};

/// The labels that an endpoint, a machine, a failure or a notification need not have; a legend has nothing in their place.
const OPTIONAL: [&str; 4] = ["site", "team", "phase", "receiver_name"];

/// What was wrong with the dashboards, and how much was asked.
#[derive(Debug, Default)]
pub struct Report {
    /// Each fault, in the order of the dashboards and their panels.
    pub findings: Vec<Finding>,
    /// How many queries were run.
    pub queries: usize,
    /// What each query of a panel costs with every variable at All, in the order of the panels.
    pub costs: Vec<Cost>,
}

/// What a reader waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The dashboard's uid.
    pub dashboard: String,
    /// The panel's title.
    pub panel: String,
    /// Lines or rows of the answer.
    pub series: usize,
    /// Bytes of the answer, less its envelope.
    pub bytes: usize,
    /// From the question to the answer.
    pub took: Duration,
}

/// One query that a person would not have got an answer from.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The dashboard's uid.
    pub dashboard: String,
    /// Where in it, as in `panel "Fan duty", query A` or `variable site`.
    pub place: String,
    /// The query as it was sent, or as it is written where it could not be expanded.
    pub query: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The ways in which a query can fail its reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// Prometheus refused it, or it names a variable that is not there.
    Refused(String),
    /// Prometheus answered with a warning.
    Warned(String),
    /// No series, or none with a number in it.
    Empty,
    /// The legend names this label, and a series lacks it. An endpoint's team and a machine's site may be missing.
    LegendLabel(String),
}

impl Report {
    /// Whether everything that was asked got an answer.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        write!(f, "{} queries, {} findings", self.queries, self.findings.len())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dashboard, place, query, problem } = self;
        write!(f, "{dashboard}: {place}: {problem}\n    {query}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Warned(why) => write!(f, "warning: {why}"),
            Self::Empty => f.write_str("no data"),
            Self::LegendLabel(label) => write!(f, "a series lacks the legend's label {label}"),
        }
    }
}

/// Checks every `*.json` of a folder against the Prometheus at a base URL such as
/// `http://127.0.0.1:9090`: once with every variable at All, where an empty answer is a fault, and
/// once with the first value of each, where it is not.
///
/// Fails when a file is not a dashboard or when Prometheus cannot be reached.
pub async fn check(dashboards_dir: &Path, prometheus: &str) -> anyhow::Result<Report> {
    let prometheus = Prometheus::at(prometheus)?;
    let mut report = Report::default();
    for board in Board::read_all(dashboards_dir)? {
        for choice in [Choice::All, Choice::First] {
            Visit { board: &board, choice, prometheus: &prometheus, report: &mut report }
                .run()
                .await
                .with_context(|| format!("checking {}", board.uid))?;
        }
    }
    Ok(report)
}

/// What the imagined reader chooses in every drop-down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    All,
    First,
}

/// One look at one dashboard.
struct Visit<'a> {
    board: &'a Board,
    choice: Choice,
    prometheus: &'a Prometheus,
    report: &'a mut Report,
}

impl Visit<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("reading the clock")?;
        let window = Window::ending(now.as_secs(), self.board.range_seconds);
        let mut scope = Scope::new(window);
        for variable in &self.board.variables {
            let selection = self.resolve(variable, &scope).await?;
            scope.set(&variable.name, selection);
        }
        for query in &self.board.queries {
            self.ask(query, &scope).await?;
        }
        Ok(())
    }

    async fn resolve(&mut self, variable: &Variable, scope: &Scope) -> anyhow::Result<Selection> {
        let place = format!("variable {}", variable.name);
        let (expression, answer) = match &variable.query {
            VariableQuery::Fixed(value) => return Ok(Selection::Raw(value.clone())),
            VariableQuery::Unsupported(query) => {
                let why = "not a kind of variable query that this check knows".to_owned();
                self.find(&place, query, Problem::Refused(why));
                return Ok(Selection::Raw(".*".to_owned()));
            }
            VariableQuery::LabelValues { selector, label } => {
                let Some(selector) = self.expand(&place, selector, scope, None) else {
                    return Ok(Selection::Raw(".*".to_owned()));
                };
                let answer = self.prometheus.label_values(&selector, label, scope.window()).await?;
                (format!("label_values({selector}, {label})"), answer)
            }
        };
        self.report.queries += 1;
        let values = match answer {
            Answer::Refused(why) => {
                self.find(&place, &expression, Problem::Refused(why));
                Vec::new()
            }
            Answer::Data { data, .. } => strings(&data),
        };
        if values.is_empty() && self.choice == Choice::All && !variable.may_be_empty {
            self.find(&place, &expression, Problem::Empty);
        }
        Ok(match (self.choice, values.first(), &variable.all_value) {
            (Choice::First, Some(first), _) => Selection::Values(vec![first.clone()]),
            (_, _, Some(all)) => Selection::Raw(all.clone()),
            _ => Selection::Values(values),
        })
    }

    async fn ask(&mut self, query: &Query, scope: &Scope) -> anyhow::Result<()> {
        let Some(expression) =
            self.expand(&query.place, &query.expression, scope, query.min_interval_seconds)
        else {
            return Ok(());
        };
        self.report.queries += 1;
        let window = scope.window();
        let asked = Instant::now();
        let answer = if query.instant {
            self.prometheus.query(&expression, window.end).await?
        } else {
            let step = window.step_seconds(query.max_data_points, query.min_interval_seconds);
            self.prometheus.query_range(&expression, window.aligned(step), step).await?
        };
        match answer {
            Answer::Refused(why) => self.find(&query.place, &expression, Problem::Refused(why)),
            Answer::Data { data, warnings } => {
                for why in warnings {
                    self.find(&query.place, &expression, Problem::Warned(why));
                }
                if self.choice == Choice::All
                    && let Some(panel) = &query.panel
                {
                    self.report.costs.push(Cost {
                        dashboard: self.board.uid.clone(),
                        panel: panel.clone(),
                        series: prometheus::series(&data).len(),
                        bytes: data.to_string().len(),
                        took: asked.elapsed(),
                    });
                }
                self.judge(query, &expression, &data);
            }
        }
        Ok(())
    }

    fn judge(&mut self, query: &Query, expression: &str, data: &Value) {
        let series = prometheus::series(data);
        let nothing = !series.iter().any(prometheus::Series::has_number);
        if nothing && self.choice == Choice::All && !query.may_be_empty {
            self.find(&query.place, expression, Problem::Empty);
        }
        for label in query.legend_labels.iter().filter(|label| !OPTIONAL.contains(&label.as_str()))
        {
            if series.iter().any(|one| !one.has_label(label)) {
                self.find(&query.place, expression, Problem::LegendLabel(label.clone()));
            }
        }
    }

    fn expand(
        &mut self,
        place: &str,
        expression: &str,
        scope: &Scope,
        min_interval_seconds: Option<u64>,
    ) -> Option<String> {
        match scope.expand(expression, min_interval_seconds) {
            Ok(expanded) => Some(expanded),
            Err(why) => {
                self.find(place, expression, Problem::Refused(why));
                None
            }
        }
    }

    fn find(&mut self, place: &str, query: &str, problem: Problem) {
        self.report.findings.push(Finding {
            dashboard: self.board.uid.clone(),
            place: place.to_owned(),
            query: query.to_owned(),
            problem,
        });
    }
}

fn strings(data: &Value) -> Vec<String> {
    data.as_array()
        .map(|values| values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}
