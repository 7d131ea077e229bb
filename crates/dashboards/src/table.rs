//! The columns of a table, a map or a scatter plot. No I/O, no clock.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::notation::{Names, steps, words};
use crate::source::{Column, Link, Panel, Shared};

/// How Grafana gets from the answers to the columns.
pub(crate) struct Table {
    pub(crate) transformations: Vec<Value>,
    pub(crate) overrides: Vec<Value>,
}

/// Joins the answers by their labels, then names and orders the columns. The value of the panel's
/// own query is not shown: that query is there for its rows.
pub(crate) fn render(
    panel: &Panel,
    columns: &[Column],
    shared: &Shared,
    names: &Names,
) -> anyhow::Result<Table> {
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

    let unseen: Vec<Column> = panel.unseen.iter().flatten().map(|label| unseen(label)).collect();
    let columns: Vec<&Column> = columns.iter().chain(&unseen).collect();
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
        let mut properties = properties(column, &columns, shared, names)
            .with_context(|| format!("column {:?}", column.title))?;
        if panel.unseen.iter().flatten().any(|label| *label == column.title) {
            properties.push(json!({"id": "custom.hidden", "value": true}));
        }
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

fn properties(
    column: &Column,
    columns: &[&Column],
    shared: &Shared,
    names: &Names,
) -> anyhow::Result<Vec<Value>> {
    let mut properties = Vec::new();
    let mut set = |id: &str, value: Value| properties.push(json!({"id": id, "value": value}));
    if let Some(links) = &column.link {
        let link = |name: &str| {
            let link = shared.links.get(name).with_context(|| format!("no link {name:?}"))?;
            cell_link(link, columns, names).with_context(|| format!("link {name:?}"))
        };
        set("links", json!(links.split(", ").map(link).collect::<anyhow::Result<Vec<_>>>()?));
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

/// A label that is in the answer for the links, under its own name.
fn unseen(label: &str) -> Column {
    Column { label: Some(label.to_owned()), title: label.to_owned(), ..Column::default() }
}

/// A dashboard with the clicked value selected, at the same time range, or another page beside it.
fn cell_link(link: &Link, columns: &[&Column], names: &Names) -> anyhow::Result<Value> {
    let (url, leaves) = match (&link.dashboard, &link.variable, &link.address) {
        (Some(dashboard), Some(variable), None) => {
            let mut columns = columns.iter().filter(|column| column.label == link.of);
            let owner =
                columns.next().filter(|_| link.of.is_some()).map_or(String::new(), |owner| {
                    let (label, title) = (link.of.as_deref().unwrap_or_default(), &owner.title);
                    format!("&var-{label}=${{__data.fields[\"{title}\"]:percentencode}}")
                });
            let url = format!(
                "/d/{dashboard}?var-datasource=${{datasource}}&var-{variable}=${{__value.raw}}{owner}&${{__url_time_range}}"
            );
            (url, false)
        }
        (None, None, Some(address)) if address.contains("{labels}") => {
            (address.replace("{labels}", &matchers(columns, names)?), true)
        }
        (None, None, Some(address)) => (address.clone(), !address.starts_with("/d/")),
        _ => anyhow::bail!("it needs a dashboard and a variable, or an address"),
    };
    Ok(json!({"title": link.title, "url": url, "targetBlank": leaves}))
}

/// `{alertname="…",site="…"}` in a URL: the labels by which this board tells alerts apart (`@alert`), of the
/// row that is clicked. One that the row lacks must be missing from the alert as well, so that a
/// silence holds for this one and for no other.
fn matchers(columns: &[&Column], names: &Names) -> anyhow::Result<String> {
    let labels = names.get("alert").context("@alert is no name")?.split(',').map(str::trim);
    let matcher = |label: &str| {
        let mut columns = columns.iter().filter(|column| column.label.as_deref() == Some(label));
        let title =
            &columns.next().with_context(|| format!("no column for the label {label}"))?.title;
        Ok(format!("{label}%3D%22${{__data.fields[\"{title}\"]:percentencode}}%22"))
    };
    let matchers = labels.map(matcher).collect::<anyhow::Result<Vec<String>>>()?;
    Ok(format!("%7B{}%7D", matchers.join("%2C")))
}
