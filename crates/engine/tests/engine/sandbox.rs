//! The confinement, seen from inside: it must stop what the server's guard would have refused before.

use std::path::Path;

use serde_json::json;

use crate::support::Engine;

#[test]
fn the_process_is_fully_confined_where_the_kernel_can() {
    let engine = Engine::start();
    let sandbox = &engine.status()["sandbox"];
    let landlock_in_kernel = std::fs::read_to_string("/sys/kernel/security/lsm")
        .map_or_else(|_| sandbox["abi"] != 0, |modules| modules.split(',').any(|module| module.trim() == "landlock"));
    if landlock_in_kernel {
        assert_eq!(sandbox["landlock"], json!(true));
        assert_eq!(sandbox["enforced"], json!("full"), "{sandbox}");
    }
    assert_eq!((&sandbox["seccomp"], &sandbox["no_new_privs"]), (&json!(true), &json!(true)));
}

#[test]
fn files_outside_the_data_directory_are_out_of_reach() {
    let engine = Engine::start();
    let outside = engine.data_dir().with_file_name("outside.csv");
    std::fs::write(&outside, "secret\n").unwrap();
    let target = engine.data_dir().with_file_name("written.csv");
    let (outside, target_text) = (outside.display(), target.display());
    for sql in [
        "SELECT file('/etc/hostname')".to_owned(),
        "SELECT * FROM file('/etc/passwd', 'LineAsString')".to_owned(),
        "SELECT * FROM `/etc/passwd`".to_owned(),
        format!("SELECT file('{outside}')"),
        format!("SELECT * FROM file('{outside}', 'CSV', 's String')"),
        format!("SELECT 1 INTO OUTFILE '{target_text}'"),
        "SELECT 1 INTO OUTFILE '/tmp/x'".to_owned(),
        format!("INSERT INTO FUNCTION file('{target_text}', 'CSV', 'a UInt8') SELECT 1"),
    ] {
        engine.error("", &sql);
    }
    assert!(!target.exists() && !Path::new("/tmp/x").exists());
}

#[test]
fn there_is_no_network_and_no_other_program() {
    let engine = Engine::start();
    for sql in [
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
        "SELECT * FROM remote('127.0.0.1:1', 'system.one')",
        "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
        "SELECT * FROM executable('ls', 'CSV', 'a String')",
    ] {
        engine.error("?http_max_tries=1&connect_timeout_with_failover_ms=50", sql);
    }
}

#[test]
fn the_working_directory_is_empty_and_the_environment_clean() {
    let engine = Engine::start();
    let process = Path::new("/proc").join(engine.id().to_string());
    let directory = std::fs::read_link(process.join("cwd")).unwrap();
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
    assert_eq!(engine.sql("SELECT timezone()"), "UTC\n");
}
