//! Who is who: a name is unique within its site or team. No I/O, no clock.

use std::collections::HashMap;

use super::{Place, Problems};

/// One entry of a list of targets, as a check of all of them together sees it.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Where the entry stands.
    pub place: Place,
    /// Its site or team; empty where none is configured.
    pub group: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What is measured there, in the form in which equal ones are equal.
    pub address: &'a str,
}

/// Adds a problem for each entry whose name was used before within its group. `word` says what a
/// group is, `site` or `team`; `None` where there are no groups, so that each name must be unique.
pub fn refuse_duplicates<'a>(
    word: Option<&str>,
    identities: impl IntoIterator<Item = Identity<'a>>,
    problems: &mut Problems,
) {
    let mut seen: HashMap<(&str, &str), Place> = HashMap::new();
    for Identity { place, group, name, .. } in identities {
        if let Some(first) = seen.get(&(group, name)) {
            let line = first.line;
            problems.add(
                place,
                match word {
                    Some(word) => {
                        format!("name: line {line} has the same {word} and name; together they must be unique")
                    }
                    None => format!("name: line {line} has the same; each must be unique"),
                },
            );
        } else {
            seen.insert((group, name), place);
        }
    }
}

/// A warning for each entry that measures what another measures under another name.
pub fn shared_addresses<'a>(identities: impl IntoIterator<Item = Identity<'a>>) -> Vec<String> {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    let mut warnings = Vec::new();
    for Identity { place, address, .. } in identities {
        if let Some(first) = seen.get(address) {
            warnings.push(format!(
                "line {}: address: line {} has the same one; what is there is measured twice",
                place.line, first.line
            ));
        } else {
            seen.insert(address, place);
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity<'a>(line: u32, group: &'a str, name: &'a str, address: &'a str) -> Identity<'a> {
        Identity { place: Place { line, column: 3 }, group, name, address }
    }

    #[test]
    fn a_name_is_unique_within_its_site() {
        let all = [
            identity(1, "", "a", "1"),
            identity(2, "x", "a", "2"),
            identity(3, "x", "b", "3"),
            identity(4, "x", "a", "2"),
        ];
        let mut problems = Problems::default();
        refuse_duplicates(Some("site"), all, &mut problems);
        assert_eq!(
            problems.to_string(),
            "line 4:3: name: line 2 has the same site and name; together they must be unique"
        );
        assert_eq!(
            shared_addresses(all),
            ["line 4: address: line 2 has the same one; what is there is measured twice"]
        );
    }
}
