//! A field of a sensor in which a tool says something else than the script.

use std::fmt;

use super::known::KNOWN;
use super::seen::{FIELDS, Seen};

/// Who says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Ipmitool,
    FreeIpmi,
}

/// One difference.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    tool: Tool,
    field: &'static str,
    /// The sensor's name in the script.
    name: String,
    script: String,
    theirs: String,
}

impl Difference {
    /// The differences in every field that the tool shows.
    pub(crate) fn between(tool: Tool, script: &Seen, theirs: &Seen) -> Vec<Self> {
        let fields = FIELDS.into_iter().zip(script.fields()).zip(theirs.fields());
        let differing = fields.filter(|((_, script), theirs)| script != theirs);
        let difference = |((field, says), theirs): ((_, &str), &str)| Self {
            tool,
            field,
            name: script.name.clone(),
            script: says.to_owned(),
            theirs: theirs.to_owned(),
        };
        differing.map(difference).collect()
    }

    /// Whether it is in that field of that sensor.
    pub(crate) fn is(&self, tool: Tool, field: &str, name: &str) -> bool {
        (self.tool, self.field, self.name.as_str()) == (tool, field, name)
    }

    /// Why the script is right; none if that is not known.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        let known = KNOWN.iter().find(|known| {
            known.tool == self.tool
                && known.fields.contains(&self.field)
                && known.sensors.contains(&self.name.as_str())
        });
        known.map(|known| known.reason)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool, field, name, script, theirs } = self;
        let reason = self.reason().unwrap_or("NOT EXPLAINED");
        let tool = format!("{tool:?}");
        write!(f, "{tool:9} {name:17} {field:10} {script:?} but {theirs:?}: {reason}")
    }
}
