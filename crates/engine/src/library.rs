//! Finds the libchdb shared library.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The path of libchdb: `explicit` (the value of `STANDPIPE_LIBCHDB`) when given, else the first that exists of: next to
/// the executable, `../lib` from there, and the checkout that the executable was built in.
///
/// # Errors
/// The machine is one that libchdb is not published for, or there is no library; the text says what to do.
pub fn library_path(explicit: Option<PathBuf>) -> Result<PathBuf, Error> {
    if let Some(path) = explicit {
        // Absolute, because the engine changes its working directory before it loads the library.
        return match path.canonicalize() {
            Ok(path) if path.is_file() => Ok(path),
            _ => Err(Error::LibraryNotAt(path)),
        };
    }
    let platform = Platform::of(std::env::consts::OS, std::env::consts::ARCH)?;
    let executable = std::env::current_exe().and_then(|path| path.canonicalize());
    let executable =
        executable.map_err(|source| Error::Io { action: "find the path of", path: "/proc/self/exe".into(), source })?;
    let searched = candidates(&executable, platform);
    match searched.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(Error::LibraryMissing { searched }),
    }
}

/// A machine that libchdb is published for, as the npm packages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Platform {
    folder: &'static str,
    package: &'static str,
}

impl Platform {
    fn of(os: &str, processor: &str) -> Result<Self, Error> {
        match (os, processor) {
            ("linux", "x86_64") => Ok(Self { folder: "linux-x64", package: "lib-linux-x64-gnu" }),
            ("linux", "aarch64") => Ok(Self { folder: "linux-arm64", package: "lib-linux-arm64-gnu" }),
            ("macos", "aarch64") => Ok(Self { folder: "darwin-arm64", package: "lib-darwin-arm64" }),
            ("macos", "x86_64") => Ok(Self { folder: "darwin-x64", package: "lib-darwin-x64" }),
            _ => Err(Error::UnsupportedMachine(format!("{os}-{processor}"))),
        }
    }
}

/// Every place searched, in order. The checkout is looked for in all parents, so that test binaries in
/// `target/debug/deps` find it like `target/release/standpipe` does.
fn candidates(executable: &Path, platform: Platform) -> Vec<PathBuf> {
    const NAME: &str = "libchdb.so";
    let Some(folder) = executable.parent() else { return Vec::new() };
    let mut found = vec![folder.join(NAME)];
    found.extend(folder.parent().map(|parent| parent.join("lib").join(NAME)));
    let in_checkout: PathBuf =
        ["libchdb", platform.folder, "node_modules", "@chdb", platform.package, NAME].iter().collect();
    let builds = folder.ancestors().filter(|parent| parent.file_name().is_some_and(|name| name == "target"));
    found.extend(builds.filter_map(Path::parent).map(|checkout| checkout.join(&in_checkout)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_found_from_release_and_from_test_binaries() {
        let platform = Platform::of("linux", "x86_64").unwrap();
        let expected = Path::new("/src/libchdb/linux-x64/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so");
        for executable in ["/src/target/release/standpipe", "/src/target/debug/deps/engine-1234"] {
            let found = candidates(Path::new(executable), platform);
            assert_eq!(found.last().unwrap(), expected, "from {executable}");
        }
    }

    #[test]
    fn an_installed_binary_looks_beside_itself_and_in_lib() {
        let platform = Platform::of("linux", "aarch64").unwrap();
        let found = candidates(Path::new("/opt/standpipe/bin/standpipe"), platform);
        assert_eq!(found, [Path::new("/opt/standpipe/bin/libchdb.so"), Path::new("/opt/standpipe/lib/libchdb.so")]);
    }

    #[test]
    fn other_machines_get_one_clear_sentence() {
        let error = Platform::of("freebsd", "riscv64").unwrap_err().to_string();
        assert!(error.starts_with("no embedded engine exists for 'freebsd-riscv64'"), "{error}");
    }

    #[test]
    fn a_wrong_explicit_path_is_named() {
        let error = library_path(Some("/nowhere/libchdb.so".into())).unwrap_err().to_string();
        assert_eq!(error, "cannot find libchdb at '/nowhere/libchdb.so', the path given by STANDPIPE_LIBCHDB");
    }
}
