//! What a BMC says of its list of records, and whether the list can have changed since. No I/O, no clock.

use super::{DeviceSdrInfo, SdrRepositoryInfo};

/// What a BMC says of its list of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SdrStamp {
    /// Of its SDR repository.
    Repository(SdrRepositoryInfo),
    /// Of its device SDRs.
    Device(DeviceSdrInfo),
}

impl SdrStamp {
    /// How many records there are, as the BMC says.
    pub fn record_count(&self) -> Option<usize> {
        match self {
            SdrStamp::Repository(info) => Some(usize::from(info.record_count)),
            SdrStamp::Device(info) => Some(usize::from(info.record_count)),
        }
    }

    /// Whether both are of the same list, as far as the BMC tells. The free space is not looked at: it
    /// is no part of the list.
    pub fn is_of_the_list(&self, other: &SdrStamp) -> bool {
        match (self, other) {
            (SdrStamp::Repository(one), SdrStamp::Repository(other)) => {
                let of =
                    |it: &SdrRepositoryInfo| (it.record_count, it.last_addition, it.last_erase);
                of(one) == of(other)
            }
            (SdrStamp::Device(one), SdrStamp::Device(other)) => one == other,
            _ => false,
        }
    }

    /// Whether it would be another one after a change: a time stamp that is set, or a change indicator.
    pub fn tells_changes(&self) -> bool {
        let is_set = |time: u32| !matches!(time, 0 | u32::MAX);
        match self {
            SdrStamp::Repository(info) => is_set(info.last_addition) || is_set(info.last_erase),
            SdrStamp::Device(info) => info.population.is_some_and(is_set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(count: u8, addition: u8) -> SdrStamp {
        let data = [0x51, count, 0, 0, 1, addition, 0, 0, 0, 0, 0, 0, 0, 2];
        SdrStamp::Repository(SdrRepositoryInfo::parse(&data).unwrap())
    }

    fn device(data: &[u8]) -> SdrStamp {
        SdrStamp::Device(DeviceSdrInfo::parse(data).unwrap())
    }

    #[test]
    fn a_list_is_another_when_its_count_or_a_time_stamp_is() {
        assert!(repository(5, 9).is_of_the_list(&repository(5, 9)));
        for other in [repository(6, 9), repository(5, 8), device(&[5, 1])] {
            assert!(!repository(5, 9).is_of_the_list(&other), "{other:?}");
        }
        assert!(!device(&[5, 0x81, 1, 0, 0, 0]).is_of_the_list(&device(&[5, 0x81, 2, 0, 0, 0])));
    }

    #[test]
    fn a_time_stamp_that_was_never_set_tells_nothing() {
        assert!(repository(5, 9).tells_changes() && !repository(5, 0).tells_changes());
        assert!(device(&[5, 0x81, 1, 0, 0, 0]).tells_changes());
        assert!(!device(&[5, 0x01]).tells_changes());
    }
}
