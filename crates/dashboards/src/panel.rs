//! One panel. No I/O, no clock.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value, json};

use crate::grid::Size;
use crate::merge::lay;
use crate::notation::{Names, colour, size, spelled_out, steps, words};
use crate::pick;
use crate::source::{Panel, Query, Series, Shared};
use crate::table;

/// What Grafana calls a legend that it makes itself.
const OWN_LEGEND: &str = "__auto";

/// The JSON of a panel, without its number and its place, and its size.
pub(crate) fn render(
    panel: Panel,
    shared: &Shared,
    names: &Names,
) -> anyhow::Result<(Value, Size)> {
    let panel = match &panel.r#use {
        Some(name) => {
            let base =
                shared.panels.get(name).with_context(|| format!("no shared panel {name:?}"))?;
            panel.clone().over(base.clone())
        }
        None => panel,
    };
    let (kind, title) = panel.kind_and_title().context("it needs one title, behind its kind")?;
    let look = shared.looks.get(kind).with_context(|| format!("no look {kind:?}"))?;
    let size = size(panel.size.as_ref().unwrap_or(&look.size))?;

    let mut json = look.panel.clone();
    for style in panel.style.iter().flatten() {
        let style = shared.styles.get(style).with_context(|| format!("no style {style:?}"))?;
        lay(&mut json, style.clone());
    }
    let of_the_look = json["fieldConfig"]["defaults"]["mappings"].clone();
    lay(&mut json, defaults(&panel, shared, &of_the_look)?);
    lay(
        &mut json,
        json!({
            "title": title,
            "description": description(&panel, names)?,
            "datasource": chosen(),
            "targets": targets(&panel, &look.query, names)?,
        }),
    );
    let mut overrides = Vec::new();
    for series in panel.series.iter().flatten() {
        overrides.push(drawn(series, shared));
    }
    if let Some(columns) = &panel.columns {
        let table = table::render(&panel, columns, shared, names)?;
        overrides.extend(table.overrides);
        json["transformations"] = json!(table.transformations);
    }
    json["fieldConfig"]["overrides"] = json!(overrides);
    if let Some(title) = &panel.sort {
        let largest = title.strip_suffix(", largest first");
        let by = json!([{"displayName": largest.unwrap_or(title), "desc": largest.is_some()}]);
        json["options"]["sortBy"] = by;
    }
    if let Some(markers) = &panel.markers {
        let mut layer = shared.markers.clone();
        lay(&mut layer, markers.clone());
        json["options"]["layers"] = json!([layer]);
    }
    if let Some(own) = &panel.grafana {
        lay(&mut json, own.clone());
    }
    Ok((json, size))
}

/// Prometheus, as the reader chose it.
pub(crate) fn chosen() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// What holds for every field of the panel.
fn defaults(panel: &Panel, shared: &Shared, of_the_look: &Value) -> anyhow::Result<Value> {
    let mut defaults = Map::new();
    if let Some(unit) = &panel.unit {
        defaults.insert("unit".to_owned(), json!(unit));
    }
    if let Some(decimals) = panel.decimals {
        defaults.insert("decimals".to_owned(), json!(decimals));
    }
    if let Some(max) = &panel.max {
        defaults.insert("max".to_owned(), max.clone());
    }
    if let Some(text) = &panel.steps {
        let steps = steps(text, &shared.steps, &shared.colours)?;
        defaults.insert("thresholds".to_owned(), json!({"mode": "absolute", "steps": steps}));
    }
    if let Some(text) = &panel.words {
        let words = words(text, &shared.words, &shared.colours)?;
        let of_values = words.as_array().into_iter().flatten();
        // What the look says of no value at all holds beside them.
        let of_nothing = of_the_look.as_array().into_iter().flatten();
        let of_nothing = of_nothing.filter(|mapping| mapping["type"] == "special");
        defaults.insert("mappings".to_owned(), of_values.chain(of_nothing).cloned().collect());
    }
    Ok(json!({"fieldConfig": {"defaults": defaults}}))
}

fn description(panel: &Panel, names: &Names) -> anyhow::Result<String> {
    let about = panel.about.as_deref().context("no about")?.trim_end();
    let mut text = spelled_out(about, names)?;
    if let Some(why) = &panel.may_be_empty {
        text += "\n\nMay be empty: ";
        text += why;
    }
    Ok(text)
}

/// Every query of the panel, of its columns too.
fn targets(panel: &Panel, look: &Value, names: &Names) -> anyhow::Result<Vec<Value>> {
    let legend = panel.legend.as_deref().unwrap_or(OWN_LEGEND);
    let single = panel.query.iter().map(|query| (query.as_str(), legend));
    let several = panel.queries.iter().flatten();
    let several = several.map(|Query { legend, query }| (query.as_str(), legend.as_str()));
    let columns = panel.columns.iter().flatten().filter_map(|column| column.query.as_deref());
    let queries = single.chain(several).chain(columns.map(|query| (query, OWN_LEGEND)));

    let mut targets = Vec::new();
    for (letter, (query, legend)) in ('A'..='Z').zip(queries) {
        let mut target = look.clone();
        let mut expression = spelled_out(query.trim_end(), names)?;
        if look["range"] == true {
            expression = pick::once(&expression).context("what it picks")?;
        }
        let own = json!({
            "datasource": chosen(),
            "expr": expression,
            "legendFormat": legend,
            "refId": letter,
        });
        lay(&mut target, own);
        targets.push(target);
    }
    if targets.is_empty() {
        bail!("it asks nothing");
    }
    Ok(targets)
}

fn drawn(series: &Series, shared: &Shared) -> Value {
    // Without its slashes Grafana takes a regular expression for that of the whole name.
    let is_regexp = series.named.starts_with('/') && series.named.ends_with('/');
    let id = if is_regexp { "byRegexp" } else { "byName" };
    let matcher = json!({"id": id, "options": series.named});
    let property = match (
        shared.strokes.get(&series.drawn),
        series.drawn.strip_prefix("shades of "),
    ) {
        (Some(stroke), _) => stroke.clone(),
        (None, Some(name)) => {
            json!({"id": "color", "value": {"fixedColor": colour(name, &shared.colours), "mode": "shades"}})
        }
        (None, None) => {
            let colour = colour(&series.drawn, &shared.colours);
            json!({"id": "color", "value": {"fixedColor": colour, "mode": "fixed"}})
        }
    };
    json!({"matcher": matcher, "properties": [property]})
}
