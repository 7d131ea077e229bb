//! The metrics of the machine's parts.

use exporter_kit::{LabelSet, LabelWriter};

use super::labels::TargetLabels;
use super::writer::{Gauges, View, Writer};
use crate::slow::Part;

/// A part by its number and name.
#[derive(Debug)]
struct PartLabels<'v> {
    target: &'v TargetLabels,
    part: &'v Part,
}

impl LabelSet for PartLabels<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.target.put(to);
        to.label("fru", &self.part.id.to_string());
        to.label("name", &self.part.name);
    }
}

/// All that it says; what it does not say is left out.
#[derive(Debug)]
struct PartInfo<'v>(PartLabels<'v>);

impl LabelSet for PartInfo<'_> {
    fn put(&self, to: &mut LabelWriter<'_>) {
        self.0.put(to);
        let part = self.0.part;
        let serials = part.serials.as_ref();
        let serial = |place: usize| serials.map_or("", |serials| &*serials[place]);
        let told = [
            ("board_manufacturer", &*part.board_maker),
            ("board_product", &part.board),
            ("board_part_number", &part.board_number),
            ("manufacturer", &part.maker),
            ("product", &part.product),
            ("part_number", &part.number),
            ("version", &part.version),
            ("chassis_serial_number", serial(0)),
            ("board_serial_number", serial(1)),
            ("serial_number", serial(2)),
        ];
        for (name, value) in told.into_iter().filter(|(_, value)| !value.is_empty()) {
            to.label(name, value);
        }
    }
}

pub(super) fn parts(writer: &mut Writer<'_, '_>) {
    writer.gauge("ipmi_fru_info", "What a part says that it is; always 1.", |view| {
        labels(view).map(|part| (PartInfo(part), 1.0)).collect()
    });
    writer.gauge(
        "ipmi_fru_power_supply_capacity_watts",
        "What a power supply can give.",
        capacities,
    );
}

fn labels(view: &View) -> impl Iterator<Item = PartLabels<'_>> {
    let parts = view.polled.slow.parts().iter();
    parts.map(|part| PartLabels { target: &view.labels, part })
}

fn capacities(view: &View) -> Gauges<'_, PartLabels<'_>> {
    let all = labels(view).filter_map(|it| it.part.capacity.map(|watts| (it, f64::from(watts))));
    all.collect()
}
