//! The answer of a Prometheus to an instant query. No I/O, no clock.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::outcome::QueryFailure;

/// Series of one answer: more than any part of what is judged has.
const MOST_SAMPLES: usize = 200_000;

/// The labels that are read; whatever else a series has is of no concern.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Hash)]
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
struct Found {
    metric: Labels,
    value: (f64, String),
}

/// What was read of an answer so far.
#[derive(Debug, Default)]
struct Answer {
    is_success: bool,
    is_vector: bool,
    samples: Vec<Sample>,
    /// That it is not whole by its own word (`VictoriaMetrics` says `isPartial`), or has more series than are read.
    fault: Option<QueryFailure>,
}

/// Reads an answer as it comes, series by series. One that is not whole by its own word is none.
pub(crate) fn read(from: &mut dyn Read) -> Result<Vec<Sample>, QueryFailure> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, from));
    let mut answer = Answer::default();
    let read = Whole(&mut answer).deserialize(&mut json).and_then(|()| json.end());
    match (read, answer.fault) {
        (_, Some(fault @ QueryFailure::TooLarge)) | (Ok(()), Some(fault)) => return Err(fault),
        (Err(_), _) => return Err(QueryFailure::NotPrometheus),
        (Ok(()), None) => {}
    }
    let is_answer = answer.is_success && answer.is_vector;
    is_answer.then_some(answer.samples).ok_or(QueryFailure::NotPrometheus)
}

/// The object, its `data`, and the list in that: each reads its part into the one answer.
struct Whole<'a>(&'a mut Answer);
struct Data<'a>(&'a mut Answer);
struct Series<'a>(&'a mut Answer);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of a Prometheus")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => self.0.is_success = map.next_value::<String>()? == "success",
                "data" => map.next_value_seed(Data(self.0))?,
                "warnings" => {
                    let warnings = map.next_value::<Option<Vec<IgnoredAny>>>()?;
                    if warnings.is_some_and(|it| !it.is_empty()) {
                        self.0.fault = Some(QueryFailure::Warnings);
                    }
                }
                "isPartial" => {
                    if map.next_value::<Option<bool>>()? == Some(true) {
                        self.0.fault = Some(QueryFailure::Warnings);
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "resultType" => self.0.is_vector = map.next_value::<String>()? == "vector",
                "result" => map.next_value_seed(Series(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Series<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Series<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("series")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut series: S) -> Result<(), S::Error> {
        while let Some(Found { metric, value: (_, value) }) = series.next_element()? {
            if self.0.samples.len() == MOST_SAMPLES {
                self.0.fault = Some(QueryFailure::TooLarge);
                return Err(S::Error::custom("too many series"));
            }
            let value = value.parse().map_err(|_| S::Error::custom("a value is no number"))?;
            self.0.samples.push(Sample { labels: metric, value });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Sample>, QueryFailure> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn more_series_than_are_read_are_too_many_before_they_have_all_come() {
        struct Endless(usize);
        impl Read for Endless {
            fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
                let part: &[u8] = if self.0 == 0 {
                    br#"{"status":"success","data":{"resultType":"vector","result":["#
                } else {
                    br#"{"metric":{},"value":[1,"2"]},"#
                };
                self.0 += 1;
                assert!(self.0 < 1_000_000, "it is read for ever");
                to[..part.len()].copy_from_slice(part);
                Ok(part.len())
            }
        }
        assert_eq!(read(&mut Endless(0)), Err(QueryFailure::TooLarge));
    }

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
