//! The README's walk-through, pasted as it stands into a shell, answers what the README prints.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Server {
    fn start(repository: &Path) -> Server {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_standpipe"))
            .args(["serve", "--listen", "127.0.0.1:0", "--sample", "examples/flights", "--data"])
            .arg(data.path())
            .current_dir(repository)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let mut wait_for = |text: &str| {
            let mut seen = Vec::new();
            for line in lines.by_ref() {
                if line.contains(text) {
                    return line;
                }
                seen.push(line);
            }
            panic!("the server ended before it said '{text}':\n{}", seen.join("\n"));
        };
        let listening = wait_for("listening on http://");
        let address = listening.split("http://").nth(1).unwrap().trim().to_owned();
        wait_for("the sample is loaded");
        // The log goes on; a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address, _data: data }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The engine ends with the process that started it.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The fenced blocks below the heading `## Walk-through`, until the next heading: language and text.
fn blocks(readme: &str) -> Vec<(String, String)> {
    let section = readme.split("\n## Walk-through\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in section.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn the_walk_through_answers_what_it_prints() {
    const MARK: &str = "---- end of block ----";
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let readme = std::fs::read_to_string(repository.join("README.md")).unwrap();
    let server = Server::start(&repository);

    // One shell for all, since later blocks use variables of earlier ones.
    let mut script = String::new();
    let mut expected: Vec<String> = Vec::new();
    for (language, text) in blocks(&readme) {
        if language == "sh" {
            script.push_str(&text.replace("127.0.0.1:7181", &server.address));
            script.push_str(&format!("\necho; echo '{MARK}'\n"));
            expected.push(String::new());
        } else {
            expected.last_mut().unwrap().push_str(&text);
        }
    }
    assert!(expected.iter().filter(|text| !text.is_empty()).count() >= 5, "the walk-through prints answers");
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.split(MARK).collect();
    for (number, expected) in expected.iter().enumerate() {
        assert_eq!(without_blank_lines(printed[number]), without_blank_lines(expected), "block {number}");
    }
}

fn without_blank_lines(text: &str) -> String {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
