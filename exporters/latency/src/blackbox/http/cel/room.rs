//! Parsing and evaluating an expression where there is room for it, and what is said of one that is none.

use std::thread;

use cel::{ParseError, ParseErrors, Program};

/// Parser and evaluation go as deep as an expression does: some hundred kilobytes for each of 96 brackets
/// within each other, and some ten for each step, where they are not optimized. What is not used of it
/// takes no memory.
const STACK: usize = 64 << 20;

/// What `work` gives on a thread with room for it; an error where that breaks off, or there is no thread.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().name("cel".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, work).map(thread::ScopedJoinHandle::join)
    });
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("it cannot be worked with".to_owned()),
        Err(_) => Err("there is no thread to work on it".to_owned()),
    }
}

/// The expression that a text is, else why it is none; that repeats nothing of it.
pub(super) fn compile(text: &str) -> Result<Program, String> {
    with_room(|| Program::compile(text))?.map_err(|errors| why(&errors))
}

/// The library's own words are those of its parser, and quote the text.
fn why(errors: &ParseErrors) -> String {
    let Some(ParseError { pos: (line, column), msg, .. }) = errors.errors.first() else {
        return "it is none".to_owned();
    };
    if msg.contains("recursion limit") {
        return "it has too many brackets within each other".to_owned();
    }
    let what = if msg.contains("input '<EOF>'") {
        "it ends too early"
    } else if msg.contains("reserved identifier") {
        "a word stands there that CEL keeps for itself"
    } else if msg.contains("invalid") {
        "a number or a text there is not written as CEL has it"
    } else {
        "what stands there does not belong there"
    };
    if *line < 1 || *column < 1 {
        return what.to_owned();
    }
    format!("line {line}, character {column} of it: {what}")
}
