//! The same data on a page of ours and on one of the field's own library; what is left out; and
//! protobuf, read by a decoder that knows nothing of the writer.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Metrics;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram as Theirs;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::*;
use crate::histogram::{BOUNDS, Buckets};

type Pairs = Vec<(String, String)>;

fn pairs(labels: &[(&str, &str)]) -> Pairs {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Values that need escaping, and none.
const LABELS: [(&str, &str); 2] = [("target", "a \"b\" \\ c\nd"), ("empty", "")];

fn ours(page: &mut Page<'_>, histogram: &Histogram) {
    page.gauge("g_ratio", "Share.", [(LABELS, 0.000_04)]);
    page.gauge("h", "Of all.", [((), 12.0)]);
    page.counter("c_total", "Things.", [(LABELS, u64::MAX)]);
    page.histogram("t_seconds", "Times.", [(LABELS, histogram)]);
    page.info("b_info", "Build.", [[("version", "1")]]);
}

#[test]
fn the_text_is_that_of_the_library() {
    let theirs = Theirs::new(BOUNDS.into_iter().skip(1));
    let histogram = Histogram::new(Buckets::new(&BOUNDS[1..]).unwrap());
    for micros in [0, 40, 1_000, 70_000, 20_000_000] {
        let duration = Duration::from_micros(micros);
        histogram.observe(duration);
        theirs.observe(duration.as_secs_f64());
    }
    let mut registry = Registry::default();
    let gauge = Metrics::<Pairs, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
    gauge.get_or_create(&pairs(&LABELS)).set(0.000_04);
    registry.register("g_ratio", "Share", gauge);
    let of_all = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    of_all.set(12.0);
    registry.register("h", "Of all", of_all);
    let counter = Metrics::<Pairs, Counter>::default();
    counter.get_or_create(&pairs(&LABELS)).inc_by(u64::MAX);
    registry.register("c", "Things", counter);
    let times = Metrics::<Pairs, Theirs, _>::new_with_constructor(move || theirs.clone());
    drop(times.get_or_create(&pairs(&LABELS)));
    registry.register("t_seconds", "Times", times);
    registry.register("b", "Build", Info::new(pairs(&[("version", "1")])));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert_eq!(openmetrics(|page| ours(page, &histogram)), text);
}

#[test]
fn the_classic_text_names_a_family_as_its_series() {
    let page = written(Format::Classic, |page| {
        page.counter("c_total", "A \"thing\"\\.", [([("x", "# HELP")], 1)]);
        page.info("b_info", "Build.", [[("v", "1")]]);
    });
    let text = "# HELP c_total A \"thing\"\\\\.\n# TYPE c_total counter\nc_total{x=\"# HELP\"} 1\n\
                # HELP b_info Build.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n";
    assert_eq!(String::from_utf8(page).unwrap(), text);
}

#[test]
fn what_is_not_known_is_left_out_and_so_is_a_family_without_series() {
    for format in [Format::OpenMetrics, Format::Classic, Format::Protobuf] {
        let page = written(format, |page| {
            page.gauge("nan", "", [((), f64::NAN), ((), f64::INFINITY)]);
            page.gauge("none", "", [((), None::<Duration>)]);
            page.counter("c_total", "", [((), None::<u64>)]);
            page.counter("d_total", "", [((), f64::NEG_INFINITY)]);
            page.histogram("h", "", [] as [((), &Histogram); 0]);
            page.info("i_info", "", [] as [(); 0]);
        });
        let end: &[u8] = if format == Format::OpenMetrics { b"# EOF\n" } else { b"" };
        assert_eq!(page, end, "{format:?}");
    }
    let half = openmetrics(|page| page.gauge("g", "G.", [((), None), ((), Some(true))]));
    assert_eq!(half, "# HELP g G.\n# TYPE g gauge\ng 1.0\n# EOF\n");
}

#[test]
fn nothing_is_asked_for_a_reader_that_is_lost() {
    struct Lost;
    impl Write for Lost {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut asked = 0;
    let mut lost = Lost;
    let mut page = Page::new(Format::Classic, &mut lost);
    page.counter("c_total", "Things.", (0..u64::MAX).inspect(|_| asked += 1).map(|n| ((), n)));
    page.gauge("g", "G.", std::iter::from_fn(|| -> Option<((), f64)> { panic!("it is lost") }));
    assert_eq!(page.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(asked < 20_000, "{asked}");
}

/// A field of a message on the wire: its number, and a number or bytes.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Number(u64, u64),
    Double(u64, f64),
    Bytes(u64, Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
        shift += 7;
    }
}

fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        fields.push(match tag & 7 {
            0 => Field::Number(tag >> 3, varint(&mut bytes)),
            1 => {
                let (double, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Double(tag >> 3, f64::from_le_bytes(double.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(tag >> 3, content.to_owned())
            }
            other => panic!("no field of type {other}"),
        });
    }
    fields
}

fn text(number: u64, text: &str) -> Field {
    Field::Bytes(number, text.as_bytes().to_owned())
}

#[test]
fn protobuf_is_a_family_after_another_with_its_length_before_it() {
    let page = written(Format::Protobuf, |page| {
        page.counter("c_total", "Things.", (0..1_000_u64).map(|n| ([("a", "x")], n)));
        page.info("b_info", "Build.", [()]);
    });
    let (mut rest, mut families) = (&page[..], Vec::new());
    while !rest.is_empty() {
        let length = usize::try_from(varint(&mut rest)).unwrap();
        families.push(fields(&rest[..length]));
        rest = &rest[length..];
    }
    let [counter, info] = &families[..] else { panic!("{} families", families.len()) };
    assert_eq!(counter[..3], [text(1, "c_total"), text(2, "Things."), Field::Number(3, 0)]);
    assert_eq!(counter.len(), 1_003);
    let Field::Bytes(4, metric) = &counter[1_002] else { panic!("{:?}", counter[1_002]) };
    let [Field::Bytes(1, label), Field::Bytes(3, value)] = &fields(metric)[..] else { panic!() };
    assert_eq!(fields(label), [text(1, "a"), text(2, "x")]);
    assert_eq!(fields(value), [Field::Double(1, 999.0)]);
    assert_eq!(info[..3], [text(1, "b_info"), text(2, "Build."), Field::Number(3, 1)]);
    let Field::Bytes(4, metric) = &info[3] else { panic!("{:?}", info[3]) };
    let [Field::Bytes(2, value)] = &fields(metric)[..] else { panic!() };
    assert_eq!(fields(value), [Field::Double(1, 1.0)]);
}

#[test]
fn a_histogram_in_protobuf_has_both_kinds_of_buckets() {
    let histogram = Histogram::new(Buckets::new(&[0.5, 1.0]).unwrap());
    for seconds in [0.0, 1.0, 1.0, 1.05, 100.0] {
        histogram.observe(Duration::from_secs_f64(seconds));
    }
    let page = written(Format::Protobuf, |page| page.histogram("h", "H.", [((), &histogram)]));
    let mut rest = &page[..];
    assert_eq!(varint(&mut rest), rest.len() as u64);
    let Some(Field::Bytes(4, metric)) = fields(rest).pop() else { panic!() };
    let Some(Field::Bytes(7, histogram)) = fields(&metric).pop() else { panic!() };
    let mut got = fields(&histogram);
    // When it was created.
    assert!(matches!(got.pop(), Some(Field::Bytes(15, _))));
    let bucket = |count, bound| {
        let [count, bound] = [vec![8, count], [&[17][..], &f64::to_le_bytes(bound)].concat()];
        Field::Bytes(3, [count, bound].concat())
    };
    let wanted = [
        Field::Number(1, 5),
        Field::Double(2, 103.05),
        bucket(1, 0.5),
        bucket(3, 1.0),
        // Schema 3; the zero bucket holds one.
        Field::Number(5, 6),
        Field::Double(6, 2f64.powi(-128)),
        Field::Number(7, 1),
        // From bucket 0 on two, and one more 52 buckets after these.
        Field::Bytes(12, vec![8, 0, 16, 2]),
        Field::Bytes(12, vec![8, 104, 16, 1]),
        // 2, one less, and as many.
        Field::Bytes(13, vec![4, 1, 0]),
    ];
    assert_eq!(got, wanted);
}
