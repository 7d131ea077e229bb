//! Words that stand in the names of routers for what they mean, and are cities by chance. No I/O, no clock.

/// Cities and codes that are words: without a number behind them they are taken for the word.
const CITIES: [&str; 28] = [
    "can", "del", "den", "for", "got", "inc", "ind", "led", "lit", "man", "mar", "mid", "per",
    "pen", "rec", "san", "sat", "str", "tmp", "was", "male", "mobile", "nice", "reading", "split",
    "bath", "cork", "orange",
];
/// Words with which the names of cities begin. They are never cut ones, whatever is behind them.
const BEGINNINGS: [&str; 33] = [
    "black", "board", "bridge", "charter", "color", "colorado", "device", "front", "george",
    "grand", "green", "indian", "indiana", "jackson", "james", "kings", "little", "metro", "north",
    "point", "pointe", "ports", "prince", "queen", "rapid", "south", "spring", "springs", "stock",
    "sunny", "virginia", "white", "winter",
];

/// Whether a city's name or code is taken for a word of every day.
pub(super) fn is_word(token: &str, is_numbered: bool) -> bool {
    !is_numbered && CITIES.contains(&token)
}

/// Whether the beginning of a city's name is a word of its own.
pub(super) fn begins_much(token: &str) -> bool {
    BEGINNINGS.contains(&token)
}
