//! The shipped `alertmanager.yml` in a real Alertmanager: one incident, one notification.
//!
//! Alerts go in by its API, as Prometheus would send them; the lab's sink receives. Each scenario names
//! what must arrive, in which grouping; whatever else was posted must be inhibited, or be of severity
//! info. Both are states that Alertmanager reports, so no test waits for something not to happen. What Alertmanager tells and holds
//! back of a scenario the dashboard "Start here" says too.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod board;
mod chain;
mod dns;
mod given;
mod maintenance;
mod monitoring;
mod reachability;
mod templates;
mod thermal;

use std::path::{Path, PathBuf};
use std::process::Command;

use dns::*;
use monitoring::*;
use reachability::*;
use thermal::*;

/// All of them at the same time: each waits out the 15 s of `group_wait` that tickets have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_incident_is_one_notification() {
    tokio::join!(
        a_global_outage_is_one_page(),
        a_dark_region_is_one_page_for_all_that_it_cannot_reach(),
        what_half_fails_is_one_page_and_what_some_fails_one_ticket_a_region(),
        blind_monitoring_silences_what_it_cannot_know(),
        a_broken_vantage_is_one_ticket_and_silences_its_own_alone(),
        phantoms_with_their_fans_are_one_page_a_site(),
        a_phantom_whose_fans_stay_calm_is_one_ticket(),
        a_rack_that_overheats_is_one_page_which_covers_its_fans(),
        a_rack_that_heats_stands_for_its_machines_and_slow_heat_for_limits(),
        a_fault_that_stops_a_machine_covers_the_ticket_about_its_parts(),
        a_lossy_sweep_holds_back_the_verdicts_of_its_set(),
        one_team_s_outage_silences_nothing_of_another_s(),
        one_site_s_machine_silences_nothing_of_another_s(),
        a_vantage_of_the_same_name_elsewhere_is_another(),
        a_missing_label_is_equal_to_nothing(),
        a_dead_provider_of_twenty_names_is_one_page(),
        a_dead_provider_of_dns_and_the_endpoints_behind_it_are_two_pages(),
        an_upstream_that_fails_is_one_ticket_for_all_behind_it(),
        what_two_services_or_pages_have_is_two_tickets(),
        a_roll_out_that_loses_a_sensor_is_one_ticket_a_site(),
        a_site_that_is_gone_is_one_ticket(),
        a_switch_that_takes_two_racks_is_one_ticket(),
        a_receiver_that_fails_is_told_by_both_ways(),
        a_pair_of_prometheis_tells_once(),
        the_watchdog_has_a_receiver_of_its_own_and_info_has_none(),
    );
}

#[test]
fn an_alert_that_no_route_knows_is_not_lost() {
    assert_eq!(receiver("Odd strange new host"), "ticket");
    assert_eq!(receiver("Odd critical new host"), "page");
    assert_eq!(receiver("Odd warning new host"), "ticket");
}

/// The receiver that the routes give an alert.
fn receiver(alert: &str) -> String {
    let config = suite().join("alerts/alertmanager.yml");
    let labels = chain::labels(alert);
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let config = format!("--config.file={}", config.display());
    let mut arguments = vec!["config", "routes", "test", &config];
    arguments.extend(labels.iter().map(String::as_str));
    amtool(&arguments).trim().to_owned()
}

fn amtool(arguments: &[&str]) -> String {
    let output = Command::new("amtool").args(arguments).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "amtool {arguments:?}:\n{out}{err}");
    out
}

fn suite() -> &'static Path {
    static SUITE: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    SUITE.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned())
}
