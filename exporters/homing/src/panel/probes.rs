//! Where probes are, as RIPE Atlas' archive of probes says, or its API. No I/O, no clock.

use std::collections::BTreeMap;
use std::io::Read;

use earth::Point;
use serde::Deserialize;

/// Where a probe is, and in whose network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probe {
    /// To about a kilometre, as its host says: some move, and do not.
    pub(crate) place: Point,
    /// By IPv4, else by IPv6; 0 where neither is known.
    pub(crate) asn: u32,
}

#[derive(Deserialize)]
struct Archive {
    /// `objects` in the archive, `results` of the API.
    #[serde(alias = "results")]
    objects: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    latitude: Option<f64>,
    #[serde(default)]
    longitude: Option<f64>,
    #[serde(default)]
    geometry: Option<Geometry>,
    #[serde(default)]
    asn_v4: Option<u32>,
    #[serde(default)]
    asn_v6: Option<u32>,
}

/// As `GeoJSON` has it: east, then north.
#[derive(Deserialize)]
struct Geometry {
    coordinates: [f64; 2],
}

/// Reads a list; who is nowhere on the Earth, or at 0/0, is left out.
pub(crate) fn read(from: impl Read) -> serde_json::Result<BTreeMap<u64, Probe>> {
    let archive: Archive = serde_json::from_reader(from)?;
    let probe = |it: Listed| {
        let of_geometry = it.geometry.map(|it| (it.coordinates[1], it.coordinates[0]));
        let (north, east) = it.latitude.zip(it.longitude).or(of_geometry)?;
        let asn = it.asn_v4.or(it.asn_v6).unwrap_or_default();
        Some((it.id, Probe { place: Point::new(north, east)?, asn }))
    };
    Ok(archive.objects.into_iter().filter_map(probe).collect())
}
