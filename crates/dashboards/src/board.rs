//! A dashboard: its head, variables, annotations and rows. No I/O, no clock.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::grid::{Grid, Size};
use crate::merge::{lay, sorted};
use crate::notation::{Names, spelled_out};
use crate::panel::{self, chosen};
use crate::source::{Dashboard, Row, Shared, Variable};

/// What a dashboard's title begins with.
const SUITE: &str = "Turbulence";

/// The JSON of the dashboard with this uid; `all` are the uids and titles that links may lead to.
pub(crate) fn render(
    uid: &str,
    board: Dashboard,
    shared: &Shared,
    all: &[(String, String)],
) -> anyhow::Result<Value> {
    let names = board.names;
    let mut json = shared.dashboard.clone();
    let tags: Vec<&str> =
        std::iter::once("turbulence").chain(board.tags.iter().map(String::as_str)).collect();
    let mut variables = vec![data_source()];
    for variable in &board.variables {
        variables.push(drop_down(variable, &shared.variable));
    }
    for address in &shared.addresses {
        variables.push(unseen(drop_down(address, &shared.variable)));
    }
    let head = json!({
        "annotations": {"list": annotations(shared, &names)?},
        "description": board.about.trim_end(),
        "links": links(uid, all),
        "panels": rows(board.rows, shared, &names)?,
        "tags": tags,
        "templating": {"list": variables},
        "time": {"from": format!("now-{}", board.range), "to": "now"},
        "title": format!("{SUITE} / {}", board.title),
        "uid": uid,
    });
    lay(&mut json, head);
    // Grafana gives the number when it loads the file.
    json["id"] = Value::Null;
    Ok(sorted(json))
}

/// The drop-down that every other part asks its data from.
fn data_source() -> Value {
    json!({
        "current": {"selected": false, "text": "Prometheus", "value": "prometheus"},
        "hide": 0, "includeAll": false, "label": "Data source", "multi": false,
        "name": "datasource", "options": [], "query": "prometheus", "refresh": 1, "regex": "",
        "skipUrlSync": false, "type": "datasource",
    })
}

fn drop_down(variable: &Variable, look: &Value) -> Value {
    let Variable { name, label, of, may_be_empty, listed } = variable;
    let query = format!("label_values({of}, {name})");
    let mut json = look.clone();
    lay(
        &mut json,
        json!({
            "datasource": chosen(),
            "definition": query,
            "label": label,
            "name": name,
            "query": {"query": query},
        }),
    );
    if let Some(why) = may_be_empty {
        json["allValue"] = json!(".*");
        json["description"] = json!(format!("May be empty: {why}"));
    }
    if *listed {
        lay(&mut json, json!({"allValue": null}));
    }
    json
}

/// A drop-down with the first address there is, which the reader does not see. What is no address says
/// that nobody told one.
fn unseen(mut variable: Value) -> Value {
    lay(
        &mut variable,
        json!({
            "allValue": null, "hide": 2, "includeAll": false, "multi": false,
            "regex": "/^https?:.*/",
        }),
    );
    variable["current"] = json!({});
    variable
}

fn annotations(shared: &Shared, names: &Names) -> anyhow::Result<Vec<Value>> {
    let mut annotations = shared.annotations.clone();
    for annotation in &mut annotations {
        annotation["datasource"] = chosen();
        let expression = annotation["expr"].as_str().context("an annotation has no expr")?;
        annotation["expr"] = json!(spelled_out(expression, names)?);
    }
    Ok(annotations)
}

/// A link to every other dashboard.
fn links(uid: &str, all: &[(String, String)]) -> Vec<Value> {
    let others = all.iter().filter(|(other, _)| other != uid);
    let link = |(other, title): &(String, String)| {
        json!({
            "asDropdown": false, "icon": "dashboard", "includeVars": false, "keepTime": true,
            "tags": [], "targetBlank": false, "title": title,
            "tooltip": format!("{SUITE}: {title}"), "type": "link",
            "url": format!("/d/{other}?var-datasource=${{datasource}}"),
        })
    };
    others.map(link).collect()
}

fn rows(rows: Vec<Row>, shared: &Shared, names: &Names) -> anyhow::Result<Vec<Value>> {
    let mut grid = Grid::default();
    let mut ids = 1..;
    let mut id = || ids.next().unwrap_or(0);
    let mut panels = Vec::new();
    for (number, row) in rows.into_iter().enumerate() {
        let mut head = match row.title {
            Some(title) => Some(json!({
                "collapsed": row.folded, "id": id(), "panels": [], "title": title, "type": "row",
                "gridPos": position(Size { width: 24, height: 1 }, (0, grid.title())),
            })),
            None if number == 0 => None,
            None => bail!("row {} has no title", number + 1),
        };
        let mut inside = Vec::new();
        for source in row.panels {
            let title = source.kind_and_title().map(|(_, title)| title.to_owned());
            let name = title.or_else(|| source.r#use.clone()).unwrap_or_default();
            let (mut panel, size) =
                panel::render(source, shared, names).with_context(|| format!("panel {name:?}"))?;
            panel["id"] = json!(id());
            panel["gridPos"] = position(size, grid.place(size));
            inside.push(panel);
        }
        match &mut head {
            Some(head) if row.folded => head["panels"] = json!(std::mem::take(&mut inside)),
            _ => {}
        }
        panels.extend(head);
        panels.extend(inside);
    }
    Ok(panels)
}

fn position(size: Size, (x, y): (u32, u32)) -> Value {
    json!({"x": x, "y": y, "w": size.width, "h": size.height})
}
