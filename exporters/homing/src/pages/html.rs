//! The page `/homing`, for people. No I/O, no clock.

use exporter_kit::{document, in_a_query};
use maud::{Markup, html};

use super::json::{Told, ToldAddress, ToldTarget};

/// Vantages of an address that the page lists.
const MOST_VANTAGES: usize = 50;
/// Autonomous systems that it lists in one place.
const MOST_SYSTEMS: usize = 10;

/// Everything that is told.
pub(super) fn page(told: &Told) -> Markup {
    let title = html! { "Where it lives" };
    let body = html! {
        header {
            h1 { "Where it lives" }
            p {
                "What the smallest round trips of ten minutes allow, from all vantages together. Light in glass "
                "goes 100 km there and back in a millisecond: nothing is farther away than that. One site may also "
                "be several within its radius that these vantages cannot tell apart."
            }
            p { a href="/" { "/" } " " a href="/homing?format=json" { "as JSON" } }
        }
        main {
            @match told.age_seconds {
                Some(age) => p { "Judged " (format!("{age:.0}")) " s ago." },
                None => p.down { "Nothing is judged at the moment: no complete answer of every Prometheus." },
            }
            @if !told.suspects.is_empty() {
                p.down { "Left out, as they cannot be where they say: " (told.suspects.join(", ")) "." }
            }
            @for target in &told.targets { (of_target(target)) }
            (services(told))
            @if !told.panels.is_empty() {
                h2 { "What strangers' probes say" }
                p { "They have no vote. Results by RIPE Atlas (" a href="https://atlas.ripe.net" { "atlas.ripe.net" } ")." }
            }
            @for it in &told.panels { p { (it.panel) " (" (it.targets.join(", ")) "): " (it.evidence) } }
            (claims(told))
            (routes(told))
        }
    };
    document(&title, Some(60), &body)
}

fn of_target(target: &ToldTarget) -> Markup {
    let team = if target.team.is_empty() {
        String::new()
    } else {
        format!("&team={}", in_a_query(&target.team))
    };
    let query = format!("target={}{team}", in_a_query(&target.target));
    html! {
        h2 { (target.target) @if !target.team.is_empty() { " (team " (target.team) ")" } }
        @if target.several_addresses { p { "Regions have addresses of their own." } }
        @if !target.paths.is_empty() { p { (target.paths) } }
        @if let Some(origin) = &target.origin { p { (origin) } }
        @for address in &target.addresses { (of_address(address)) }
        p { a href={ "/map.svg?" (query) } { "map" } " " a href={ "/homing?" (query) } { "this one alone" } }
    }
}

fn of_address(address: &ToldAddress) -> Markup {
    html! {
        p { (address.evidence) }
        details {
            summary { (address.address) " from " (address.vantages.len()) " vantages" }
            table {
                thead { tr { th { "vantage" } th { "region" } th { "ms" } th { "at most km" } } }
                tbody {
                    @for it in address.vantages.iter().take(MOST_VANTAGES) {
                        tr {
                            td { (it.vantage) }
                            td { (it.region) }
                            td { (format!("{:.1}", it.rtt_ms)) }
                            td { (format!("{:.0}", it.at_most_km)) }
                        }
                    }
                }
            }
        }
    }
}

fn services(told: &Told) -> Markup {
    html! {
        @for service in &told.services {
            h2 { "Service " (service.service) }
            p {
                @for (what, count) in &service.independent { (count) " of " (service.sets.len()) " sets independent by " (what) ". " }
                @if service.independent.is_empty() { "Nothing is known of any two of its sets. " }
                @for (what, count) in &service.possible { "By " (what) ", " (count) " may be. " }
                @if let Some(expected) = service.expected { (expected) " should be. " }
                @match service.up {
                    Some(up) => { (up) " of its sets are up." },
                    None => "Whether all of them are up is not known.",
                }
            }
            table {
                thead { tr { th { "set" } th { "set" } th { "what" } th { "shared" } } }
                tbody {
                    @for (a, b, what, shared) in &service.shared {
                        tr { td { (a) } td { (b) } td { (what) } td { @if *shared { "yes" } @else { "no" } } }
                    }
                }
            }
        }
    }
}

fn claims(told: &Told) -> Markup {
    let incidents = |all: &[(&str, usize)]| {
        let all: Vec<_> = all.iter().map(|(impact, count)| format!("{count} {impact}")).collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    };
    html! {
        @if !told.claims.is_empty() {
            h2 { "What providers say" }
            table {
                thead { tr { th { "page" } th { "component" } th { "state" } th { "open incidents" } } }
                tbody {
                    @for claim in &told.claims {
                        tr {
                            td { (claim.page) }
                            td { "(all)" }
                            td { (claim.state) }
                            td { (claim.incidents.as_deref().map_or("unknown".to_owned(), incidents)) }
                        }
                        @for (component, state) in &claim.components {
                            tr { td { (claim.page) } td { (component) } td { (state) } td {} }
                        }
                    }
                }
            }
        }
    }
}

fn routes(told: &Told) -> Markup {
    let systems = |all: &[(u32, usize)]| {
        let told = all.iter().take(MOST_SYSTEMS).map(|(asn, peers)| format!("AS{asn} ({peers})"));
        let rest = all.len().saturating_sub(MOST_SYSTEMS);
        told.chain((rest > 0).then(|| format!("{rest} more"))).collect::<Vec<_>>().join(", ")
    };
    html! {
        @if let Some(routes) = &told.routes {
            h2 { "Who announces it" }
            p {
                "Tables of routers: "
                @for (state, count) in &routes.tables { (count) " " (state) ". " }
                @if routes.prefixes.is_empty() { "None of them says anything of now, so nothing is told." }
            }
            table {
                thead { tr { th { "prefix" } th { "peers" } th { "from" } th { "through" } th { "parts" } th { "should not be" } } }
                tbody {
                    @for it in &routes.prefixes {
                        tr {
                            td { (it.prefix) }
                            td { @if let Some(visible) = it.visible { (format!("{:.0} %", visible * 100.0)) } }
                            td { (systems(&it.origins)) }
                            td { (systems(&it.upstreams)) }
                            td { (it.parts) }
                            td {
                                @for (kind, announced, asn) in &it.unexpected {
                                    (kind) " " (announced) @if let Some(asn) = asn { " AS" (asn) } "; "
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
