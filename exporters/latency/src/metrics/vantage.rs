//! Where this exporter stands.

use exporter_kit::Page;
use exporter_kit::config::Vantage;

/// Its place, as the config has it.
pub(super) fn all(page: &mut Page<'_>, vantage: &Vantage) {
    let Vantage { country, site, asn, place, .. } = vantage;
    let asn = asn.map(|asn| asn.to_string());
    let own: Vec<(&str, &str)> = [("country", country), ("site", site), ("asn", &asn)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    page.info("latency_vantage_info", "Where this exporter stands.", [(vantage, own)]);
    page.gauge(
        "latency_vantage_latitude_degrees",
        "Degrees north.",
        [(vantage, place.map(|(latitude, _)| latitude))],
    );
    page.gauge(
        "latency_vantage_longitude_degrees",
        "Degrees east.",
        [(vantage, place.map(|(_, longitude)| longitude))],
    );
}
