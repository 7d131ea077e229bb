//! The runbooks of a directory as pages: `<AlertName>.md` at `/runbooks/<AlertName>.md`, and without the `.md`.

use std::io;
use std::path::{Path, PathBuf};

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser};

/// A directory of runbooks.
#[derive(Clone, Debug)]
pub(super) struct Runbooks {
    folder: PathBuf,
}

impl Runbooks {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The names of all runbooks, sorted; empty when there is no directory.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(entries) = self.folder.read_dir() else { return Vec::new() };
        let stem = |entry: io::Result<std::fs::DirEntry>| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".md").filter(|name| is_name(name)).map(str::to_owned)
        };
        let mut names: Vec<String> = entries.filter_map(stem).collect();
        names.sort();
        names
    }

    /// A runbook's text as written; none when there is no such runbook.
    pub(super) async fn markdown(&self, name: &str) -> Option<String> {
        if !is_name(name) {
            return None;
        }
        tokio::fs::read_to_string(self.folder.join(format!("{name}.md"))).await.ok()
    }
}

/// Whether `name` can be an alert's name. Nothing else may become a part of a path.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Markdown as HTML. HTML within it is shown, not passed on.
pub(super) fn rendered(markdown: &str) -> Markup {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = Parser::new_ext(markdown, options).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut page = String::new();
    pulldown_cmark::html::push_html(&mut page, events);
    html! { article { (PreEscaped(page)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_runbook_of_the_directory_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("runbooks");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(inside.join("IpmiFanFailed.md"), "# Fan").unwrap();
        std::fs::write(inside.join("notes.txt"), "none").unwrap();
        std::fs::write(folder.path().join("secret.md"), "secret").unwrap();
        let runbooks = Runbooks::new(&inside);
        assert_eq!(runbooks.names(), ["IpmiFanFailed"]);
        assert_eq!(runbooks.markdown("IpmiFanFailed").await.as_deref(), Some("# Fan"));
        for name in ["", "../secret", "..", "/etc/passwd", "Ipmi%2e", "a/b", "notes.txt", "a\0b"] {
            assert_eq!(runbooks.markdown(name).await, None, "{name:?}");
        }
    }

    #[test]
    fn html_in_a_runbook_is_shown_as_text() {
        let page = rendered("# Fan\n<script>x</script>\n\na <b>bold</b> word").into_string();
        assert!(page.contains("<h1>Fan</h1>"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
    }
}
