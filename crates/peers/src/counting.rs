//! An allocator that counts what is held, for tests of how much memory a thing takes.
#![expect(unsafe_code, reason = "an allocator is written with it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, with what is held of it, and the most that was: a test binary's `#[global_allocator]`.
#[derive(Debug, Default)]
pub struct Counting {
    held: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    /// Nothing is held yet.
    pub const fn new() -> Self {
        Self { held: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    /// What is held now, in bytes, as glibc counts them.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// The most that was held since [`Counting::begin`].
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Begins to look for the most anew: it is what is held now.
    pub fn begin(&self) {
        self.most.store(self.held(), Ordering::Relaxed);
    }
}

/// What glibc takes for so many bytes: they, and eight to find them by, in steps of 16.
fn taken(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = self.held.fetch_add(taken(layout), Ordering::Relaxed) + taken(layout);
        self.most.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.held.fetch_sub(taken(layout), Ordering::Relaxed);
        // SAFETY: the same.
        unsafe { System.dealloc(pointer, layout) };
    }
}
