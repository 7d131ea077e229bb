//! Reading the event log, question by question. No I/O, no clock.

use std::collections::HashSet;

use super::{Sel, SelEntry, SelInfo, SelRecord};
use crate::command::Command;
use crate::error::CommandError;

/// The record ID that ends a log.
const LAST: u16 = 0xFFFF;

/// A reading under way: ask [`Fetch::question`], give [`Fetch::answer`]. It takes one question more
/// than records are wanted, at most.
#[derive(Debug)]
pub struct Fetch {
    info: Option<SelInfo>,
    /// The record that is asked for.
    record_id: u16,
    most: usize,
    seen: HashSet<u16>,
    records: Vec<SelRecord>,
}

/// What a fetch wants after an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the next question.
    Ask,
    /// Finished.
    Done(Result<Sel, CommandError>),
}

impl Fetch {
    /// Begins with record `first` (0 for the oldest) and ends after `most` records at the latest.
    pub fn new(first: u16, most: usize) -> Fetch {
        let seen = HashSet::from([first]);
        Fetch { info: None, record_id: first, most, seen, records: Vec::new() }
    }

    /// What to ask the BMC now.
    pub fn question(&self) -> Command {
        match self.info {
            None => Command::SelInfo,
            Some(_) => Command::SelEntry { record_id: self.record_id },
        }
    }

    /// Takes the answer to [`Fetch::question`].
    pub fn answer(&mut self, answer: Result<&[u8], CommandError>) -> Next {
        let Some(info) = self.info else {
            return match answer.and_then(SelInfo::parse) {
                Ok(info) => self.begin(info),
                Err(error) => Next::Done(Err(error)),
            };
        };
        let entry = match answer.and_then(SelEntry::parse) {
            Ok(entry) => entry,
            Err(error) if error.ends_session() => return Next::Done(Err(error)),
            Err(_) => return self.done(info, false),
        };
        self.seen.insert(entry.record.record_id());
        self.records.push(entry.record);
        if entry.next == LAST {
            return self.done(info, true);
        }
        self.record_id = entry.next;
        // A log that leads back to where it was has no end.
        if self.records.len() >= self.most || !self.seen.insert(entry.next) {
            return self.done(info, false);
        }
        Next::Ask
    }

    fn begin(&mut self, info: SelInfo) -> Next {
        self.info = Some(info);
        if info.entries == 0 || self.most == 0 {
            return self.done(info, info.entries == 0);
        }
        Next::Ask
    }

    fn done(&mut self, info: SelInfo, complete: bool) -> Next {
        Next::Done(Ok(Sel { info, records: std::mem::take(&mut self.records), complete }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CompletionCode;

    /// Reads a log whose record n is followed by `next(n)`, from `first` on.
    fn read(entries: u16, first: u16, most: usize, next: impl Fn(u16) -> u16) -> (Vec<u16>, bool) {
        let mut fetch = Fetch::new(first, most);
        let mut questions = 0;
        loop {
            let mut answer = vec![0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            answer[1..3].copy_from_slice(&entries.to_le_bytes());
            if let Command::SelEntry { record_id } = fetch.question() {
                let record_id = record_id.max(1);
                answer = next(record_id).to_le_bytes().to_vec();
                answer.extend(record_id.to_le_bytes());
                answer.resize(18, 2);
            }
            questions += 1;
            assert!(questions <= most + 1, "more questions than records");
            if let Next::Done(sel) = fetch.answer(Ok(&answer)) {
                let sel = sel.unwrap();
                return (sel.records.iter().map(SelRecord::record_id).collect(), sel.complete);
            }
        }
    }

    #[test]
    fn a_log_is_read_to_its_end_or_as_far_as_is_wanted() {
        let next = |id| if id < 4 { id + 1 } else { LAST };
        assert_eq!(read(4, 0, 10, next), (vec![1, 2, 3, 4], true));
        assert_eq!(read(4, 3, 10, next), (vec![3, 4], true));
        assert_eq!(read(4, 0, 4, next), (vec![1, 2, 3, 4], true));
        assert_eq!(read(4, 0, 2, next), (vec![1, 2], false));
        assert_eq!(read(4, 0, 0, next), (vec![], false));
        assert_eq!(read(0, 0, 10, next), (vec![], true));
    }

    #[test]
    fn a_log_that_runs_in_a_circle_ends() {
        assert_eq!(read(4, 0, 100, |id| if id < 3 { id + 1 } else { 1 }), (vec![1, 2, 3], false));
        assert_eq!(read(4, 0, 100, |id| id), (vec![1], false));
        assert_eq!(read(4, 0, 100, |_| 0), (vec![1], false));
        assert_eq!(read(u16::MAX, 0, 1 << 17, |id| id.wrapping_add(1)).0.len(), 0xFFFE);
    }

    #[test]
    fn a_log_that_is_cleared_meanwhile_is_incomplete_and_a_lost_session_is_an_error() {
        let info = [0x51, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let refused = CommandError::Completion(CompletionCode::NOT_PRESENT);
        for (error, result) in
            [(refused, Ok(false)), (CommandError::Timeout, Err(CommandError::Timeout))]
        {
            let mut fetch = Fetch::new(0, 9);
            assert_eq!(fetch.answer(Ok(&info)), Next::Ask);
            let Next::Done(sel) = fetch.answer(Err(error)) else { panic!("it goes on") };
            assert_eq!(sel.map(|sel| sel.complete), result);
        }
    }
}
