//! Records of no sensor that can be read: our client, `ipmitool` and `ipmi-sensors` list them alike.

use ipmi_lan::sdr::{EntityAssociation, FruLocator, Record};
use ipmi_lan::{Entity, Options};

use super::bmc;

/// Type, name, entity (of an association, the container), in the order of the records.
const OTHERS: [(&str, &str, &str); 6] = [
    ("Event-Only", "events alone", "34.1"),
    ("Entity Association", "", "23.1"),
    ("Device-relative Entity Association", "", "23.1"),
    ("FRU Device Locator", "PSU 1", "10.1"),
    ("Management Controller Device Locator", "the BMC", "6.1"),
    ("OEM", "", ""),
];

fn entity(id: u8, instance: u8) -> Entity {
    Entity { id, instance }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_client_reads_records_of_no_sensor() {
    let bmc = bmc();
    let mut session = bmc.session(&Options::default()).await;
    let records = session.read_sdr().await.unwrap().records;
    session.close().await;
    let is_other = |record: &Record| !matches!(record, Record::Full(_) | Record::Compact(_));
    let others: Vec<_> = records.into_iter().filter(is_other).collect();
    let kinds = others.iter().map(|record| {
        let (kind, entity) = match record {
            Record::EventOnly(it) => ("Event-Only", Some(it.entity)),
            Record::EntityAssociation(it) => ("Entity Association", Some(it.container)),
            Record::FruLocator(it) => ("FRU Device Locator", Some(it.entity)),
            Record::McLocator(it) => ("Management Controller Device Locator", Some(it.entity)),
            _ => ("OEM", None),
        };
        let entity = entity.map(|it| format!("{}.{}", it.id, it.instance));
        (kind, record.name().unwrap_or_default(), entity.unwrap_or_default())
    });
    for (ours, said) in kinds.zip(OTHERS) {
        assert!(said.0.ends_with(ours.0), "{ours:?} instead of {said:?}");
        assert_eq!((ours.1, ours.2.as_str()), (said.1, said.2));
    }
    assert_eq!(others.len(), OTHERS.len());

    let Record::EventOnly(events) = &others[0] else { panic!("{:?}", others[0]) };
    assert_eq!((events.id.to_string().as_str(), events.event_type), ("32.0.160", 0x6F));
    let contents = |record: &Record| match record {
        Record::EntityAssociation(EntityAssociation { ranges: false, contained, .. }) => {
            contained.clone()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(contents(&others[1]), [entity(7, 1), entity(10, 1)]);
    assert_eq!(contents(&others[2]), [entity(10, 0x60), entity(10, 0x61)]);
    let Record::FruLocator(FruLocator { device: 1, logical: true, access_address: 0x20, .. }) =
        &others[3]
    else {
        panic!("{:?}", others[3])
    };
    let Record::Other(raw) = &others[5] else { panic!("{:?}", others[5]) };
    assert_eq!((raw.record_type, raw.body.as_slice()), (0xC0, &[0x57, 0x01, 0, 1, 2, 3, 4][..]));
}

#[test]
fn the_tools_read_records_of_no_sensor() {
    let bmc = bmc();
    let list = bmc.read(&["sdr", "elist", "all"]);
    let columns = list.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let kinds = ["Event-Only", "Logical FRU @01h", "Dynamic MC @ 20h"];
    let listed: Vec<_> = columns.filter(|columns| kinds.contains(&columns[4])).collect();
    let listed: Vec<_> = listed.iter().map(|columns| (columns[0], columns[3])).collect();
    // It has no line for what has no name.
    let named = OTHERS.iter().filter(|other| !other.1.is_empty());
    assert_eq!(listed, named.map(|other| (other.1, other.2)).collect::<Vec<_>>());

    let text = bmc.freeipmi("ipmi-sensors", &["-vv", "--quiet-cache"]).out;
    let blocks = text.split("\n\n").filter(|block| !block.contains(" Sensor Record ("));
    let blocks: Vec<_> = blocks.filter(|block| block.contains("Record Type: ")).collect();
    assert_eq!(blocks.len(), OTHERS.len(), "{blocks:#?}");
    for (block, (kind, name, entity)) in blocks.iter().zip(OTHERS) {
        assert!(block.contains(&format!("Record Type: {kind} Record (")), "{kind}: {block}");
        let has = |end: &str| block.lines().any(|line| line.ends_with(end));
        assert!(name.is_empty() || has(&format!("ID String: {name}")), "{name}: {block}");
        if let Some((id, instance)) = entity.split_once('.') {
            assert!(has(&format!("({id})")), "{entity}: {block}");
            assert!(has(&format!("Entity Instance: {instance}")), "{entity}: {block}");
        }
    }
}
