//! Reads a letter of several parts. No I/O, no clock.

/// A header's value, with the lines that continue it.
pub(crate) fn header(letter: &str, name: &str) -> String {
    let head = letter.split("\n\n").next().unwrap_or_default();
    let mut value = None::<String>;
    for line in head.lines() {
        match (&mut value, line.strip_prefix([' ', '\t'])) {
            (Some(value), Some(more)) => value.extend([" ", more.trim()]),
            (Some(_), None) => break,
            (None, _) => {
                let (key, rest) = line.split_once(':').unwrap_or_default();
                value = key.eq_ignore_ascii_case(name).then(|| rest.trim().to_owned());
            }
        }
    }
    value.unwrap_or_default()
}

/// The part of a content type, decoded.
pub(crate) fn part(letter: &str, content_type: &str) -> Option<String> {
    let kind = header(letter, "Content-Type");
    let boundary = kind.split_once("boundary=")?.1.trim_matches('"');
    let boundary = boundary.split(';').next()?;
    letter.split(&format!("--{boundary}")).skip(1).find_map(|part| {
        let part = part.strip_prefix('\n')?;
        let (_, body) = part.split_once("\n\n")?;
        let quoted = header(part, "Content-Transfer-Encoding") == "quoted-printable";
        let own = header(part, "Content-Type").starts_with(content_type);
        own.then(|| if quoted { unquoted(body) } else { body.to_owned() })
    })
}

/// RFC 2045, section 6.7.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        let (code, after) = after.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}

/// The addresses of a page's links by their words, without HTML's escapes.
pub(crate) fn links(html: &str) -> Vec<(String, String)> {
    html.split("<a href=\"")
        .skip(1)
        .map(|rest| {
            let (address, rest) = rest.split_once("\">").unwrap();
            let words = rest.split("</a>").next().unwrap();
            (words.to_owned(), unescaped(address))
        })
        .collect()
}

fn unescaped(text: &str) -> String {
    [("&#43;", "+"), ("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The encoded words of a header (RFC 2047, "Q"), as a reader of mail shows them: what is between two of them is not shown.
pub(crate) fn shown(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header.replace("?= =?utf-8?q?", "");
    while let Some((before, after)) = rest.split_once("=?utf-8?q?") {
        let (word, after) = after.split_once("?=").unwrap();
        text += before;
        text += &unquoted(&word.replace('_', " "));
        rest = after.to_owned();
    }
    text + &rest
}
