//! The answer of a Prometheus to an instant query. No I/O, no clock.

use serde::Deserialize;

use crate::outcome::QueryFailure;

/// The labels that are read; whatever else a series has is of no concern.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Labels {
    /// The vantage's region.
    pub(crate) region: String,
    /// Its name.
    pub(crate) vantage: String,
    /// Who owns the endpoint.
    pub(crate) team: String,
    /// Its name.
    pub(crate) target: String,
    /// How it is probed.
    pub(crate) module: String,
    /// `canary` or `service`.
    pub(crate) role: String,
    /// The place of an address among those of the endpoint.
    pub(crate) slot: String,
    /// The address.
    pub(crate) address: String,
    /// The number of an autonomous system.
    pub(crate) asn: String,
    /// A city of the exporters' dictionary.
    pub(crate) city: String,
}

/// One series at the moment that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What it is of.
    pub(crate) labels: Labels,
    /// Its value, which may be anything.
    pub(crate) value: f64,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// What `VictoriaMetrics` says where a part of it did not answer.
    #[serde(default, rename = "isPartial")]
    is_partial: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    result: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    metric: Labels,
    value: (f64, String),
}

/// Reads an answer. One that is not whole by its own word is none.
pub(crate) fn parse(text: &str) -> Result<Vec<Sample>, QueryFailure> {
    let answer: Answer = serde_json::from_str(text).map_err(|_| QueryFailure::NotPrometheus)?;
    if answer.is_partial == Some(true) || answer.warnings.is_some_and(|it| !it.is_empty()) {
        return Err(QueryFailure::Warnings);
    }
    let data = answer.data.filter(|data| answer.status == "success" && data.kind == "vector");
    let data = data.ok_or(QueryFailure::NotPrometheus)?;
    let sample = |found: Found| {
        let value = found.value.1.parse().map_err(|_| QueryFailure::NotPrometheus)?;
        Ok(Sample { labels: found.metric, value })
    };
    data.result.into_iter().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_with_the_labels_that_matter() {
        let text = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"x","vantage":"fra","replica":"a"},"value":[1.5,"0.02"]},
            {"metric":{},"value":[1.5,"NaN"]}]},"infos":["a counter perhaps"]}"#;
        let samples = parse(text).unwrap();
        assert_eq!((samples[0].labels.vantage.as_str(), samples[0].value), ("fra", 0.02));
        assert!(samples[1].value.is_nan() && samples.len() == 2);
    }

    #[test]
    fn who_has_no_warnings_may_say_so() {
        let of = |more: &str| {
            parse(&format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[]}},{more}}}"#
            ))
        };
        assert_eq!(of(r#""warnings":null"#), Ok(Vec::new()));
        assert_eq!(of(r#""isPartial":false"#), Ok(Vec::new()));
        assert_eq!(of(r#""isPartial":true"#), Err(QueryFailure::Warnings));
    }

    #[test]
    fn what_is_not_whole_or_not_an_answer_is_none() {
        let deep = "[".repeat(100_000);
        for (text, wanted) in [
            ("", QueryFailure::NotPrometheus),
            ("<html>", QueryFailure::NotPrometheus),
            (deep.as_str(), QueryFailure::NotPrometheus),
            (r#"{"status":"error","error":"x"}"#, QueryFailure::NotPrometheus),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["store x is gone"]}"#,
                QueryFailure::Warnings,
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
                QueryFailure::NotPrometheus,
            ),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}"#,
                QueryFailure::NotPrometheus,
            ),
        ] {
            assert_eq!(parse(text), Err(wanted), "{}", &text[..text.len().min(80)]);
        }
    }
}
