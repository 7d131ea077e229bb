//! What the machine's parts say that they are: their inventories (FRU), read one at a time and once an
//! hour, since a part is a hundred commands.

use std::sync::Arc;

use ipmi_lan::CommandError;
use ipmi_lan::fru::{Fru, MultiRecord, RecordContent};
use tokio::time::Instant;

use super::{ASK_AGAIN, IpmiSession};
use crate::slow::{Answer, Part, Parts};

/// The machine's own inventory, which has no locator.
const OWN: u8 = 0;
/// What it is called where no locator says.
const OWN_NAME: &str = "system";

/// The inventories as far as they were read.
#[derive(Debug)]
pub(super) struct PartsRead {
    /// What is told: the last whole list while it is read again.
    told: Arc<Parts>,
    /// What was read of the next one.
    read: Vec<Part>,
    /// Those that are to be read, the next one last.
    left: Vec<(u8, Box<str>)>,
    began: Instant,
    /// Why the last part that was refused was.
    refusal: Option<CommandError>,
}

impl IpmiSession {
    /// Reads the next part. A BMC that has an inventory of none, its own neither, refuses the question.
    pub(super) async fn parts(&mut self) -> Result<Answer, CommandError> {
        let mut parts = match self.parts_read.take() {
            Some(parts) if parts.began.elapsed() < ASK_AGAIN => parts,
            last => self.all_parts(last.map(|it| it.told).unwrap_or_default()),
        };
        let answer = self.next_part(&mut parts).await.and_then(|()| parts.answer());
        self.parts_read = Some(parts);
        answer
    }

    /// Fails if the session ended.
    async fn next_part(&mut self, parts: &mut PartsRead) -> Result<(), CommandError> {
        let Some((id, name)) = parts.left.last().cloned() else { return Ok(()) };
        let answer = match self.session()?.fru(id).await {
            Err(error) if error.ends_session() => return Err(error),
            answer => answer.map(|fru| part(id, name, fru, self.bmc.module.serial_numbers)),
        };
        parts.take(answer);
        Ok(())
    }

    /// All that there are, to be read; `told` is what is known of them from the last time.
    fn all_parts(&self, told: Arc<Parts>) -> PartsRead {
        let listed = self.listing.in_force();
        let listed = listed.as_ref().map_or(&[][..], |it| &it.asked.parts);
        let own = listed.iter().find(|(id, _)| *id == OWN).map_or(OWN_NAME, |(_, name)| name);
        let others = listed.iter().filter(|(id, _)| *id != OWN).rev().cloned();
        let left = others.chain([(OWN, own.into())]).collect();
        PartsRead { told, read: Vec::new(), left, began: Instant::now(), refusal: None }
    }
}

impl PartsRead {
    /// Takes what the next part says, if it says anything.
    fn take(&mut self, answer: Result<Option<Part>, CommandError>) {
        self.left.pop();
        match answer {
            Ok(part) => self.read.extend(part),
            // A bay that is empty, or a part that is switched off.
            Err(error) => self.refusal = Some(error),
        }
        let is_whole = self.left.is_empty();
        if is_whole {
            self.told = Arc::new(Parts { parts: std::mem::take(&mut self.read), is_whole });
        }
    }

    /// What there is to tell: of the first time what was read so far, then the last whole list.
    fn answer(&self) -> Result<Answer, CommandError> {
        let is_whole = self.left.is_empty();
        match (self.refusal, is_whole) {
            (Some(refusal), true) if self.told.parts.is_empty() => Err(refusal),
            (_, true) => Ok(Answer::Parts(Arc::clone(&self.told))),
            (_, false) => {
                let parts = if self.told.is_whole { &self.told.parts } else { &self.read };
                Ok(Answer::Parts(Arc::new(Parts { parts: parts.clone(), is_whole })))
            }
        }
    }
}

/// What a part says; `None` where that is nothing.
fn part(id: u8, name: Box<str>, fru: Fru, with_serials: bool) -> Option<Part> {
    if fru.is_empty() {
        return None;
    }
    let capacity = fru.multi_records.iter().flat_map(|it| &it.records).find_map(capacity);
    let (chassis, board, product) = (
        fru.chassis.unwrap_or_default(),
        fru.board.unwrap_or_default(),
        fru.product.unwrap_or_default(),
    );
    let text = |text: String| text.trim().into();
    let serials = [chassis.serial_number, board.serial_number, product.serial_number];
    Some(Part {
        id,
        name,
        board_maker: text(board.manufacturer),
        board: text(board.product_name),
        board_number: text(board.part_number),
        maker: text(product.manufacturer),
        product: text(product.product_name),
        number: text(product.part_number),
        version: text(product.version),
        serials: with_serials.then(|| serials.map(text)),
        capacity,
    })
}

/// What a power supply can give, watts; 0 is not told.
fn capacity(record: &MultiRecord) -> Option<u16> {
    match &record.content {
        RecordContent::PowerSupply(supply) => Some(supply.capacity_watts).filter(|it| *it > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(told: Parts, left: &[u8]) -> PartsRead {
        let left = left.iter().map(|id| (*id, "part".into())).collect();
        let told = Arc::new(told);
        PartsRead { told, read: Vec::new(), left, began: Instant::now(), refusal: None }
    }

    fn part(id: u8) -> Part {
        Part { id, ..Part::default() }
    }

    /// The ids that are told, and whether these are all.
    fn told(parts: &PartsRead) -> (Vec<u8>, bool) {
        let Ok(Answer::Parts(told)) = parts.answer() else { panic!("{parts:?} tells nothing") };
        (told.parts.iter().map(|it| it.id).collect(), told.is_whole)
    }

    #[test]
    fn the_first_time_tells_each_part_as_it_comes() {
        let mut parts = read(Parts::default(), &[2, 1]);
        parts.take(Ok(Some(part(1))));
        assert_eq!(told(&parts), (vec![1], false));
        parts.take(Ok(Some(part(2))));
        assert_eq!(told(&parts), (vec![1, 2], true));
    }

    #[test]
    fn no_part_is_missing_while_they_are_read_again() {
        let whole = Parts { parts: vec![part(1), part(2), part(3)], is_whole: true };
        let mut parts = read(whole, &[2, 1]);
        parts.take(Ok(Some(part(1))));
        assert_eq!(told(&parts), (vec![1, 2, 3], false));
        parts.take(Ok(Some(part(2))));
        assert_eq!(told(&parts), (vec![1, 2], true));
    }

    #[test]
    fn a_bmc_that_refuses_every_part_refuses_until_it_is_asked_anew() {
        let mut parts = read(Parts::default(), &[1]);
        parts.take(Err(CommandError::Timeout));
        for _ in 0..3 {
            assert!(parts.answer().is_err());
        }
        let mut parts = read(Parts::default(), &[2, 1]);
        parts.take(Err(CommandError::Timeout));
        parts.take(Ok(Some(part(2))));
        assert_eq!(told(&parts), (vec![2], true));
    }
}
