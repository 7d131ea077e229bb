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
    told: Arc<Parts>,
    /// Those that are to be read, the next one last.
    left: Vec<(u8, Box<str>)>,
    began: Instant,
}

impl IpmiSession {
    /// Reads the next part. A BMC that has an inventory of none, its own neither, refuses the question.
    pub(super) async fn parts(&mut self) -> Result<Answer, CommandError> {
        let known = self.parts_read.take().filter(|it| it.began.elapsed() < ASK_AGAIN);
        let mut read = known.unwrap_or_else(|| self.all_parts());
        let mut refusal = None;
        if let Some((id, name)) = read.left.pop() {
            let fru = self.session()?.fru(id).await;
            match fru {
                Ok(fru) => {
                    let serials = self.bmc.module.serial_numbers;
                    Arc::make_mut(&mut read.told).parts.extend(part(id, name, fru, serials));
                }
                Err(error) if error.ends_session() => {
                    read.left.push((id, name));
                    self.parts_read = Some(read);
                    return Err(error);
                }
                // A bay that is empty, or a part that is switched off.
                Err(error) => refusal = Some(error),
            }
        }
        let is_whole = read.left.is_empty();
        Arc::make_mut(&mut read.told).is_whole = is_whole;
        let told = Arc::clone(&read.told);
        self.parts_read = Some(read);
        match refusal {
            Some(error) if is_whole && told.parts.is_empty() => Err(error),
            _ => Ok(Answer::Parts(told)),
        }
    }

    fn all_parts(&self) -> PartsRead {
        let listed = self.listing.in_force();
        let listed = listed.as_ref().map_or(&[][..], |it| &it.asked.parts);
        let own = listed.iter().find(|(id, _)| *id == OWN).map_or(OWN_NAME, |(_, name)| name);
        let others = listed.iter().filter(|(id, _)| *id != OWN).rev().cloned();
        let left = others.chain([(OWN, own.into())]).collect();
        PartsRead { told: Arc::default(), left, began: Instant::now() }
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
