//! How much work a message makes for whoever decodes it: a name of pointers to pointers costs far more than its two
//! bytes. No I/O, no clock.

/// Labels and pointers that are followed in one message: four thousand addresses of one name take a
/// fifth of it, and to decode that many takes a few milliseconds.
const MOST: usize = 1 << 16;

const HEADER: usize = 12;

/// Whether a message can be decoded with bounded work. One that breaks off is left to the decoder.
pub(super) fn is_bounded(message: &[u8]) -> bool {
    let mut walk = Walk { message, at: HEADER, steps: 0 };
    walk.all().is_none_or(|()| walk.steps <= MOST)
}

struct Walk<'a> {
    message: &'a [u8],
    at: usize,
    steps: usize,
}

impl Walk<'_> {
    /// Goes through all names; ends early at the end of the message, or of what is allowed.
    fn all(&mut self) -> Option<()> {
        let [questions, records @ ..] = [4, 6, 8, 10].map(|at| self.number(at).unwrap_or(0));
        for _ in 0..questions {
            self.name()?;
            self.at += 4;
        }
        for _ in 0..records.into_iter().sum::<usize>() {
            self.name()?;
            let (kind, length) = (self.number(self.at)?, self.number(self.at + 8)?);
            self.at += 10;
            let end = self.at + length;
            if let Some((before, names)) = names_in(kind) {
                self.at += before;
                for _ in 0..names {
                    self.name()?;
                }
            }
            self.at = end;
            if self.steps > MOST {
                return Some(());
            }
        }
        Some(())
    }

    /// Goes over a name, and counts what following it takes.
    fn name(&mut self) -> Option<()> {
        let (mut at, mut end) = (self.at, None);
        loop {
            self.steps += 1;
            let length = usize::from(*self.message.get(at)?);
            if length == 0 {
                self.at = end.unwrap_or(at + 1);
                return Some(());
            }
            if length < 64 {
                at += 1 + length;
            } else {
                let to = self.number(at)? & 0x3fff;
                end.get_or_insert(at + 2);
                // No honest pointer leads forward; the decoder says so.
                if to >= at {
                    return None;
                }
                at = to;
            }
            if self.steps > MOST {
                self.at = end.unwrap_or(at);
                return Some(());
            }
        }
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.message.get(at..at + 2)?;
        Some(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    }
}

/// How many bytes of a type's data come before its names, and how many names there are.
fn names_in(kind: usize) -> Option<(usize, usize)> {
    match kind {
        // NS, CNAME, PTR, DNAME.
        2 | 5 | 12 | 39 => Some((0, 1)),
        // SOA.
        6 => Some((0, 2)),
        // MX.
        15 => Some((2, 1)),
        // SRV.
        33 => Some((6, 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with one question, whose name has so many labels, and records that point to it.
    fn message(labels: usize, records: u16) -> Vec<u8> {
        let mut bytes = vec![0, 7, 0x81, 0x80, 0, 1];
        bytes.extend(records.to_be_bytes());
        bytes.extend([0; 4]);
        for _ in 0..labels {
            bytes.extend([1, b'x']);
        }
        bytes.extend([0, 0, 1, 0, 1]);
        for _ in 0..records {
            bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 1, 1, 1]);
        }
        bytes
    }

    #[test]
    fn many_addresses_are_little_work_and_many_labels_are_much() {
        assert!(is_bounded(&message(4, 4_000)));
        assert!(is_bounded(&message(100, 500)));
        assert!(!is_bounded(&message(100, 4_000)));
        assert!(is_bounded(&message(4, 10)[..40]), "cut short: for the decoder to say");
        let mut looped = message(1, 1);
        looped.truncate(looped.len() - 16);
        let at = u8::try_from(looped.len()).unwrap();
        looped.extend([0xc0, at]);
        assert!(is_bounded(&looped), "a loop has no work");
    }
}
