//! The parameters of a page, and what is said of those that it cannot have.

use axum::extract::{FromRequestParts, Query as Read};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// What a request's query says. What is wrong with one is answered with 400, by the parameter's name.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = (StatusCode, String);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Read::try_from_uri(&parts.uri).map(|Read(query)| Self(query)).map_err(|error| {
            let query = parts.uri.query().unwrap_or_default();
            (StatusCode::BAD_REQUEST, format!("{}\n", why(query, &error.body_text())))
        })
    }
}

/// In our words: the library's name types of the program.
fn why(query: &str, said: &str) -> String {
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    let is_plain = |name: &&str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
    };
    let is_named =
        |name: &&str| said.contains(&format!(" {name}: ")) || said.contains(&format!("`{name}`"));
    let Some(name) = names.filter(is_plain).find(is_named) else {
        return "a parameter is none of this page's, or has a value that it cannot have".to_owned();
    };
    if said.contains("unknown field") {
        format!("{name}: is no parameter of this page")
    } else if said.contains("duplicate field") {
        format!("{name}: is there twice")
    } else {
        format!("{name}: has a value that it cannot have")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Asked {
        #[serde(rename = "target")]
        _target: Option<String>,
        #[serde(rename = "page")]
        _page: usize,
    }

    #[tokio::test]
    async fn a_parameter_is_refused_by_its_name_and_in_plain_words() {
        let read = async |query: &str| {
            let request = axum::http::Request::get(format!("/?{query}")).body(()).unwrap();
            let mut parts = request.into_parts().0;
            Query::<Asked>::from_request_parts(&mut parts, &()).await.map(drop).map_err(|it| it.1)
        };
        assert_eq!(read("target=a&page=2").await, Ok(()));
        for (query, wanted) in [
            ("page=-1", "page: has a value that it cannot have\n"),
            ("page=s3cret", "page: has a value that it cannot have\n"),
            ("foo=1", "foo: is no parameter of this page\n"),
            ("target=a&target=b", "target: is there twice\n"),
            ("%00=1", "a parameter is none of this page's, or has a value that it cannot have\n"),
        ] {
            assert_eq!(read(query).await, Err(wanted.to_owned()), "{query}");
        }
    }
}
