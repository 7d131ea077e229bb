//! What can be the value of a series. No I/O, no clock.

use std::time::Duration;

/// A number as it is written: a whole one without a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// As counters count.
    Whole(u64),
    /// Anything else.
    Real(f64),
}

impl Number {
    pub(super) fn is_finite(self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Real(number) => number.is_finite(),
        }
    }

    pub(super) fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

/// The value of a gauge; none where it is not known.
pub trait Value {
    /// The value in base units.
    fn value(self) -> Option<f64>;
}

impl Value for f64 {
    fn value(self) -> Option<f64> {
        Some(self)
    }
}

impl Value for bool {
    fn value(self) -> Option<f64> {
        Some(f64::from(u8::from(self)))
    }
}

impl Value for Duration {
    fn value(self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

impl<T: Value> Value for Option<T> {
    fn value(self) -> Option<f64> {
        self.and_then(T::value)
    }
}

macro_rules! small {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn value(self) -> Option<f64> {
                Some(f64::from(self))
            }
        }
    )*};
}
small!(u8, u16, u32, i32);

macro_rules! large {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn value(self) -> Option<f64> {
                Some(self as f64)
            }
        }
    )*};
}
large!(u64, usize);

/// The value of a counter; none where it is not known.
pub trait Count {
    /// What was counted so far.
    fn count(self) -> Option<Number>;
}

impl Count for u64 {
    fn count(self) -> Option<Number> {
        Some(Number::Whole(self))
    }
}

impl Count for f64 {
    fn count(self) -> Option<Number> {
        Some(Number::Real(self))
    }
}

impl<T: Count> Count for Option<T> {
    fn count(self) -> Option<Number> {
        self.and_then(T::count)
    }
}
