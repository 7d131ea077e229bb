//! The columns of a table, a map or a scatter plot. No I/O, no clock.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::notation::{steps, words};
use crate::source::{Column, Link, Panel, Shared};

/// How Grafana gets from the answers to the columns.
pub(crate) struct Table {
    pub(crate) transformations: Vec<Value>,
    pub(crate) overrides: Vec<Value>,
}

/// Joins the answers by their labels, then names and orders the columns. The value of the panel's
/// own query is not shown: that query is there for its rows.
pub(crate) fn render(panel: &Panel, columns: &[Column], shared: &Shared) -> anyhow::Result<Table> {
    let rows = panel.query.is_some();
    let queries = usize::from(rows) + columns.iter().filter(|one| one.query.is_some()).count();
    let value = |letter: char| match queries {
        1 => "Value".to_owned(),
        _ => format!("Value #{letter}"),
    };
    let mut letters = 'A'..='Z';
    let mut letter = || letters.next().unwrap_or('Z');
    let mut excluded = vec!["Time".to_owned()];
    if rows {
        excluded.push(value(letter()));
    }
    excluded.extend(panel.hide.iter().flatten().cloned());

    let (mut index, mut rename) = (Map::new(), Map::new());
    let mut overrides = Vec::new();
    for (position, column) in columns.iter().enumerate() {
        let field = match (&column.query, &column.label) {
            (Some(_), None) => value(letter()),
            (None, Some(label)) => label.clone(),
            _ => anyhow::bail!("column {:?} needs a label or a query", column.title),
        };
        index.insert(field.clone(), json!(position));
        rename.insert(field, json!(column.title));
        let properties =
            properties(column, shared).with_context(|| format!("column {:?}", column.title))?;
        if !properties.is_empty() {
            let matcher = json!({"id": "byName", "options": column.title});
            overrides.push(json!({"matcher": matcher, "properties": properties}));
        }
    }
    let excluded: Map<String, Value> =
        excluded.into_iter().map(|field| (field, json!(true))).collect();
    let organize = json!({"id": "organize", "options": {
        "excludeByName": excluded, "includeByName": {}, "indexByName": index, "renameByName": rename,
    }});
    let merge = (queries > 1).then(|| json!({"id": "merge", "options": {}}));
    let transformations = merge.into_iter().chain([organize]).collect();
    Ok(Table { transformations, overrides })
}

fn properties(column: &Column, shared: &Shared) -> anyhow::Result<Vec<Value>> {
    let mut properties = Vec::new();
    let mut set = |id: &str, value: Value| properties.push(json!({"id": id, "value": value}));
    if let Some(name) = &column.link {
        let link = shared.links.get(name).with_context(|| format!("no link {name:?}"))?;
        set("links", json!([cell_link(link)]));
    }
    if let Some(unit) = &column.unit {
        set("unit", json!(unit));
    }
    if let Some(decimals) = column.decimals {
        set("decimals", json!(decimals));
    }
    if let Some(text) = &column.words {
        set("mappings", words(text, &shared.words, &shared.colours)?);
    }
    if let Some(text) = &column.steps {
        let steps = steps(text, &shared.steps, &shared.colours)?;
        set("thresholds", json!({"mode": "absolute", "steps": steps}));
        set("color", json!({"mode": "thresholds"}));
        set("custom.cellOptions", json!({"type": "color-background", "mode": "basic"}));
    }
    if let Some(width) = column.width {
        set("custom.width", json!(width));
    }
    Ok(properties)
}

/// The dashboard with the clicked value selected, at the same time range.
pub(crate) fn cell_link(link: &Link) -> Value {
    let Link { title, dashboard, variable } = link;
    let url = format!(
        "/d/{dashboard}?var-datasource=${{datasource}}&var-{variable}=${{__value.raw}}&${{__url_time_range}}"
    );
    json!({"title": title, "url": url, "targetBlank": false})
}
