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
    let few = read(Bmc { count: Some(1), ..bmc() }).await.unwrap();
    assert_eq!((few.complete, few.read), (true, 20), "the list ends where it ends");
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
    assert_eq!(not_present.as_str(), "not_present");
}

/// Length bytes that are wrong, and a name that is longer than its record says.
#[tokio::test]
async fn a_record_is_as_long_as_its_fields() {
    let whole = read(bmc()).await.unwrap();
    for wrong in [-59_i8, -40, -9, -1, 1, 5, 40, 100] {
        let mut bent = bmc();
        for record in &mut bent.records {
            record[4] = record[4].wrapping_add_signed(wrong);
        }
        let read = read(bent).await.unwrap();
        assert!(read.complete, "{wrong}");
        assert_eq!(names(&read), names(&whole), "{wrong}");
    }
    for chunk in [16, 8] {
        let mut bent = Bmc { chunk, ..bmc() };
        bent.records[3][4] += 7;
        // It ends in the middle of its name.
        bent.records[5].truncate(55);
        let cut = read(bent).await.unwrap();
        assert_eq!((cut.read, cut.complete), (20, false), "chunk {chunk}");
        assert_eq!(names(&cut)[5], "sensor", "chunk {chunk}");
        assert_eq!(names(&cut)[6..], names(&whole)[6..], "chunk {chunk}");
    }
}

/// A BMC that refuses one record tells nobody what comes after it.
#[tokio::test]
async fn what_comes_behind_a_record_that_is_refused_is_read() {
    let mut bmc = bmc();
    for (reservation, length) in [(1_u8, 5_u8), (0, 5)] {
        let header = vec![reservation, 0, 7, 0, 0, length];
        bmc.scripted.insert((0x0A, 0, 0x23, header), (0xFF, Vec::new()));
    }
    let read = read(bmc).await.unwrap();
    assert_eq!((read.read, read.complete), (19, false));
    assert!(!names(&read).contains(&"sensor number 7".to_owned()));
    assert_eq!(names(&read)[18], "sensor number 20");
}

/// Whatever is refused about the repository, the records are read where they are.
#[tokio::test]
async fn device_sdrs_are_read_where_there_is_no_repository() {
    let (own, empty) = (bmc().records, Vec::new());
    let refused = |codes: [Option<u8>; 3], records: &Vec<Vec<u8>>| {
        let mut bmc = Bmc { records: records.clone(), ..Bmc::new() };
        bmc.device_records.insert(0, own.clone());
        for (command, code) in [0x20, 0x22, 0x23].into_iter().zip(codes) {
            if let Some(code) = code {
                bmc.refused.insert((0x0A, command), code);
            }
        }
        bmc
    };
    for code in [0xC1, 0xC9, 0xD4, 0xFF, 0x80] {
        for codes in [[Some(code); 3], [None, None, Some(code)], [Some(code), None, Some(code)]] {
            let read = read(refused(codes, &own)).await.unwrap();
            assert_eq!((read.read, read.complete), (20, true), "{codes:x?}");
        }
        let read = read(refused([Some(code), None, None], &own)).await.unwrap();
        assert_eq!((read.read, read.stamp), (20, None), "{code:x}: the repository itself");
    }
    let read = read(refused([None; 3], &empty)).await.unwrap();
    assert_eq!((read.read, read.complete), (20, true), "an empty repository");
}

#[tokio::test]
async fn a_bmc_with_no_list_at_all_says_why() {
    let mut bmc = Bmc::new();
    bmc.refused.extend([((0x0A, 0x20), 0xD4), ((0x0A, 0x23), 0xD4), ((4, 0x20), 0xC1)]);
    bmc.refused.insert((4, 0x21), 0xC1);
    let privilege = CommandError::Completion(CompletionCode::PRIVILEGE);
    assert_eq!(read(bmc).await.err(), Some(privilege));
}

#[tokio::test]
async fn the_longest_record_is_read_as_far_as_it_can_be() {
    let long = record(1, 0xC0, &[7; 255]);
    let repository =
        read(Bmc { records: vec![long, full(2, "after")], ..Bmc::new() }).await.unwrap();
    assert!(repository.complete);
    assert_eq!(names(&repository), ["after"]);
}
