//! A long list: a JSON array for a program, or lines of text, made while it is read, a part at a time, each as a
//! page is rendered.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;

use crate::aside::render_page;

/// A part ends with the row that makes it as long as this.
const PART: usize = 64 * 1024;

/// The rows as a JSON array. They are made when they are needed: of ten thousand no more is in memory
/// than its reader is given at once.
pub fn json_rows<R>(rows: R) -> Response
where
    R: IntoIterator<IntoIter: Send + 'static, Item: Serialize>,
{
    let (mut rows, mut is_first, mut is_done) = (rows.into_iter(), true, false);
    let parts = std::iter::from_fn(move || {
        if is_done {
            return None;
        }
        let (part, is_over) = part(&mut rows, is_first);
        (is_first, is_done) = (false, is_over);
        Some(part)
    });
    ([(header::CONTENT_TYPE, "application/json")], body_of_parts(parts)).into_response()
}

/// The lines as a text, made in the same way.
pub(crate) fn text_lines<L>(lines: L) -> Response
where
    L: IntoIterator<IntoIter: Send + 'static, Item = String>,
{
    let mut lines = lines.into_iter();
    let parts = std::iter::from_fn(move || {
        let mut part = Vec::new();
        while part.len() < PART
            && let Some(line) = lines.next()
        {
            part.extend_from_slice(line.as_bytes());
            part.push(b'\n');
        }
        (!part.is_empty()).then_some(part)
    });
    let kind = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    ([kind], body_of_parts(parts)).into_response()
}

/// A page that is made while it is read: each part is rendered as a page is, when its reader has the one before.
pub fn body_of_parts<P>(parts: P) -> Body
where
    P: Iterator<Item = Vec<u8>> + Send + 'static,
{
    let parts = stream::unfold(parts, async |mut parts| {
        let (part, parts) = render_page(move || (parts.next(), parts)).await;
        Some((Ok::<_, Infallible>(Bytes::from(part?)), parts))
    });
    Body::from_stream(parts)
}

/// The next part, and whether it is the last.
fn part<T: Serialize>(rows: &mut impl Iterator<Item = T>, is_first: bool) -> (Vec<u8>, bool) {
    let mut part = Vec::new();
    let mut before: &[u8] = if is_first { b"[" } else { b"," };
    while part.len() < PART {
        let Some(row) = rows.next() else {
            if is_first && part.is_empty() {
                part.push(b'[');
            }
            part.push(b']');
            return (part, true);
        };
        part.extend_from_slice(before);
        // A row is made of texts and numbers, by derived code: it cannot fail, nor can writing to memory.
        if serde_json::to_writer(&mut part, &row).is_err() {
            part.extend_from_slice(b"null");
        }
        before = b",";
    }
    (part, false)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// In how many parts it comes, and what.
    async fn read(response: Response) -> (usize, Vec<u8>) {
        let mut body = response.into_body();
        let (mut parts, mut text) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            text.extend(frame.unwrap().into_data().unwrap());
            parts += 1;
        }
        (parts, text)
    }

    #[tokio::test]
    async fn every_row_comes_once_and_a_long_list_in_parts() {
        for rows in [0, 1, 2, 100_000] {
            let (parts, text) = read(json_rows(0..rows)).await;
            let numbers: Vec<u64> = serde_json::from_slice(&text).unwrap();
            assert!(numbers.iter().copied().eq(0..u64::try_from(rows).unwrap()), "{rows}");
            assert_eq!(parts > 1, rows == 100_000, "{rows} in {parts} parts");
            let (parts, text) = read(text_lines((0..rows).map(|row| row.to_string()))).await;
            let text = String::from_utf8(text).unwrap();
            assert!(text.lines().eq((0..rows).map(|row| row.to_string())), "{rows}");
            assert_eq!(parts > 1, rows == 100_000, "{rows} in {parts} parts");
        }
    }
}
