//! The pages of answers: for people, and for programs.

use std::net::Ipv4Addr;

use peers::{Browser, Program};
use serde_json::Value;

/// The values of a page that has one a line.
fn lines(program: &Program, path: &str) -> Vec<Value> {
    let page = program.request("GET", path, "");
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    assert!(page.head.contains("application/x-ndjson"), "{}", page.head);
    page.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn json(program: &Program, path: &str) -> Value {
    serde_json::from_str(&program.page(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Of the set `world`, in which each address of the list is once.
pub(crate) fn tell_programs_what_each_resolver_said(program: &Program, addresses: &[Ipv4Addr]) {
    let of_world = "name=api.messenger.example&type=A&set=world";
    let rows = lines(program, &format!("/api/v1/results?{of_world}&format=ndjson"));
    assert_eq!(rows.len(), addresses.len());
    let mut seen: Vec<Ipv4Addr> =
        rows.iter().map(|row| row["resolver"].as_str().unwrap().parse().unwrap()).collect();
    seen.sort_unstable();
    let mut wanted = addresses.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
    let honest = |row: &&Value| row["addresses"][0] == "149.154.167.220" && row["class"] == "agree";
    assert_eq!(rows.iter().filter(honest).count(), 39);
    assert_eq!(rows.iter().filter(|row| row["class"] == "timeout").count(), 6);

    // The same in one value, and the part that a country gave.
    let all = json(program, &format!("/api/v1/results?{of_world}"));
    assert_eq!(all.as_array(), Some(&rows));
    let there = json(program, &format!("/api/v1/results?{of_world}&country=cn&class=dissent"));
    let there = there.as_array().expect("rows");
    assert_eq!(there.len(), 6);
    assert!(
        there.iter().all(|row| row["country"] == "CN" && row["addresses"][0] == "174.37.154.236")
    );
    let none = json(program, &format!("/api/v1/results?{of_world}&country=AQ"));
    assert_eq!(none, Value::Array(Vec::new()));

    let one = there[0]["resolver"].as_str().unwrap();
    let said = json(program, &format!("/api/v1/resolvers/{one}"));
    let said = said.as_array().expect("rows");
    assert!(said.len() >= 2 && said.iter().all(|row| row["resolver"] == one), "{said:?}");
    assert_eq!(program.request("GET", "/api/v1/resolvers/192.0.2.1", "").status, 404);
    assert_eq!(program.request("GET", "/api/v1/resolvers/somebody", "").status, 400);

    // There was one sweep, so there is nothing to compare it with.
    assert_eq!(program.request("GET", &format!("/api/v1/diff?{of_world}"), "").status, 409);
    let sweeps = json(program, "/api/v1/sweeps");
    let world = sweeps.as_array().unwrap().iter().find(|set| set["set"] == "world").expect("world");
    assert_eq!(world["resolvers"], addresses.len());
    assert_eq!(
        (&world["running"], &world["last"]["degraded"]),
        (&Value::Null, &Value::Bool(false))
    );
    let row = lines(program, "/api/v1/sweeps?set=world&format=ndjson");
    assert_eq!((row.len(), &row[0]["set"]), (1, &world["set"]));

    let answers = json(program, &format!("/api/v1/answers?{of_world}"));
    let countries = answers[0]["countries"].as_array().expect("countries");
    let china = countries.iter().find(|it| it["country"] == "CN").expect("China");
    assert_eq!(china["ways"][0]["said"], "174.37.154.236 (block page)");
    assert_eq!(china["ways"][0]["resolvers"], 6);
    for (bad, what) in [("class=wrong", "agree, dissent"), ("format=xml", "ndjson")] {
        let refused = program.request("GET", &format!("/api/v1/results?{bad}"), "");
        assert!(refused.status == 400 && refused.body.contains(what), "{}", refused.body);
    }
    for page in ["sweeps", "lists", "ecs", "answers", "results", "diff"] {
        for (bad, what) in [("nmae=x", "nmae: is no parameter"), ("format=xml", "ndjson")] {
            let refused = program.request("GET", &format!("/api/v1/{page}?{bad}"), "");
            assert_eq!(refused.status, 400, "{page}?{bad}: {}", refused.body);
            assert!(refused.body.contains(what), "{page}?{bad}: {}", refused.body);
        }
    }
    let none = program.request("GET", "/api/v1/sweeps?set=wrold", "");
    assert!(none.status == 404 && none.body.contains("?set=world\n"), "{}", none.body);
}

/// A browser gets a page of HTML, everybody else text.
pub(crate) fn tell_people(program: &Program) {
    let page = program.request("GET", "/answers?set=world", "accept: text/html,*/*;q=0.8\r\n");
    assert!(page.status == 200 && page.head.contains("text/html"), "{}", page.head);
    for shown in [
        "[149.154.167.220]",
        "Where it is answered otherwise",
        // All of them, and not those alone that differ.
        "Each country that is judged (",
        "<td class=\"name\">DE</td><td>6</td><td>100.0 %</td>",
        "/api/v1/results?name=api.messenger.example&amp;type=A&amp;set=world",
        "/-/style.css",
    ] {
        assert!(page.body.contains(shown), "{shown} is not in\n{}", page.body);
    }
    assert!(!page.body.contains("style=") && !page.body.contains("<script"), "{}", page.body);
    let empty = program.request("GET", "/answers?name=&country=&class=&format=html", "");
    assert_eq!(empty.status, 200, "an empty form asks for everything");
    let browser = Browser::start();
    for path in ["/answers?format=html", "/answers?set=world&format=html", "/lists", "/"] {
        browser.looks_well(&format!("http://{}{path}", program.address()));
    }
}

/// What the list of the world is worth, by the classes of its resolvers.
pub(crate) fn tell_what_a_list_is_worth(program: &Program) {
    let reports: serde_json::Value = serde_json::from_str(&program.page("/api/v1/lists")).unwrap();
    let world = reports.as_array().unwrap().iter().find(|it| it["set"] == "world").unwrap();
    assert_eq!((&world["duplicates"], &world["without_country"]), (&1.into(), &0.into()));
    let count = |what: &str| {
        let kinds = world["shown"].as_array().unwrap();
        kinds.iter().find(|it| it["what"] == what).unwrap()["resolvers"].as_u64().unwrap()
    };
    let counts = ["dead", "refusing", "lying", "left_alone"].map(count);
    assert_eq!(counts, [6, 2, 0, 0], "{world}");
    assert!(count("working") > 40 && count("differing") >= 12, "{world}");
    let rows = lines(program, "/api/v1/lists?format=ndjson");
    assert_eq!(Some(&rows), reports.as_array());
    let page = program.page("/lists");
    assert!(page.contains("is silent to everything") && !page.contains("No sweep yet"), "{page}");
}

/// Until the first sweep after a reload: what was told before it, of liars alone.
pub(crate) fn tell_of_before_a_reload(program: &Program, liars: usize) {
    let text = program.page("/answers");
    let line = format!("[174.37.154.236] : {liars} occurrences, dissent");
    assert!(text.contains(": unexpected\n") && text.contains(&line), "{text}");
    let page = program.request("GET", "/answers", "accept: text/html\r\n").body;
    assert!(page.contains("174.37.154.236") && !page.contains("No sweep yet"), "{page}");
    let answers = json(program, "/api/v1/answers");
    let told = &answers[0];
    assert_eq!(
        (&told["state"], &told["answers"][0]["resolvers"]),
        (&"unexpected".into(), &liars.into())
    );
    assert!(told["completed"].is_number() && told["told"][0] == "unexpected", "{told}");
    let lists = json(program, "/api/v1/lists");
    let kinds = lists[0]["shown"].as_array().expect("the list is the same");
    let differing = kinds.iter().find(|it| it["what"] == "differing").unwrap();
    assert_eq!(differing["resolvers"], liars, "{lists}");
}
