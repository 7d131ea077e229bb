//! What scrapers really ask for, and what they are answered.

use super::*;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OLD_OPENMETRICS: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";
const OPENMETRICS_UTF8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; \
                        proto=io.prometheus.client.MetricFamily; encoding=delimited";

fn request(accept: &str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())])
}

/// The headers of the programs as they send them: Prometheus 2.42, 2.55 and 3.x, with native
/// histograms and without; its kin and heirs; browsers and curl.
#[test]
fn scrapers_get_what_they_like_best() {
    for (who, accept, kind) in [
        (
            "Prometheus 2.42, and Datadog's agent since 7.46",
            "application/openmetrics-text;version=1.0.0,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,\
             */*;q=0.1",
            OPENMETRICS,
        ),
        (
            "Prometheus 2.42 with native histograms",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,\
             */*;q=0.1",
            PROTOBUF,
        ),
        (
            "Prometheus 2.55, and OpenTelemetry's receiver, which is built of it",
            "application/openmetrics-text;version=1.0.0;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,\
             */*;q=0.2",
            OPENMETRICS,
        ),
        (
            "Prometheus 2.55 with native histograms",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,\
             application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,\
             */*;q=0.1",
            PROTOBUF,
        ),
        (
            "Prometheus 3.5",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,\
             */*;q=0.2",
            OPENMETRICS_UTF8,
        ),
        (
            "Prometheus 3.5 with native histograms",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,\
             */*;q=0.1",
            PROTOBUF,
        ),
        (
            "Prometheus 3.5 told `scrape_protocols: [PrometheusText1.0.0]`",
            "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5",
            "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            "Telegraf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3",
            PROTOBUF,
        ),
        ("VictoriaMetrics, netdata", "text/plain;version=0.0.4;q=1,*/*;q=0.1", CLASSIC),
        ("Datadog's agent before 7.46", "text/plain", CLASSIC),
        ("curl", "*/*", CLASSIC),
        (
            "Firefox, Chromium",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            CLASSIC,
        ),
    ] {
        assert_eq!(format(&request(accept)).1, kind, "{who}");
    }
    assert_eq!(format(&HeaderMap::new()), (Format::Classic, CLASSIC.to_owned()));
}

#[test]
fn quality_order_case_and_parameters_decide() {
    for (accept, kind) in [
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; Version=\"0.0.1\"; Q=1.0", OLD_OPENMETRICS),
        ("application/openmetrics-text;q=0", CLASSIC),
        ("application/openmetrics-text;q=0.000, */*", CLASSIC),
        ("application/openmetrics-text;q=much", CLASSIC),
        ("application/openmetrics-text;q=NaN", CLASSIC),
        ("application/openmetrics-text;q=2", CLASSIC),
        ("application/openmetrics-text;version=2.0.0", CLASSIC),
        ("text/plain;q=0.9, application/openmetrics-text;q=0.8", CLASSIC),
        ("text/plain;q=0.8, application/openmetrics-text;q=0.9", OPENMETRICS),
        // Of equals the first.
        ("application/openmetrics-text;version=0.0.1, text/plain", OLD_OPENMETRICS),
        ("text/plain, application/openmetrics-text", CLASSIC),
        ("text/*;q=0.9, application/openmetrics-text;q=0.8", CLASSIC),
        ("text/plain;version=0.0.5, application/openmetrics-text;q=0.1", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", OPENMETRICS_UTF8),
        ("application/openmetrics-text;version=1.0.0;escaping=\"a,b\"", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;escaping=none", OPENMETRICS),
        // Neither the OpenMetrics protobuf nor any other form of ours.
        ("application/vnd.google.protobuf", CLASSIC),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            CLASSIC,
        ),
        ("application/json", CLASSIC),
        (",;=, ;q=1", CLASSIC),
    ] {
        assert_eq!(format(&request(accept)).1, kind, "{accept}");
    }
    let protobuf = "application/vnd.google.protobuf;encoding=delimited;\
                    proto=io.prometheus.client.MetricFamily;escaping=values";
    assert_eq!(format(&request(protobuf)).1, format!("{PROTOBUF}; escaping=values"));
}

#[test]
fn gzip_is_used_where_it_is_welcome() {
    for (asked, packed) in [
        ("gzip", true),
        ("GZIP;q=0.5, deflate", true),
        ("br, x-gzip", true),
        ("*", true),
        ("gzip; q=0.1, *;q=0", true),
        ("gzip;q=1, identity;q=1", true),
        ("", false),
        ("br, zstd", false),
        ("gzip;q=0", false),
        ("gzip; q=0.000, *", false),
        ("*;q=0", false),
        ("gzip;q=0.1, identity;q=0.9", false),
        ("gzip;q=much", false),
        ("gzipped", false),
    ] {
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, asked.parse().unwrap())]);
        assert_eq!(encoding(&request) == Encoding::Gzip, packed, "{asked}");
    }
    assert_eq!(encoding(&HeaderMap::new()), Encoding::Identity);
}

#[test]
fn a_header_may_come_in_parts() {
    let mut request = HeaderMap::new();
    request.append(ACCEPT_ENCODING, "identity;q=0.5".parse().unwrap());
    request.append(ACCEPT_ENCODING, "gzip".parse().unwrap());
    request.append(ACCEPT, "text/plain;q=0.5".parse().unwrap());
    request.append(ACCEPT, "application/openmetrics-text".parse().unwrap());
    assert_eq!(encoding(&request), Encoding::Gzip);
    assert_eq!(format(&request).0, Format::OpenMetrics);
}
