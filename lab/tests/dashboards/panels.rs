//! The panels of a dashboard file and the words of their queries.

use serde_json::Value;

use crate::files;

/// A panel, rows left out and folded ones unfolded.
pub(crate) struct Panel {
    pub(crate) place: String,
    pub(crate) json: Value,
}

impl Panel {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or_default()
    }

    pub(crate) fn unit(&self) -> &str {
        self.json["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or_default()
    }

    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        items(&self.json["targets"]).map(|target| target["expr"].as_str().unwrap())
    }
}

pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> + Clone {
    list.as_array().into_iter().flatten()
}

pub(crate) fn panels(board: &Value) -> Vec<Panel> {
    let uid = board["uid"].as_str().unwrap();
    let top = items(&board["panels"]);
    let all = top.flat_map(|panel| std::iter::once(panel).chain(items(&panel["panels"])));
    all.filter(|panel| panel["type"] != "row")
        .map(|panel| Panel {
            place: format!("{uid}: {}", panel["title"].as_str().unwrap_or_default()),
            json: panel.clone(),
        })
        .collect()
}

pub(crate) fn all_panels() -> Vec<Panel> {
    files::boards().values().flat_map(panels).collect()
}

/// Every expression of a dashboard: of panels, annotations and variables.
pub(crate) fn expressions(board: &Value) -> Vec<String> {
    let variables = items(&board["templating"]["list"]);
    let variables = variables.filter_map(|variable| variable["query"]["query"].as_str());
    let annotations = items(&board["annotations"]["list"]);
    let annotations = annotations.filter_map(|annotation| annotation["expr"].as_str());
    let mut all: Vec<String> = variables.chain(annotations).map(str::to_owned).collect();
    for panel in panels(board) {
        all.extend(panel.expressions().map(str::to_owned));
    }
    all
}

/// The words of an expression outside strings, each with what follows it.
pub(crate) fn words(expression: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c == '_' || c == ':' || c == '$' || c.is_ascii_alphanumeric();
    let mut found = Vec::new();
    let mut quoted = false;
    let mut start = None;
    for (at, c) in expression.char_indices().chain([(expression.len(), ' ')]) {
        if !quoted && is_word(c) {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            found.push((&expression[from..at], &expression[at..]));
        }
        quoted ^= c == '"';
    }
    found
}
