//! Endpoints and vantages: what is one page of an outage, and whom a vantage silences.

use turbulence_lab::sink::notification::Channel;

use crate::chain::{OTHER_TICKET, PAGE, TICKET, scenario};

pub(crate) async fn a_global_outage_is_one_page() {
    scenario(
        "a global outage is one page",
        &[
            (
                PAGE,
                &[
                    "LatencyEndpointDownGlobally critical reachability global target=api",
                    "LatencyEndpointDownGlobally critical reachability global target=web",
                ],
            ),
            // What has nothing to do with it is told as ever.
            (PAGE, &["LatencyEndpointDownRegion critical reachability region target=shop region=APAC"]),
            (TICKET, &["LatencyRegionRerouted warning reachability region target=cdn region=EMEA"]),
            OTHER_TICKET,
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region target=api region=EMEA",
            "LatencyEndpointDownRegion critical reachability region target=api region=AMER",
            "LatencyEndpointDownRegion critical reachability region target=api region=APAC",
            "LatencyEndpointDownOneVantage info reachability host target=api region=EMEA vantage=fra",
            "LatencyEndpointDownOneVantage info reachability host target=api region=AMER vantage=nyc",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "LatencyEndpointDownOneVantage info reachability host target=shop region=APAC vantage=sin",
            "LatencyRegionRerouted warning reachability region target=shop region=APAC",
            "LatencySaturation warning reachability global target=shop",
        ],
    )
    .await;
}

pub(crate) async fn a_dark_region_is_one_page_for_all_that_it_cannot_reach() {
    scenario(
        "a dark region is one page for all that it cannot reach",
        &[
            // Two regions at once are one incident.
            (
                PAGE,
                &[
                    "LatencyEndpointDownRegion critical reachability region target=api region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=web region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=api region=AMER",
                ],
            ),
            // Slower elsewhere is another matter.
            (TICKET, &["LatencyRegionRerouted warning reachability region target=api region=EMEA"]),
        ],
        &[
            "LatencyRegionRerouted warning reachability region target=api region=APAC",
            "LatencyEndpointDownRegion warning reachability region target=api region=LATAM",
            "LatencyEndpointDegraded warning reachability region target=api region=EMEA",
            "LatencyEndpointFamilyDown warning reachability global target=api family=ip6",
            "LatencySaturation warning reachability global target=web",
        ],
    )
    .await;
}

pub(crate) async fn what_half_fails_is_one_page_and_what_some_fails_one_ticket_a_region() {
    scenario(
        "what half fails is one page, and what some fails is one ticket a region",
        &[
            (PAGE, &["LatencyEndpointDegraded critical reachability global target=api"]),
            (TICKET, &["LatencyEndpointDegraded warning reachability region target=web region=EMEA"]),
            (TICKET, &["LatencyEndpointDegraded warning reachability region target=web region=AMER"]),
            (TICKET, &["LatencyEndpointDownRegion warning reachability region target=shop region=EMEA"]),
            (
                TICKET,
                &[
                    "LatencyVantageLossy warning reachability host vantage=fra region=EMEA part=loss",
                    "LatencyVantageLossy warning reachability host vantage=nyc region=AMER part=loss",
                ],
            ),
            (TICKET, &["ExporterScrapesLost warning meta global"]),
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region target=api region=EMEA",
            "LatencyEndpointDegraded warning reachability region target=api region=EMEA",
            "LatencyEndpointDegraded warning reachability global target=api",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "LatencyEndpointFamilyDown warning reachability global target=web family=ip6",
            "LatencyEndpointDegraded warning reachability region target=shop region=EMEA",
        ],
    )
    .await;
}

pub(crate) async fn blind_monitoring_silences_what_it_cannot_know() {
    scenario(
        "blind monitoring silences what it cannot know",
        &[
            (PAGE, &["LatencyMonitoringBlind critical reachability global"]),
            // Who still votes can see.
            (PAGE, &["LatencyEndpointDownGlobally critical reachability global target=api"]),
            // The machines, and a name taken over, do not depend on the vantages.
            (PAGE, &["IpmiThermalRunaway critical thermal host target=a site=s rack=r"]),
            (PAGE, &["DnsAnswerUnexpected critical dns global name=n type=A set=w"]),
            OTHER_TICKET,
        ],
        &[
            "LatencyVantageBroken warning reachability host vantage=fra region=EMEA part=network",
            "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=data",
            "LatencyEndpointUnjudged warning reachability global target=gw",
            "LatencyEndpointDegraded warning reachability region target=web region=EMEA",
            "ExporterJobGone warning meta global job=turbulence-latency",
            "LatencyRegionRerouted warning reachability region target=api region=EMEA",
            "LatencySaturation warning reachability global target=api",
            "DnsCountryDiverges warning dns region vantage=lon region=EMEA name=n type=A set=w country=CN",
            "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=lon region=EMEA",
        ],
    )
    .await;
}

pub(crate) async fn a_broken_vantage_is_one_ticket_and_silences_its_own_alone() {
    scenario(
        "a broken vantage is one ticket and silences its own alone",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=network",
                    // Its resolver alone explains nothing else.
                    "LatencyVantageBroken warning reachability host vantage=lon region=EMEA part=resolver",
                    // All that is not watched is one list.
                    "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=fra region=EMEA",
                ],
            ),
            (TICKET, &["LatencyVantageLossy warning reachability host vantage=lon region=EMEA part=loss"]),
            // A ticket never silences a page.
            (PAGE, &["DnsAnswerUnexpected critical dns global name=n type=A set=w"]),
        ],
        &[
            "LatencyVantageBroken warning reachability host vantage=nyc region=AMER part=canaries",
            "LatencyVantageLossy warning reachability host vantage=nyc region=AMER part=loss",
            "LatencyEndpointDownOneVantage info reachability host target=api region=AMER vantage=nyc",
            "ExporterDown warning meta host job=turbulence-latency instance=l:9770 vantage=nyc region=AMER",
            "DnsCountryDiverges warning dns region vantage=nyc region=AMER name=n type=A set=w country=CN",
            "DnsSweepStale warning dns global vantage=nyc region=AMER set=w",
        ],
    )
    .await;
}

pub(crate) async fn one_team_s_outage_silences_nothing_of_another_s() {
    scenario(
        "one team's outage silences nothing of another's",
        &[
            (
                PAGE,
                &["LatencyEndpointDownGlobally critical reachability global team=shop target=www"],
            ),
            // Of another team, and of none; one region's page.
            (
                PAGE,
                &[
                    "LatencyEndpointDownRegion critical reachability region team=blog target=www region=APAC",
                    "LatencyEndpointDownRegion critical reachability region target=www region=APAC",
                ],
            ),
            (TICKET, &["LatencyRegionRerouted warning reachability region target=www region=EMEA"]),
            (TICKET, &["LatencySaturation warning reachability global team=news target=www"]),
        ],
        &[
            "LatencyEndpointDownRegion critical reachability region team=shop target=www region=APAC",
            "LatencySaturation warning reachability global team=shop target=www",
            "LatencyRegionRerouted warning reachability region team=blog target=www region=APAC",
            "LatencyEndpointDownOneVantage info reachability host target=www region=APAC vantage=sin",
            "LatencySaturation warning reachability global team=blog target=www",
        ],
    )
    .await;
}

pub(crate) async fn a_vantage_of_the_same_name_elsewhere_is_another() {
    scenario(
        "a vantage of the same name elsewhere is another",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host vantage=1 region=AMER part=data",
                    "ExporterDown warning meta host job=turbulence-dns instance=d:9771 vantage=1 region=EMEA",
                ],
            ),
            (TICKET, &["DnsSweepDegraded warning dns global vantage=1 region=EMEA set=w"]),
        ],
        &[
            "DnsSweepStale warning dns global vantage=1 region=AMER set=x",
            "DnsCountryDiverges warning dns region vantage=1 region=EMEA name=n type=A set=w country=CN",
        ],
    )
    .await;
}

/// Alertmanager takes two missing labels for equal; no rule may fall into that.
pub(crate) async fn a_missing_label_is_equal_to_nothing() {
    scenario(
        "a missing label is equal to nothing",
        &[
            (
                TICKET,
                &[
                    "LatencyVantageBroken warning reachability host",
                    "ExporterDown warning meta host job=turbulence-ipmi instance=i:9290",
                ],
            ),
            (PAGE, &["LatencyEndpointDownGlobally critical reachability global"]),
            (PAGE, &["LatencyEndpointDownRegion critical reachability region"]),
            (TICKET, &["LatencySaturation warning reachability global"]),
            (PAGE, &["IpmiPhantomFanRunaway critical thermal host"]),
            (TICKET, &["IpmiDriveTemperatureDisagrees warning thermal host"]),
            (PAGE, &["IpmiThermalRunaway critical thermal host"]),
            (TICKET, &["IpmiFanFailed warning thermal host"]),
            (TICKET, &["DnsSweepDegraded warning dns global"]),
            (TICKET, &["DnsSweepStale warning dns global"]),
        ],
        &[],
    )
    .await;
}

pub(crate) async fn an_upstream_that_fails_is_one_ticket_for_all_behind_it() {
    let each = |kind: &str, place: &str| -> Vec<String> {
        (1..=20)
            .map(|number| {
                let team = if number % 2 == 0 { "team=shop " } else { "" };
                format!("{kind} warning reachability {place} {team}target=www-{number}")
            })
            .collect()
    };
    let of = |alerts: &[String], region: &str| -> Vec<String> {
        alerts.iter().map(|alert| format!("{alert} region={region}")).collect()
    };
    let rerouted = each("LatencyRegionRerouted", "region");
    let (asia, europe) = (of(&rerouted, "APAC"), of(&rerouted, "EMEA"));
    let lossy = each("LatencyEndpointDegraded", "global");
    let certificate = each("LatencyCertificateExpires", "global");
    let groups: Vec<Vec<&str>> = [&asia, &europe, &lossy, &certificate]
        .into_iter()
        .map(|alerts| alerts.iter().map(String::as_str).collect())
        .collect();
    let notified: Vec<(Channel, &[&str])> =
        groups.iter().map(|alerts| (TICKET, alerts.as_slice())).collect();
    scenario("an upstream that fails is one ticket for all behind it", &notified, &[]).await;
}

pub(crate) async fn what_two_services_or_pages_have_is_two_tickets() {
    scenario(
        "what two services or pages have is two tickets",
        &[
            (
                TICKET,
                &[
                    "HomingSetsNotIndependent warning reachability global service=chat dimension=place",
                    "HomingSetsNotIndependent warning reachability global service=chat dimension=network",
                ],
            ),
            (TICKET, &["HomingSetsNotIndependent warning reachability global service=shop dimension=place"]),
            (TICKET, &["HomingStatusPageDisagrees warning reachability global page=acme target=api"]),
            (TICKET, &["HomingStatusPageDisagrees warning reachability global page=other target=web"]),
            // One who announces what he should not announces more than one.
            (
                TICKET,
                &[
                    "HomingOriginUnexpected warning reachability global prefix=192.0.2.0/24",
                    "HomingOriginUnexpected warning reachability global prefix=198.51.100.0/24",
                ],
            ),
        ],
        &[],
    )
    .await;
}
