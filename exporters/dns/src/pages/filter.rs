//! What of a page is asked for, and in which form: everything, unless a part is named. No I/O, no clock.

use serde::Deserialize;

use crate::config::{Asked, Plan};
use crate::outcome::Class;

/// The parameters of a query.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    name: Option<String>,
    r#type: Option<String>,
    set: Option<String>,
    country: Option<String>,
    class: Option<String>,
    /// `html`, `json`, `ndjson` or `text`.
    format: Option<String>,
}

/// The parameters of a page that is about whole sets.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfSets {
    set: Option<String>,
    /// `html`, `json` or `ndjson`.
    format: Option<String>,
}

/// In which form something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people, in a browser.
    Html,
    /// For people, in a terminal.
    Text,
    /// One value.
    Json,
    /// A value a line.
    Ndjson,
}

impl Format {
    fn named(name: Option<&String>) -> Result<Option<Self>, String> {
        match stated(name) {
            None => Ok(None),
            Some("html") => Ok(Some(Self::Html)),
            Some("text") => Ok(Some(Self::Text)),
            Some("json") => Ok(Some(Self::Json)),
            Some("ndjson") => Ok(Some(Self::Ndjson)),
            Some(_) => Err("format: must be html, text, json or ndjson\n".to_owned()),
        }
    }
}

impl OfSets {
    /// The form that is asked for by name, if any; an error says which there are.
    pub(crate) fn format(&self) -> Result<Option<Format>, String> {
        Format::named(self.format.as_ref())
    }

    /// Whether this set was asked for.
    pub(crate) fn admits(&self, set: &str) -> bool {
        stated(self.set.as_ref()).is_none_or(|wanted| wanted == set)
    }

    /// Whether one set was asked for by its name.
    pub(crate) fn names_one(&self) -> bool {
        stated(self.set.as_ref()).is_some()
    }
}

impl Filter {
    /// The form that is asked for by name, if any; an error says which there are.
    pub(crate) fn format(&self) -> Result<Option<Format>, String> {
        Format::named(self.format.as_ref())
    }

    /// The class that is asked for; an error says which there are.
    pub(crate) fn class(&self) -> Result<Option<Class>, String> {
        let Some(name) = stated(self.class.as_ref()) else { return Ok(None) };
        let found = Class::ALL.into_iter().find(|class| class.as_str() == name);
        let all = || Class::ALL.map(Class::as_str).join(", ");
        found.map(Some).ok_or_else(|| format!("class: must be one of {}\n", all()))
    }

    /// The country that is asked for.
    pub(crate) fn country(&self) -> Option<&str> {
        stated(self.country.as_ref())
    }

    /// The name, the type and the set that are asked for, as they were written.
    pub(crate) fn question(&self) -> [Option<&str>; 3] {
        [&self.name, &self.r#type, &self.set].map(|it| stated(it.as_ref()))
    }

    /// Whether the answers to this question were asked for.
    pub(crate) fn matches(&self, plan: &Plan, asked: &Asked) -> bool {
        let [name, kind, set] = self.question();
        let is = |wanted: Option<&str>, value: &str| {
            wanted.is_none_or(|it| it.trim_end_matches('.').eq_ignore_ascii_case(value))
        };
        is(name, asked.name.as_str())
            && is(kind, asked.kind.as_str())
            && set.is_none_or(|set| set == plan.set.name)
    }

    /// Whether a resolver's word was asked for, by its country and its class.
    pub(crate) fn admits(&self, country: &str, class: Class) -> bool {
        self.country().is_none_or(|wanted| wanted.eq_ignore_ascii_case(country))
            && stated(self.class.as_ref()).is_none_or(|wanted| wanted == class.as_str())
    }
}

/// An empty field of a form asks for nothing.
fn stated(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_asks_for_everything() {
        let filter = Filter { country: Some(" ".to_owned()), ..Filter::default() };
        assert!(filter.admits("DE", Class::Agree));
        let filter = Filter { country: Some("de".to_owned()), ..Filter::default() };
        assert!(filter.admits("DE", Class::Agree) && !filter.admits("FR", Class::Agree));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let filter =
            Filter { class: Some("wrong".into()), format: Some("xml".into()), ..Filter::default() };
        assert!(filter.class().is_err_and(|error| error.contains("agree, dissent")));
        assert!(filter.format().is_err_and(|error| error.contains("ndjson")));
    }
}
