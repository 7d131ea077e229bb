//! Configs that are checked before anybody is asked.

use super::*;

#[test]
fn a_bad_config_ends_the_program_with_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yml");
    fs::write(&file, config(53, 53, "1.2.3.4").replace("region: EMEA", "reign: EMEA")).unwrap();
    for extra in [&["--config.check"][..], &[]] {
        let output = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"))
            .args(["--web.listen-address", "127.0.0.1:0", "--config.file"])
            .arg(&file)
            .args(extra)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("bad.yml:1:") && error.contains("unknown field `reign`"), "{error}");
    }
}

#[test]
fn the_example_config_is_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/turbulence-dns.example.yml");
    let output = Command::new(env!("CARGO_BIN_EXE_turbulence-dns"))
        .args(["--config.check", "--config.file", example])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
