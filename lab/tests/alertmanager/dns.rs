//! Names and zones: what is one page of a provider that is gone, and what a lossy sweep holds back.

use crate::chain::{PAGE, TICKET, scenario};

pub(crate) async fn a_lossy_sweep_holds_back_the_verdicts_of_its_set() {
    scenario(
        "a lossy sweep holds back the verdicts of its set",
        &[
            (TICKET, &["DnsSweepDegraded warning dns global vantage=fra region=EMEA set=w"]),
            (PAGE, &["DnsAnswerUnexpected critical dns global name=n type=A set=w"]),
            // All countries and types of a name: one ticket.
            (
                TICKET,
                &[
                    "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=A set=x country=CN",
                    "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=AAAA set=x country=RU",
                ],
            ),
        ],
        &[
            "DnsCountryDiverges warning dns region vantage=fra region=EMEA name=n type=A set=w country=CN",
            "DnsSweepStale warning dns global vantage=fra region=EMEA set=w",
        ],
    )
    .await;
}

/// Twenty names and two zones at one provider of DNS that is gone, with the tickets about the same.
pub(crate) async fn a_dead_provider_of_twenty_names_is_one_page() {
    let mut page: Vec<String> = (0..20)
        .map(|number| format!("DnsNameFails critical dns global name=n{number:02} type=A set=w"))
        .collect();
    page.extend(
        ["a.example", "b.example"]
            .map(|zone| format!("DnsZoneUnserved critical dns global zone={zone}")),
    );
    let ticket: Vec<String> = (0..20)
        .map(|number| {
            format!("DnsSetBlind warning dns global vantage=fra region=EMEA name=n{number:02} type=A set=w")
        })
        .collect();
    let [page, ticket]: [Vec<&str>; 2] =
        [&page, &ticket].map(|alerts| alerts.iter().map(String::as_str).collect());
    // Names of another, which somebody takes over meanwhile.
    let taken = [
        "DnsAnswerUnexpected critical dns global name=t1 type=A set=w",
        "DnsAnswerUnexpected critical dns global name=t2 type=A set=w",
    ];
    let notified = [(PAGE, &page[..]), (PAGE, &taken[..]), (TICKET, &ticket[..])];
    scenario("a dead provider of twenty names is one page", &notified, &[]).await;
}

/// Two on purpose: the zone says what to mend, and the endpoints, who feels it. Whoever is called for one of them may not be
/// called for the other, and an inhibition over two domains would need a label that ties an endpoint to its zone.
pub(crate) async fn a_dead_provider_of_dns_and_the_endpoints_behind_it_are_two_pages() {
    scenario(
        "a dead provider of DNS and the endpoints behind it are two pages",
        &[
            (
                PAGE,
                &[
                    "DnsNameFails critical dns global set=world name=shop.example type=A",
                    "DnsZoneUnserved critical dns global zone=shop.example",
                ],
            ),
            (
                PAGE,
                &[
                    "LatencyEndpointDownGlobally critical reachability global target=shop",
                    "LatencyEndpointDownGlobally critical reachability global target=shop-api",
                ],
            ),
        ],
        &["LatencyEndpointDegraded warning reachability global target=shop"],
    )
    .await;
}
