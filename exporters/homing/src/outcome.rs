//! Every reason that is a label. No I/O, no clock.

use exporter_kit::LabelEnum;

/// Gives an enum its labels, in the order of its values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident = $label:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$of])* $value),+ }

        impl LabelEnum for $name {
            const VALUES: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self { $(Self::$value => $label),+ }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

labels! {
    /// What came of one evaluation.
    Evaluation {
        /// Every query was answered as a whole.
        Complete = "complete",
        /// One was not: nothing was judged.
        Incomplete = "incomplete",
    }
}

labels! {
    /// Why a query to a Prometheus brought nothing that can be judged.
    QueryFailure {
        /// No whole answer in time.
        Timeout = "timeout",
        /// No connection, or one that broke.
        Unreachable = "unreachable",
        /// The certificate is not to be trusted, or there is no TLS.
        Tls = "tls",
        /// Another status than 200.
        HttpStatus = "http_status",
        /// What came is not an answer of a Prometheus.
        NotPrometheus = "not_prometheus",
        /// It says itself that its answer is not whole.
        Warnings = "warnings",
        /// More than is read.
        TooLarge = "too_large",
        /// Nobody measures anything, by its word.
        Empty = "empty",
        /// Far fewer vantages than before.
        Fewer = "fewer",
        /// Its clock is another one than this machine's.
        Clock = "clock",
    }
}

labels! {
    /// Why something that was measured is left out of an evaluation.
    LeftOut {
        /// A round trip that is none: 0, negative, above ten seconds.
        Rtt = "rtt",
        /// Coordinates beyond the Earth, or 0/0.
        Place = "place",
        /// A slot whose address is no address.
        Address = "address",
        /// A slot that had two addresses within the window.
        Changed = "changed",
        /// A vantage, an endpoint or an address beyond the number that is judged.
        TooMany = "too_many",
    }
}

labels! {
    /// What a provider says of itself.
    ClaimState {
        /// All is well.
        Operational = "operational",
        /// Work that was announced.
        Maintenance = "maintenance",
        /// Slow, or now and then.
        Degraded = "degraded",
        /// A part is down.
        PartialOutage = "partial_outage",
        /// All of it is down.
        MajorOutage = "major_outage",
        /// Nobody can read what it says.
        Unknown = "unknown",
    }
}

labels! {
    /// What came of asking a status page.
    Fetch {
        /// It was read.
        Ok = "ok",
        /// It is the same as before.
        NotModified = "not_modified",
        /// It leads elsewhere, or to a page for people.
        Moved = "moved",
        /// It is not JSON.
        NotJson = "not_json",
        /// It is JSON of another kind.
        Schema = "schema",
        /// Another status than 200.
        HttpStatus = "http_status",
        /// It wants to be asked later.
        Later = "later",
        /// No whole answer in time.
        Timeout = "timeout",
        /// The certificate is not to be trusted, or there is no TLS.
        Tls = "tls",
        /// No connection, or one that broke.
        Unreachable = "unreachable",
        /// More than is read.
        TooLarge = "too_large",
    }
}

labels! {
    /// How bad a provider says that an incident is.
    Impact {
        /// It touches nobody.
        None = "none",
        /// Slow, or now and then.
        Minor = "minor",
        /// A part is down.
        Major = "major",
        /// All of it is down.
        Critical = "critical",
        /// It is announced work.
        Maintenance = "maintenance",
        /// A word that is not known.
        Unknown = "unknown",
    }
}

labels! {
    /// What of a prefix is another than it should be.
    RouteChange {
        /// Who announces it.
        Origin = "origin",
        /// From whom that is heard.
        Upstream = "upstream",
        /// A part of it is announced by itself.
        MoreSpecific = "more_specific",
        /// Most peers have no route any more.
        Withdrawn = "withdrawn",
    }
}

labels! {
    /// How the records of tables were.
    Record {
        /// With routes.
        Read = "read",
        /// Of another kind.
        Skipped = "skipped",
        /// Not what they say.
        Failed = "failed",
    }
}

labels! {
    /// How the newest table of a router is.
    TableState {
        /// It was read, and says something.
        Read = "read",
        /// There is none yet that nobody writes to.
        BeingWritten = "being_written",
        /// It is older than a table may be.
        Old = "old",
        /// There is no file.
        NoFile = "no_file",
        /// The file cannot be read.
        Unreadable = "unreadable",
        /// It is packed as nobody here unpacks.
        Bzip2 = "bzip2",
        /// A record of it is not what it says.
        Damaged = "damaged",
        /// It holds no route at all.
        NoRoute = "no_route",
    }
}

labels! {
    /// What is behind an edge.
    Origin {
        /// Nothing: it answers by itself.
        AtEdge = "at_edge",
        /// One place, that all answers come from.
        One = "one_origin",
        /// Nobody can say.
        Undetermined = "undetermined",
    }
}

labels! {
    /// Why a result of a stranger's probe says nothing.
    Unused {
        /// It is not written as such results are.
        Form = "form",
        /// Its firmware writes results in a shape that is not known.
        Firmware = "firmware",
        /// It is of the future.
        Time = "time",
        /// It is older than a result may be.
        Old = "old",
        /// A round trip that is none: 0, negative, above ten seconds.
        Rtt = "rtt",
        /// Nobody knows where the probe is.
        Probe = "probe",
        /// The probe has a newer one.
        Twice = "twice",
        /// A probe beyond the number that is judged.
        TooMany = "too_many",
        /// The probe was not there, or broke itself.
        NotMeasured = "not_measured",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        for (at, value) in LeftOut::VALUES.iter().enumerate() {
            assert_eq!(value.place(), at);
        }
        assert_eq!(ClaimState::Unknown.name(), "unknown");
    }
}
