//! Titles and texts of the notifications, by amtool.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::{amtool, suite};

#[test]
fn a_notification_says_what_where_and_since_when() {
    let title = |status| rendered("turbulence.title", status);
    assert_eq!(title("firing"), "CRITICAL a: The fans ran up");
    assert_eq!(rendered("turbulence.severity", "firing"), "critical");
    assert_eq!(rendered("turbulence.colour", "firing"), "danger");
    assert_eq!(title("resolved"), "RESOLVED a: The fans ran up (after 15 min)");
    assert_eq!(rendered("turbulence.colour", "resolved"), "good");
    // The first is over, the second is not: the title is about that.
    assert_eq!(title("mixed"), "WARNING a: The fans ran up");
    assert_eq!(rendered("turbulence.colour", "mixed"), "warning");

    let text = rendered("turbulence.text", "firing");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "IpmiPhantomFanRunaway (critical): The fans ran up.",
            "From 19% to 100%.",
            "First: Reset the BMC.",
            "Since: 2026-11-22 03:00:00 UTC",
            "Runbook: http://runbooks/IpmiPhantomFanRunaway",
            // An hour before the start, until now.
            "Dashboard: http://grafana/d/x?var-target=a&from=1795312800000&to=now",
        ]
    );
    assert!(lines.contains(&"Dashboard: http://grafana/d/x?from=1795312800000&to=now"), "{text}");
    // Each alert has a silence of its own.
    for name in ["IpmiPhantomFanRunaway%22%2Cdomain", "IpmiPhantomTemperature%22%2Cdomain"] {
        let link =
            format!("Silence: http://alertmanager/#/silences/new?filter=%7Balertname%3D%22{name}");
        assert!(text.contains(&link), "{text}");
    }
    let resolved = rendered("turbulence.text", "resolved");
    // A quarter of an hour after the end.
    assert!(resolved.contains("&from=1795312800000&to=1795318200000"), "{resolved}");
    let lines: Vec<&str> = resolved.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "Resolved after 15 min: IpmiPhantomFanRunaway (critical)",
            "Fired from 2026-11-22 03:00:00 to 2026-11-22 03:15:00 UTC",
            "Said at the last: From 19% to 100%.",
        ]
    );
    assert!(!resolved.contains("First:") && !resolved.contains("Silence:"), "{resolved}");
    assert!(rendered("turbulence.html", "firing").contains("<a href=\"http://runbooks/"));
}

/// Alertmanager sorts a group by its labels; twelve that are over come before the two that are not.
#[test]
fn what_still_fires_is_not_hidden_behind_what_is_over() {
    let over = (0..12).map(|number| one(&format!("a{number:02}"), "critical", true));
    let alerts: Vec<Value> =
        over.chain(["z1", "z2"].map(|target| one(target, "critical", false))).collect();
    for template in ["text", "html", "slack", "teams"] {
        let kind = if template == "html" { "html" } else { "text" };
        let call = format!("{{{{ template \"turbulence.{template}\" . }}}}");
        let text = amtool_render(kind, &call, &notification(&alerts));
        let [first, second, over] = ["var-target=z1", "var-target=z2", "var-target=a00"]
            .map(|target| text.find(target).unwrap_or_else(|| panic!("no {target}: {text}")));
        assert!(first < second && second < over, "{template}: {text}");
        assert!(text.contains("var-target=a09") && !text.contains("var-target=a10"), "{text}");
        assert!(text.contains("and 2 more are resolved"), "{template}: {text}");
    }
    let many: Vec<Value> =
        (0..12).map(|number| one(&format!("a{number:02}"), "critical", false)).collect();
    for template in ["text", "slack", "teams"] {
        let call = format!("{{{{ template \"turbulence.{template}\" . }}}}");
        let text = amtool_render("text", &call, &notification(&many));
        assert_eq!(text.matches("Since").count(), 10, "{template}: {text}");
        assert!(
            text.contains("and 2 more: a10, a11\n") && text.contains("/#/alerts?receiver=page"),
            "{text}"
        );
    }
}

/// A roll-out of firmware: forty machines, each with two alerts, of which ten alerts are told at length.
#[test]
fn every_machine_of_a_roll_out_is_named() {
    let named = |name: &'static str| {
        (0..40).map(move |number| {
            let mut alert = one(&format!("m{number:02}_<x>"), "critical", false);
            alert["labels"]["alertname"] = name.into();
            alert["labels"]["name"] = "05-HD_Max".into();
            alert["labels"]["site"] = "hq".into();
            alert["annotations"]["description"] =
                format!("m{number:02}: {}", "x".repeat(300)).into();
            alert
        })
    };
    let alerts: Vec<Value> =
        named("IpmiPhantomFanRunaway").chain(named("IpmiPhantomTemperature")).collect();
    let mut data = notification(&alerts);
    let rendered = |template: &str, data: &Value| {
        let kind = if template == "html" { "html" } else { "text" };
        amtool_render(kind, &format!("{{{{ template \"turbulence.{template}\" . }}}}"), data)
    };
    for (template, far) in [
        ("text", "and 70 more: m10_<x> at hq (05-HD_Max), m11_<x> at hq (05-HD_Max), "),
        ("html", "and 70 more: m10_&lt;x&gt; at hq (05-HD_Max), "),
        ("slack", "and 70 more: m10_&lt;x&gt; at hq (05-HD_Max), "),
        ("teams", "and 70 more: m10\\_<x> at hq (05-HD\\_Max), "),
        ("text.short", "and 77 more: m03_<x>, m04_<x>, "),
    ] {
        let text = rendered(template, &data);
        assert!(text.contains(far), "{template}: {text}");
        for number in 0..40 {
            assert!(text.contains(&format!("m{number:02}")), "{template}: m{number:02}: {text}");
        }
        assert_eq!(text.matches("m39").count(), 1, "{template}: each once: {text}");
    }
    // The site that all are at is not said of each.
    data["commonLabels"] = json!({"site": "hq"});
    assert!(rendered("text", &data).contains("m10_<x> (05-HD_Max), m11_<x>"));
    // Telegram cuts what is behind this.
    assert!(rendered("text.short", &data).chars().count() < 4096 - 62);

    let many: Vec<Value> =
        (0..250).map(|number| one(&format!("m{number:03}"), "critical", false)).collect();
    let text = rendered("text", &notification(&many));
    assert!(text.contains(", m209 and 40 others\n"), "{text}");
}

/// Of as much as there may be of everything.
#[test]
fn what_telegram_is_sent_fits() {
    let long = |target: &str, over| {
        let mut alert = one(target, "critical", over);
        for (name, length) in [("description", 900), ("first_action", 500), ("summary", 200)] {
            alert["annotations"][name] = "é".repeat(length).into();
        }
        let link = format!("http://grafana.example.com/{}", "d".repeat(120));
        alert["annotations"]["runbook_url"] = link.clone().into();
        alert["annotations"]["dashboard_url"] = link.into();
        alert
    };
    let name = |number: usize| format!("a-machine-with-a-name-of-forty-letters-{number:02}");
    let alerts: Vec<Value> = (0..24).map(|number| long(&name(number), number >= 12)).collect();
    let call =
        "{{ template \"turbulence.title\" . }}\n\n{{ template \"turbulence.text.short\" . }}";
    let text = amtool_render("text", call, &notification(&alerts));
    assert!(text.chars().count() < 4096, "{}: {text}", text.chars().count());
    assert!(text.contains("and 9 more: ") && text.contains("and 9 more are resolved"), "{text}");
    assert!(!text.contains("Silence"), "{text}");
}

/// An alert of one's own has a name and a severity, and no more.
#[test]
fn what_an_alert_does_not_have_leaves_no_mark() {
    let bare = |over: bool| {
        let mut alert = one("a", "critical", over);
        alert["annotations"] = json!({"summary": "It is so."});
        alert
    };
    let data = notification(&[bare(false), bare(true)]);
    for template in ["text", "html", "slack", "teams", "text.short"] {
        let kind = if template == "html" { "html" } else { "text" };
        let call = format!("{{{{ template \"turbulence.{template}\" . }}}}");
        let text = amtool_render(kind, &call, &data);
        for mark in ["Runbook", "Dashboard", "First", "<|", "]()", "href=\"\"", "<no value>"] {
            assert!(!text.contains(mark), "{template}: {mark}: {text}");
        }
        assert_eq!(text.matches("It is so.").count(), 2, "{template}: {text}");
    }
    for link in ["first.runbook", "first.dashboard"] {
        let call = format!("{{{{ template \"turbulence.{link}\" . }}}}");
        // A button without an address is refused.
        assert_eq!(amtool_render("text", &call, &data), "http://alertmanager");
    }
}

/// What a phone shows of it: the worst first, how many others there are, and never more than fits.
#[test]
fn a_title_is_sixty_characters_and_keeps_its_subject() {
    let title = |alerts: &[Value]| {
        amtool_render("text", "{{ template \"turbulence.title\" . }}", &notification(alerts))
    };
    let long = "srv-phantom: false 58 °C, fans at 74 % of the speed";
    let with = |mut alert: Value, headline: &str| {
        alert["annotations"]["headline"] = headline.into();
        alert
    };
    let machine = |target: &str, over| with(one(target, "critical", over), long);
    assert_eq!(
        title(&[machine("a", false)]),
        "CRITICAL srv-phantom: false 58 °C, fans at 74 % of the speed"
    );
    // Of one machine two alerts are one matter.
    let mut other = machine("a", false);
    other["labels"]["alertname"] = "Other".into();
    other["labels"]["name"] = "HD".into();
    assert_eq!(
        title(&[machine("a", false), other.clone(), machine("b", false), machine("c", false)]),
        "CRITICAL srv-phantom: false 58 °C, fans at 74 % of the… (+2)"
    );
    assert_eq!(
        title(&[machine("a", true), other]),
        "CRITICAL srv-phantom: false 58 °C, fans at 74 % of the speed"
    );
    assert_eq!(
        title(&[machine("a", true)]),
        "RESOLVED srv-phantom: false 58 °C, fans at 7… (after 15 min)"
    );
    // The worst, wherever it stands.
    let mixed =
        [with(one("a", "warning", false), "a: slow"), with(one("b", "critical", false), "b: down")];
    assert_eq!(title(&mixed), "CRITICAL b: down (+1)");
    // So many that they are not compared with one another.
    let many: Vec<Value> = (0..150).map(|number| machine(&format!("a{number}"), false)).collect();
    assert_eq!(title(&many), "CRITICAL srv-phantom: false 58 °C, fans at 74 % of t… (+149)");
    // What Slack would read as a mark.
    assert_eq!(
        title(&[with(one("a", "warning", false), "a <b>: is & was <gone>")]),
        "WARNING a ‹b›: is & was ‹gone›"
    );
    // Another's alert, with a name that fills a line.
    let name = "a-name-as-long-as-they-are-given-by-those-who-never-type-it";
    assert_eq!(
        title(&[one(name, "warning", false)]),
        "WARNING a-name-as-long-as-they-…: The fans ran up"
    );
}

#[test]
fn a_duration_is_said_as_people_say_it() {
    for (end, said) in [
        ("03:00:45", "45 s"),
        ("03:01:30", "1 min 30 s"),
        ("03:02:00", "2 min"),
        ("03:14:29", "14 min"),
        ("04:00:10", "1 h"),
        ("05:07:40", "2 h 8 min"),
    ] {
        let mut alert = one("a", "critical", true);
        alert["endsAt"] = format!("2026-11-22T{end}Z").into();
        let said_of = |template: &str| {
            amtool_render("text", template, &notification(std::slice::from_ref(&alert)))
        };
        assert_eq!(said_of("{{ template \"turbulence.duration\" (index .Alerts 0) }}"), said);
        let title = said_of("{{ template \"turbulence.title\" . }}");
        assert_eq!(title, format!("RESOLVED a: The fans ran up (after {said})"));
    }
}

#[test]
fn a_notification_says_whose_it_is() {
    let said = |labels: &[(&str, &str)]| {
        rendered_of("text", "{{ template \"turbulence.source\" . }}", "mixed", labels)
    };
    assert_eq!(said(&[("target", "www"), ("team", "shop"), ("region", "EMEA")]), "www of shop");
    assert_eq!(said(&[("target", "web-1"), ("site", "fra"), ("name", "HD")]), "web-1 at fra");
    assert_eq!(said(&[("site", "fra"), ("rack", "r1")]), "rack r1 at fra");
    assert_eq!(said(&[("vantage", "lon"), ("region", "EMEA")]), "lon");
    assert_eq!(said(&[("zone", "example.com")]), "example.com");
    assert_eq!(said(&[("domain", "dns")]), "Turbulence");
}

/// A mail's page is written by another library, which refuses what it cannot place; the text is not.
#[test]
fn every_template_is_good_as_html_too() {
    let file = fs::read_to_string(suite().join("alerts/templates/turbulence.tmpl")).unwrap();
    let names: Vec<&str> =
        file.split("{{ define \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        // Those of one alert, and those of a notification.
        let of_one = ["turbulence.dashboard", "turbulence.duration"].contains(&name);
        let data = if of_one { "(index .Alerts 0)" } else { "." };
        for status in ["firing", "resolved"] {
            let html =
                rendered_as("html", &format!("{{{{ template \"{name}\" {data} }}}}"), status);
            let says_nothing = name.starts_with("turbulence.rest")
                || name == "turbulence.text.firing" && status == "resolved"
                || name == "turbulence.text.resolved" && status == "firing";
            assert_eq!(html.is_empty(), says_nothing, "{name}: {html}");
        }
    }
}

/// A template of the suite for two alerts, by amtool; `mixed`: the first is over, the second fires.
fn rendered(template: &str, status: &str) -> String {
    rendered_as("text", &format!("{{{{ template \"{template}\" . }}}}"), status)
}

fn rendered_as(kind: &str, text: &str, status: &str) -> String {
    rendered_of(kind, text, status, &[("target", "a"), ("name", "HD"), ("domain", "thermal")])
}

/// The same, of alerts with these labels beside name and severity.
fn rendered_of(kind: &str, text: &str, status: &str, labels: &[(&str, &str)]) -> String {
    let common: BTreeMap<&str, &str> =
        labels.iter().copied().filter(|(name, _)| *name != "name").collect();
    let alert = |name: &str, severity: &str, dashboard: &str| {
        let over = status == "resolved" || (status == "mixed" && severity == "critical");
        let mut alert = one("", severity, over);
        let own = [("alertname", name), ("severity", severity)];
        alert["labels"] = json!(labels.iter().copied().chain(own).collect::<BTreeMap<_, _>>());
        alert["annotations"]["runbook_url"] = format!("http://runbooks/{name}").into();
        alert["annotations"]["dashboard_url"] = dashboard.into();
        alert
    };
    let mut data = notification(&[
        alert("IpmiPhantomFanRunaway", "critical", "http://grafana/d/x?var-target=a"),
        alert("IpmiPhantomTemperature", "warning", "http://grafana/d/x"),
    ]);
    data["commonLabels"] = json!(common);
    amtool_render(kind, text, &data)
}

/// An alert of a quarter of an hour, which is over or not.
fn one(target: &str, severity: &str, over: bool) -> Value {
    json!({
        "status": if over { "resolved" } else { "firing" },
        "labels": {"alertname": "IpmiPhantomFanRunaway", "severity": severity, "target": target},
        "annotations": {
            "summary": "The fans ran up.", "description": "From 19% to 100%.", "first_action": "Reset the BMC.",
            "runbook_url": "http://runbooks/IpmiPhantomFanRunaway",
            "dashboard_url": format!("http://grafana/d/x?var-target={target}"),
        },
        "startsAt": "2026-11-22T03:00:00Z", "endsAt": "2026-11-22T03:15:00Z",
        "generatorURL": "http://prometheus/graph", "fingerprint": "0",
    })
}

/// What Alertmanager gives a template.
fn notification(alerts: &[Value]) -> Value {
    let fires = alerts.iter().any(|alert| alert["status"] == "firing");
    json!({
        "receiver": "page", "externalURL": "http://alertmanager",
        "status": if fires { "firing" } else { "resolved" }, "alerts": alerts,
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
    })
}

fn amtool_render(kind: &str, text: &str, data: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    fs::write(&file, data.to_string()).unwrap();
    let glob = suite().join("alerts/templates/*.tmpl");
    let answer = amtool(&[
        "template",
        "render",
        &format!("--template.glob={}", glob.display()),
        &format!("--template.type={kind}"),
        &format!("--template.text={text}"),
        &format!("--template.data={}", file.display()),
    ]);
    answer.trim().to_owned()
}

/// A template takes no word with it that would say which marks to write, so there are three of one text.
#[test]
fn who_else_fires_is_said_alike_in_each_of_the_marks() {
    let text = fs::read_to_string(suite().join("alerts/templates/turbulence.tmpl")).unwrap();
    let body = |name: &str| {
        let start = format!("{{{{ define \"turbulence.rest{name}\" -}}}}\n");
        let (_, rest) = text.split_once(&start).unwrap();
        rest.split_once("{{ define ")
            .unwrap()
            .0
            .split("\n{{/*")
            .next()
            .unwrap()
            .trim_end()
            .to_owned()
    };
    let plain = body("");
    assert!(plain.matches("{{ $says }}").count() == 1 && plain.lines().count() > 5, "{plain}");
    for (name, escaped) in [
        (
            ".slack",
            r#"{{ $says | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}"#,
        ),
        (".teams", r#"{{ $says | reReplaceAll "([*_\\[\\]])" "\\$1" }}"#),
    ] {
        assert_eq!(body(name), plain.replace("{{ $says }}", escaped), "{name}");
    }
}
