//! The page of answers for a browser: which answers there are, who differs and how, how far a sweep is. No
//! I/O, no clock.

use std::net::IpAddr;
use std::time::Duration;

use exporter_kit::{Exporter as _, document, in_a_query};
use maud::{Markup, html};

use super::answers::{COUNTRIES_SHOWN, Elsewhere, Page, Row};
use super::ecs::EcsPage;
use super::filter::Filter;
use super::sweeps::Sweeps;
use crate::DnsExporter;
use crate::outcome::Class;
use crate::verdict::{Country, FEWEST_NETWORKS};

/// Answers of one question that are shown; the others are a click away.
const MOST_ROWS: usize = 50;

/// What there is to choose from.
#[derive(Debug)]
pub(crate) struct Choices<'a> {
    pub(crate) names: Vec<&'a str>,
    pub(crate) types: Vec<&'static str>,
    pub(crate) sets: Vec<&'a str>,
}

/// The page.
pub(crate) fn page(
    pages: &[Page<'_>],
    subnets: &[EcsPage],
    sweeps: &[Sweeps<'_>],
    filter: &Filter,
    choices: &Choices<'_>,
) -> Markup {
    let title = html! { "Answers · " (DnsExporter::NAME) };
    let body = html! {
        header {
            h1 { "Answers" }
            p { "What the resolvers answered in the last sweep of each set. " a href="/" { (DnsExporter::NAME) } }
        }
        main {
            (form(filter, choices))
            (progress(sweeps))
            @for page in pages { (question(page)) }
            @for page in subnets { (page.markup()) }
            @if pages.is_empty() && subnets.is_empty() { p { "No question is as asked for." } }
        }
    };
    document(&title, None, &body)
}

fn form(filter: &Filter, choices: &Choices<'_>) -> Markup {
    let [name, kind, set] = filter.question();
    html! {
        form method="get" action="/answers" role="search" {
            (select("name", "Name", &choices.names, name))
            (select("type", "Type", &choices.types, kind))
            (select("set", "Set", &choices.sets, set))
            label for="country" { "Country" }
            input #country name="country" size="3" maxlength="8" value=(filter.country().unwrap_or_default());
            (select("class", "Class", &Class::ALL.map(Class::as_str), filter.class().ok().flatten().map(Class::as_str)))
            button { "Show" }
            @if *filter != Filter::default() { a href="/answers" { "all" } }
        }
    }
}

fn select(field: &str, label: &str, all: &[&str], chosen: Option<&str>) -> Markup {
    html! {
        label for=(field) { (label) }
        select id=(field) name=(field) {
            option value="" { "all" }
            @for one in all { option value=(one) selected[chosen == Some(*one)] { (one) } }
        }
    }
}

fn progress(sweeps: &[Sweeps<'_>]) -> Markup {
    html! {
        h2 { "Sweeps" }
        table.whole-words {
            thead { tr { th { "set" } th { "resolvers" } th { "last" } th { "now" } } }
            tbody { @for sweep in sweeps {
                tr {
                    td.name { (sweep.set) }
                    td.what { (sweep.resolvers) " resolvers, " (sweep.questions) " questions, each " (duration(sweep.interval_seconds)) }
                    td {
                        @match sweep.age_seconds { Some(age) => { (duration(age)) " ago" }, None => "none yet" }
                        @if sweep.is_degraded() { " " span.down { "degraded" } }
                    }
                    td.since { @match sweep.running {
                        Some(running) => {
                            "asking since " (duration(running.seconds)) ": " (running.sent) " of " (running.of)
                            " " progress value=(running.sent) max=(running.of) {}
                        },
                        None => "waits",
                    } }
                }
            } }
        }
    }
}

fn question(page: &Page<'_>) -> Markup {
    let most = page.answers.iter().map(|row| row.resolvers).max().unwrap_or(1).max(1);
    let (name, set) = (in_a_query(page.name), in_a_query(page.set));
    let link = format!("name={name}&type={}&set={set}", page.r#type);
    html! {
        h2 id=(format!("{}-{}-{}", page.set, page.name, page.r#type)) {
            (page.name) " " (page.r#type) " " span.since { "set " (page.set) }
        }
        p {
            @match page.state { Some(state) => { "Looks " strong { (state) } "." }, None => "No sweep yet." }
            @for told in &page.told { " " span.down { (told) } }
            @if let Some(moving) = page.migration {
                " A change has reached " (percent(moving.ratio))
                @if let Some(seconds) = moving.remaining_seconds { ", all in " (duration(seconds)) " at this pace" }
                "."
            }
            " " a href={ "/api/v1/results?" (link) } { "each resolver" }
            ", " a href={ "/api/v1/diff?" (link) } { "what changed since the sweep before" } "."
        }
        @if !page.answers.is_empty() { (answers(&page.answers, most)) }
        @if !page.countries.is_empty() { (countries(&page.countries, page.is_compared)) }
        @if !page.judged.0.is_empty() { (judged(&page.judged.0, page.judged.1, page.is_compared)) }
    }
}

fn answers(rows: &[Row<'_>], most: usize) -> Markup {
    html! {
        table.whole-words {
            thead { tr { th { "answer" } th { "resolvers" } th { "before" } th { "class" } th { "countries" } th { "some of them" } } }
            tbody { @for row in rows.iter().take(MOST_ROWS) {
                tr {
                    td.name { "[" (row.line()) "]" }
                    td { (row.resolvers) " " meter value=(row.resolvers) max=(most) {} }
                    td.since { @if let Some(previous) = row.previous { (previous) } }
                    td { span class=(color(row.class)) { (row.class) } @if let Some(known) = row.known { " " (known) } }
                    td.what {
                        (row.places())
                        @if row.countries.len() > COUNTRIES_SHOWN { " (" (row.countries.len()) " in all)" }
                    }
                    td.what { (resolvers(row.sample)) }
                }
            } }
        }
        @if rows.len() > MOST_ROWS { p.since { (rows.len() - MOST_ROWS) " more are in the JSON." } }
    }
}

fn countries(all: &[Elsewhere<'_>], is_compared: bool) -> Markup {
    html! {
        h3 { "Where it is answered otherwise" }
        table.whole-words {
            thead { tr { th { "country" } th { "networks that differ" } th { "verdict" } th { "by which method, and who" } } }
            tbody { @for country in all {
                tr {
                    td.name { (country.country) }
                    td { (percent(country.ratio)) " of " (country.networks) }
                    td { @match country.verdict {
                        Some(verdict) => span.down { (verdict) },
                        None => span.since { (untold(country.networks, is_compared)) },
                    } }
                    td.what { @for (number, way) in country.ways.iter().enumerate() {
                        @if number > 0 { "; " }
                        strong { (way.said) } " " (way.resolvers) " (" (resolvers(&way.sample)) ")"
                    } }
                }
            } }
        }
    }
}

/// Why it is not told of a country that it differs, some of whose networks do.
fn untold(networks: usize, is_compared: bool) -> &'static str {
    match networks {
        ..FEWEST_NETWORKS => "too few networks",
        _ if is_compared => "within chance",
        // Too little is known, the rest of the world is as bad, or it is told of all already.
        _ => "not compared",
    }
}

fn judged(all: &[&Country], few: usize, is_compared: bool) -> Markup {
    html! {
        details {
            summary {
                "Each country that is judged (" (all.len()) ")"
                @if few > 0 { "; " (few) " more have too few networks" }
            }
            table.whole-words {
                thead { tr { th { "country" } th { "networks" } th { "as is accepted" } th { "verdict" } } }
                tbody { @for country in all {
                    tr {
                        td.name { (country.code) }
                        td { (country.networks) }
                        td { (percent(1.0 - country.bad)) }
                        td { @match country.difference {
                            Some(difference) => span.down { (difference.as_str()) },
                            None if country.bad > 0.0 || !is_compared => {
                                span.since { (untold(country.networks, is_compared)) }
                            }
                            None => span.up { "as the rest" },
                        } }
                    }
                } }
            }
        }
    }
}

fn resolvers(sample: &[IpAddr]) -> Markup {
    html! {
        @for (number, address) in sample.iter().enumerate() {
            @if number > 0 { ", " }
            a href={ "/api/v1/resolvers/" (address) } { (address) }
        }
    }
}

fn color(class: &str) -> &'static str {
    let found = Class::ALL.into_iter().find(|it| it.as_str() == class);
    match found {
        Some(Class::Agree) => "up",
        Some(class) if class.is_outlier() => "down",
        _ => "pending",
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", 100.0 * ratio)
}

/// As pages have it.
fn duration(seconds: f64) -> String {
    exporter_kit::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Difference;

    #[test]
    fn a_country_that_could_not_be_judged_is_never_within_chance() {
        let country = |code: &str, bad, difference| Country {
            code: code.to_owned(),
            networks: 9,
            bad,
            difference,
        };
        let all = [
            country("CN", 1.0, Some(Difference::Differs)),
            country("IR", 1.0, None),
            country("DE", 0.0, None),
        ];
        let words = |is_compared| judged(&all.each_ref(), 2, is_compared).into_string();
        let (compared, not) = (words(true), words(false));
        assert!(compared.contains("within chance") && compared.contains("as the rest"));
        assert!(compared.contains("judged (3); 2 more have too few networks"), "{compared}");
        assert_eq!(not.matches("not compared").count(), 2, "{not}");
        // What was told before stands.
        assert!(!not.contains("within chance") && not.contains("differs"), "{not}");
        assert_eq!(untold(3, true), "too few networks");
    }
}
