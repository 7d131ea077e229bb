//! A real browser, Debian's Chromium without a screen, and what it makes of a page.
//!
//! It is spoken to by a pipe, in the `DevTools` protocol: messages of JSON, each with a NUL behind it. What is asked of a
//! page that way is none of its own scripts, so that a policy that forbids those does not hide what is there.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A running browser. It is killed when this is dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    to: RefCell<ChildStdin>,
    from: mpsc::Receiver<Vec<u8>>,
    /// What it said of its own accord while an answer was waited for.
    events: RefCell<VecDeque<Value>>,
    sent: Cell<u64>,
    /// The tab that pages are shown in.
    session: String,
    _folder: TempDir,
}

/// The widths that a page is looked at with: a phone's, and a screen's.
pub const WIDTHS: [u32; 2] = [390, 1440];

/// Whoever says nothing for so long says nothing more. Many times what a busy machine takes.
const SILENT: Duration = Duration::from_secs(120);

/// Times that a page is asked for. Each but the last was taken back by a page that loads itself again.
const ATTEMPTS: usize = 100;

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        // It reads from file 3 and writes to file 4. Its own sandbox needs what root in a container has not; the pages
        // are those of tests.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"])
            .args([
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .args(["--disable-sync", "--no-proxy-server", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let to = RefCell::new(child.stdin.take().expect("it is piped"));
        let from = messages(child.stdout.take().expect("it is piped"));
        let (events, sent, session) = (RefCell::default(), Cell::new(0), String::new());
        let mut browser = Self { child, to, from, events, sent, session, _folder: folder };
        let tab = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        attached["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        browser.call("Page.enable", &json!({}));
        browser.call("Page.setLifecycleEventsEnabled", &json!({"enabled": true}));
        browser
    }

    /// Loads a page at that width, and waits until all that belongs to it is there.
    #[track_caller]
    pub fn open(&self, url: &str, width: u32) {
        let size =
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 800});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        // A page that loads itself again at that moment takes the tab back, and ours never comes.
        let ours = (0..ATTEMPTS).any(|_| {
            let opened = self.call("Page.navigate", &json!({"url": url}));
            let error = opened.get("errorText");
            assert!(error.is_none_or(|it| it == "net::ERR_ABORTED"), "{url}: {opened}");
            error.is_none() && self.is_loaded(&opened["loaderId"])
        });
        assert!(ours, "{url}: other pages are shown in its place");
    }

    /// Waits until a page is there with all that belongs to it. Not if it is another one that is.
    #[track_caller]
    fn is_loaded(&self, loader: &Value) -> bool {
        let who_is_there = |event: &Value| {
            let told = &event["params"];
            (event["method"] == "Page.lifecycleEvent" && told["name"] == "load")
                .then(|| told["loaderId"].clone())
        };
        // What came before the answer may be of the page before.
        let before = self.events.take();
        before.iter().filter_map(who_is_there).any(|it| it == *loader)
            || loop {
                if let Some(there) = who_is_there(&self.next()) {
                    break there == *loader;
                }
            }
    }

    /// The value of an expression of JavaScript in the page that is open.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut got = self.call("Runtime.evaluate", &asked);
        assert!(got.get("exceptionDetails").is_none(), "{expression}: {got}");
        got["result"]["value"].take()
    }

    /// Looks at a page with a phone's width and a screen's: nothing stands out to the side, and nothing in it is, or
    /// brought, a script.
    #[track_caller]
    pub fn looks_well(&self, url: &str) {
        for width in WIDTHS {
            self.open(url, width);
            // All at once: a page may load itself again. A phone shows one that is too wide from farther away:
            // `innerWidth` is what it became.
            let seen = self.value(&format!(
                "(() => {{ const shown = all => all.map(it => it.outerHTML.slice(0, 200)); return {{\
                 wide: document.documentElement.scrollWidth,\
                 out: shown([...document.querySelectorAll('*')]\
                 .filter(it => it.getBoundingClientRect().right > {width} + 1).slice(0, 3)),\
                 active: shown([...document.querySelectorAll('script, iframe, object, embed, [onclick], [onerror], \
                 [onload], [href^=\"javascript:\" i]')]),\
                 hit: typeof window.hit }}; }})()"
            ));
            let is = seen["wide"].as_u64();
            assert!(is.is_some_and(|is| is <= u64::from(width)), "{url} at {width}: {seen}");
            let (active, hit) = (&seen["active"], &seen["hit"]);
            assert!(*active == json!([]) && hit == "undefined", "{url} at {width}: {seen}");
        }
    }

    /// Sends a command and waits for its result.
    #[track_caller]
    fn call(&self, method: &str, parameters: &Value) -> Value {
        let id = self.sent.get() + 1;
        self.sent.set(id);
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.borrow_mut().write_all(&bytes).expect("chromium is needed, a Debian package");
        loop {
            let mut answer = self.next();
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.borrow_mut().push_back(answer);
        }
    }

    /// What it says next.
    #[track_caller]
    fn next(&self) -> Value {
        next(&self.from, SILENT)
    }
}

#[track_caller]
fn next(from: &mpsc::Receiver<Vec<u8>>, patience: Duration) -> Value {
    match from.recv_timeout(patience) {
        Ok(message) => serde_json::from_slice(&message).expect("JSON"),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("chromium says nothing"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("chromium is needed, a Debian package; it ended")
        }
    }
}

/// What comes from it, each message without its end. Its reader may wait for one only so long.
fn messages(from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut bytes = Vec::new();
            if from.read_until(0, &mut bytes).is_err() || bytes.pop() != Some(0) {
                return;
            }
            if tell.send(bytes).is_err() {
                return;
            }
        }
    });
    told
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::{HttpServer, Said};

    #[test]
    fn what_stands_out_and_what_runs_is_seen() {
        let server = HttpServer::start();
        let page = |path: &str, body: &str| {
            let headers = "Content-Type: text/html\r\n";
            let head = "<!DOCTYPE html><meta name=viewport content='width=device-width'>";
            server.answer(path, Said { headers, ..Said::ok(format!("{head}{body}")) });
        };
        page("/good", "<p>a &lt;script&gt;</p>");
        page("/wide", "<div style='width: 500px'>x</div>");
        page("/script", "<script>1</script>");
        page("/handler", "<img src=/nowhere onerror='window.hit = 1'>");
        let browser = Browser::start();
        let looks_well = |path: &str| {
            let url = format!("http://{}{path}", server.address);
            catch_unwind(AssertUnwindSafe(|| browser.looks_well(&url))).is_ok()
        };
        let seen = ["/good", "/wide", "/script", "/handler"].map(looks_well);
        assert_eq!(seen, [true, false, false, false]);
    }

    /// A page that loads itself again all the time is not taken for the next one, nor is the next one waited for in vain.
    #[test]
    fn the_page_that_is_open_is_the_one_that_was_asked_for() {
        let server = HttpServer::start();
        let headers = "Content-Type: text/html\r\n";
        let page = |path: &str, body: &str| {
            server.answer(path, Said { headers, ..Said::ok(body.to_owned()) });
        };
        page("/again", "<meta http-equiv=refresh content='0.01'><title>again</title>");
        page("/calm", "<title>calm</title>");
        let browser = Browser::start();
        for _ in 0..10 {
            browser.open(&format!("http://{}/again", server.address), 390);
            browser.open(&format!("http://{}/calm", server.address), 1440);
            assert_eq!(browser.value("document.title"), "calm");
        }
    }

    #[test]
    fn a_browser_that_says_nothing_is_not_waited_for() {
        let (silent, _open) = std::io::pipe().unwrap();
        let from = messages(silent);
        let waited = catch_unwind(AssertUnwindSafe(|| next(&from, Duration::from_millis(1))));
        assert!(waited.is_err());
    }
}
