//! The storage commands: SDR repository, event log, inventories. No I/O, no clock.

use std::time::Duration;

use super::TestBmc;
use super::commands::{
    CANNOT_RETURN_SO_MUCH, INVALID_COMMAND, INVALID_LENGTH, NOT_PRESENT, OK, OUT_OF_RANGE, refusal,
};
use super::inventory::NOW;
use super::wire::Request;

/// Most bytes of one Read FRU Data.
const FRU_READ_LIMIT: u8 = 32;
/// "The last entry" in a request, "no more" in an answer.
const LAST: u16 = 0xFFFF;

impl TestBmc {
    /// Net function storage.
    pub(super) fn storage(&mut self, request: &Request, now: Duration) -> (u8, Vec<u8>) {
        let data = &request.data;
        match request.command {
            0x10 => self.inventory_info(data),
            0x11 => self.read_inventory(data),
            0x20 => self.repository_info(),
            0x22 => self.reserve_repository(),
            0x23 => self.get_sdr(data),
            0x28 | 0x48 => {
                let passed = u32::try_from(now.as_secs()).unwrap_or_default();
                (OK, NOW.saturating_add(passed).to_le_bytes().to_vec())
            }
            0x40 => self.log_info(),
            // Reserve SEL: nothing here can be erased, so one number is as good as another.
            0x42 => (OK, vec![1, 0]),
            0x43 => self.log_entry(data),
            _ => refusal(INVALID_COMMAND),
        }
    }

    /// Get FRU Inventory Area Info: size, accessed by bytes.
    fn inventory_info(&self, data: &[u8]) -> (u8, Vec<u8>) {
        let &[id] = data else { return refusal(INVALID_LENGTH) };
        let Some(bytes) = self.machine.inventories.get(&id) else { return refusal(NOT_PRESENT) };
        let size = u16::try_from(bytes.len()).expect("an inventory has less than 64 KiB");
        let [low, high] = size.to_le_bytes();
        (OK, vec![low, high, 0])
    }

    /// Read FRU Data.
    fn read_inventory(&self, data: &[u8]) -> (u8, Vec<u8>) {
        let &[id, low, high, count] = data else { return refusal(INVALID_LENGTH) };
        let Some(bytes) = self.machine.inventories.get(&id) else { return refusal(NOT_PRESENT) };
        if count > FRU_READ_LIMIT {
            return refusal(CANNOT_RETURN_SO_MUCH);
        }
        let Some(rest) = bytes.get(usize::from(u16::from_le_bytes([low, high]))..) else {
            return refusal(OUT_OF_RANGE);
        };
        let part = &rest[..rest.len().min(count.into())];
        let given = u8::try_from(part.len()).expect("not more than the limit");
        (OK, [&[given], part].concat())
    }

    /// Get SEL Info (table 31-2).
    fn log_info(&self) -> (u8, Vec<u8>) {
        const SLOTS: usize = 512;
        let entries = self.machine.events.len();
        let size = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
        let mut data = vec![0x51];
        data.extend(size(entries));
        data.extend(size(SLOTS.saturating_sub(entries) * 16));
        // When the last entry was added: its own time; never erased.
        let newest =
            self.machine.events.last().map_or([0; 4], |one| [one[3], one[4], one[5], one[6]]);
        data.extend(newest);
        data.extend([0; 4]);
        // Reserve SEL is supported.
        data.push(0x02);
        (OK, data)
    }

    /// Get SEL Entry (table 31-6).
    fn log_entry(&self, data: &[u8]) -> (u8, Vec<u8>) {
        let &[_, _, low, high, offset, count] = data else { return refusal(INVALID_LENGTH) };
        let entries = u16::try_from(self.machine.events.len()).unwrap_or(u16::MAX);
        let id = match u16::from_le_bytes([low, high]) {
            0 => 1,
            LAST => entries,
            id => id,
        };
        let Some(position) = usize::from(id).checked_sub(1).filter(|_| id <= entries) else {
            return refusal(NOT_PRESENT);
        };
        let mut entry = self.machine.events[position];
        entry[..2].copy_from_slice(&id.to_le_bytes());
        let Some(rest) = entry.get(offset.into()..) else { return refusal(OUT_OF_RANGE) };
        let part = &rest[..rest.len().min(count.into())];
        let next = if id == entries { LAST } else { id + 1 };
        (OK, [next.to_le_bytes().as_slice(), part].concat())
    }
}
