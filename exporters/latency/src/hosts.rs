//! What this machine's own list says of names: `/etc/hosts`, read anew when it has changed (I/O).

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Where this machine says itself what some names are.
const FILE: &str = "/etc/hosts";

/// One for the program, as the machine has one list.
static KNOWN: Known = Known(Mutex::new(None));

/// The list as it was last read: a long one is looked through for each name that is looked up.
#[derive(Debug)]
struct Known(Mutex<Option<(Stamp, Arc<List>)>>);

/// By what a file is known to be the same: when it was written, how long it is, and which it is.
type Stamp = (SystemTime, u64, u64);

/// The addresses of each name, in small letters and without a final dot.
#[derive(Debug, Default)]
struct List(HashMap<String, Vec<IpAddr>>);

/// The addresses that the list gives a name, of both families: it is asked before any resolver, for the whole
/// name, so that what it does not say of one family nobody else does. Where it is there and cannot be read, what it
/// says is not known; nothing of what the kernel said of the file is said of a host.
pub(crate) async fn addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    KNOWN.addresses(FILE, name).await
}

impl Known {
    async fn addresses(&self, file: &str, name: &str) -> io::Result<Vec<IpAddr>> {
        let stamp = match stamp(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            stamp => stamp.map_err(unread)?,
        };
        if let Some((_, list)) = self.kept().as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(list.of(name));
        }
        // After its stamp: a list that changes meanwhile is read once more. One that could not be read is not kept.
        let bytes = tokio::fs::read(file).await.map_err(unread)?;
        let list = Arc::new(List::parse(&String::from_utf8_lossy(&bytes)));
        let addresses = list.of(name);
        *self.kept() = Some((stamp, list));
        Ok(addresses)
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Stamp, Arc<List>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(file: &str) -> io::Result<Stamp> {
    let about = std::fs::metadata(file)?;
    Ok((about.modified()?, about.len(), about.ino()))
}

/// An error of the list, which none of a connection looks like.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn unread(error: io::Error) -> io::Error {
    io::Error::other(format!("{FILE}: {error}"))
}

impl List {
    fn parse(text: &str) -> Self {
        let mut names: HashMap<String, Vec<IpAddr>> = HashMap::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(Ok(ip)) = words.next().map(str::parse::<IpAddr>) else { continue };
            for word in words {
                let addresses = names.entry(word.to_ascii_lowercase()).or_default();
                // A name twice in a line is there once.
                if addresses.last() != Some(&ip) {
                    addresses.push(ip);
                }
            }
        }
        Self(names)
    }

    fn of(&self, name: &str) -> Vec<IpAddr> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.0.get(&name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Failure;

    #[test]
    fn a_machine_s_own_list_is_the_last_word_on_a_name() {
        let list = List::parse(
            "127.0.0.1 localhost a # b\n::1 A\n#192.0.2.1 a\n192.0.2.2\nb localhost\nfe80::1%lo z\n",
        );
        let of = |name: &str| list.of(name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of("LOCALHOST."), ["127.0.0.1"]);
        assert_eq!(of("a"), ["127.0.0.1", "::1"]);
        assert_eq!((of("b"), of(""), of("z")), (vec![], vec![], vec![]));
    }

    #[tokio::test]
    async fn the_list_is_read_once_and_again_when_it_has_changed() {
        let Ok(stamp) = stamp(FILE) else { return };
        let known = Known(Mutex::new(None));
        let before = known.addresses(FILE, "localhost").await.unwrap();
        let ip = IpAddr::from([192, 0, 2, 7]);
        let other = Arc::new(List(HashMap::from([("localhost".to_owned(), vec![ip])])));
        *known.kept() = Some((stamp, Arc::clone(&other)));
        assert_eq!(known.addresses(FILE, "localhost").await.unwrap(), [ip], "it is not read");
        *known.kept() = Some(((SystemTime::UNIX_EPOCH, 0, 0), other));
        assert_eq!(known.addresses(FILE, "localhost").await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_says_nothing_and_is_not_kept() {
        let (folder, known) = (tempfile::tempdir().unwrap(), Known(Mutex::new(None)));
        let file = folder.path().join("hosts");
        let path = file.to_str().unwrap();
        assert!(known.addresses(path, "a").await.unwrap().is_empty(), "there is none");
        std::fs::create_dir(&file).unwrap();
        let error = known.addresses(path, "a").await.unwrap_err();
        assert!(Failure::of_io(&error).is_ours() && known.kept().is_none(), "{error}");
        std::fs::remove_dir(&file).unwrap();
        std::fs::write(&file, b"192.0.2.1 a # \xfc\n").unwrap();
        assert_eq!(known.addresses(path, "a").await.unwrap().len(), 1);
    }
}
