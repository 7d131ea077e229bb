//! Reading the repositories of awkward BMCs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use ipmi_lan::sdr::{Record, SdrRepository};
use ipmi_lan::{CommandError, CompletionCode, Credentials, Options, Password, Session};

#[path = "bmc/responder.rs"]
mod responder;
#[path = "bmc/served.rs"]
mod served;
use responder::Bmc;
use served::serve;

/// A full record of some 60 bytes.
fn full(id: u8, name: &str) -> Vec<u8> {
    let mut body = vec![0x20, 0, id, 7, 1, 0x7F, 0x40, 1, 1, 0, 0, 0, 0, 0, 0];
    body.extend([0x80, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0]);
    body.extend([0; 11]);
    body.push(0xC0 | u8::try_from(name.len()).unwrap());
    body.extend(name.bytes());
    record(id, 1, &body)
}

fn record(id: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![id, 0, 0x51, kind, u8::try_from(body.len()).unwrap()];
    record.extend(body);
    record
}

/// A BMC with twenty sensors.
fn bmc() -> Bmc {
    let records = (1..=20).map(|id| full(id, &format!("sensor number {id}"))).collect();
    Bmc { records, ..Bmc::new() }
}

async fn read(bmc: Bmc) -> Result<SdrRepository, CommandError> {
    let password = Password::new("s3cretpass").unwrap();
    let credentials = Credentials { user: "monitor".into(), password, k_g: None };
    let mut session = Session::open(serve(bmc), &credentials, &Options::default()).await.unwrap();
    let repository = session.read_sdr().await;
    session.close().await;
    repository
}

fn names(repository: &SdrRepository) -> Vec<String> {
    repository.records.iter().filter_map(Record::name).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_chunk_shrinks_until_the_bmc_gives_it() {
    let whole = read(bmc()).await.unwrap();
    assert!(whole.complete);
    assert_eq!((whole.read, names(&whole)[19].as_str()), (20, "sensor number 20"));
    for chunk in [31, 16, 15, 8] {
        for refusal in [0xCA, 0xC3, 0xFF, 0xC8] {
            let shrunk = read(Bmc { chunk, refusal, ..bmc() }).await.unwrap();
            assert_eq!(shrunk, whole, "chunk {chunk}, refusal {refusal:#x}");
        }
    }
}

#[tokio::test]
async fn a_bmc_that_gives_less_than_eight_bytes_leaves_holes_that_are_told() {
    let repository = read(Bmc { chunk: 7, ..bmc() }).await.unwrap();
    assert!(!repository.complete && repository.records.is_empty());
}

#[tokio::test]
async fn a_lost_reservation_begins_the_record_anew() {
    let whole = read(bmc()).await.unwrap();
    for lost in 0..70 {
        let cancels = [lost, lost + 1, lost + 9].into();
        assert_eq!(read(Bmc { cancels, ..bmc() }).await.unwrap(), whole, "at command {lost}");
    }
    let repository = read(Bmc { cancels: (0..100_000).collect(), ..bmc() }).await.unwrap();
    assert!(!repository.complete, "and a BMC that always loses it is given up");
}

#[tokio::test]
async fn an_endless_list_ends() {
    let repository = read(Bmc { loops: true, ..bmc() }).await.unwrap();
    assert!(!repository.complete);
    assert_eq!((repository.read, repository.records.len()), (20, 20));
}

#[tokio::test]
async fn a_wrong_count_is_seen_where_it_matters() {
    let missing = read(Bmc { count: Some(25), ..bmc() }).await.unwrap();
    assert!(!missing.complete, "five records were promised and not given");
    let more = read(Bmc { count: Some(15), ..bmc() }).await.unwrap();
    assert!(more.complete, "the list ended as it should");
    let endless = read(Bmc { count: Some(1), ..bmc() }).await.unwrap();
    assert!(!endless.complete && endless.read < 20, "far more than promised is called endless");
}

#[tokio::test]
async fn an_empty_repository_is_complete_and_none_is_an_error() {
    let repository = read(Bmc { records: Vec::new(), ..Bmc::new() }).await.unwrap();
    assert!(repository.complete && repository.records.is_empty());
    // Something else than sensors may be all there is.
    let one = read(Bmc { records: vec![record(1, 0xC0, &[1, 2, 3])], ..Bmc::new() }).await.unwrap();
    assert!(
        one.complete && matches!(&one.records[..], [Record::Other(raw)] if raw.body == [1, 2, 3])
    );
    let not_present = CommandError::Completion(CompletionCode::NOT_PRESENT);
    assert_eq!(not_present.as_str(), "completion_code");
}

#[tokio::test]
async fn the_longest_record_is_read_as_far_as_it_can_be() {
    let long = record(1, 0xC0, &[7; 255]);
    let repository =
        read(Bmc { records: vec![long, full(2, "after")], ..Bmc::new() }).await.unwrap();
    assert!(repository.complete);
    assert_eq!(names(&repository), ["after"]);
}
