//! The sink's pages: the notifications newest first, and a runbook.

use std::sync::Arc;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::notification::{Alert, Channel, Notification, Status, clock};

const STYLE: &str = include_str!("page.css");
/// Replaces the list each two seconds without losing the place that is being read.
const REFRESH: &str = "setInterval(async () => {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location)).text(), 'text/html');
    const [old, now] = [document, page].map(d => d.querySelector('main'));
    if (old.innerHTML !== now.innerHTML) old.replaceWith(now);
    document.title = page.title;
    document.body.classList.remove('gone');
  } catch { document.body.classList.add('gone'); }
}, 2000);";

/// The page at `/`.
pub(super) fn notifications(newest_first: &[Arc<Notification>], runbooks: &[String]) -> Markup {
    let pages = newest_first.iter().filter(|one| one.channel == Channel::Page).count();
    let tickets = newest_first.iter().filter(|one| one.channel == Channel::Ticket).count();
    let title = format!("To the pager: {pages}, to the ticket queue: {tickets}");
    let watchdog = newest_first.iter().find(|one| one.channel == Channel::Watchdog);
    let shown = || newest_first.iter().filter(|one| one.channel != Channel::Watchdog);
    let main = html! {
        p.counts {
            (title) " · "
            @match watchdog {
                Some(last) => span.alive { "watchdog last heard at " (clock(last.at)) },
                None => span.quiet { "watchdog not heard yet" },
            }
        }
        @if shown().next().is_none() {
            p.empty { "Nothing was notified yet. This page renews itself." }
        }
        @for notification in shown() { (block(notification)) }
        @if !runbooks.is_empty() {
            footer { "Runbooks: "
                @for name in runbooks { a href={ "/runbooks/" (name) } { (name) } " " }
            }
        }
    };
    frame(&title, &main, true)
}

/// A runbook's page.
pub(super) fn runbook(name: &str, article: &Markup) -> Markup {
    let main = html! {
        (article)
        footer { a href="/" { "Notifications" } }
    };
    frame(name, &main, false)
}

fn frame(title: &str, main: &Markup, renewed: bool) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Turbulence lab" }
                style { (PreEscaped(STYLE)) }
                @if renewed { noscript { meta http-equiv="refresh" content="3"; } }
            }
            body {
                header { a href="/" { "Turbulence lab" } " notifications" }
                main { (main) }
                @if renewed { script { (PreEscaped(REFRESH)) } }
            }
        }
    }
}

fn block(notification: &Notification) -> Markup {
    let state = match notification.status {
        Status::Firing => "firing",
        Status::Resolved => "resolved",
    };
    html! {
        section class={ (notification.channel.as_str()) " " (state) } id={ "n" (notification.id) } {
            h2 {
                span.channel { (notification.channel.as_str()) }
                " " (notification.names().join(", "))
                span.when { (clock(notification.at)) " · " (notification.headline()) }
            }
            @for one in &notification.alerts { (alert(one)) }
        }
    }
}

fn alert(alert: &Alert) -> Markup {
    let link = |name: &str| Some(alert.annotation(name)).filter(|url| is_web(url));
    html! {
        div.alert {
            p.summary {
                strong { (alert.annotation("summary")) }
                " " span.state { (alert.state()) }
            }
            @if alert.status == Status::Firing {
                p.description { (alert.annotation("description")) }
                p.first { strong { "Do first: " } (alert.annotation("first_action")) }
            }
            p.links {
                @for name in ["severity", "domain", "scope"] {
                    @if !alert.label(name).is_empty() { span.tag { (alert.label(name)) } " " }
                }
                code { (alert.place()) }
                @if let Some(url) = link("runbook_url") { " · " a href=(url) { "runbook" } }
                @if let Some(url) = link("dashboard_url") { " · " a href=(url) { "dashboard" } }
            }
        }
    }
}

/// A link from an annotation may lead to a page, and never run a script here.
fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
