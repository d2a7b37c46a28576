//! How much memory there is for this process and its engine.

use std::path::Path;

/// The machine's memory in bytes, or what its container may use of it; none where the system does not tell in `/proc`.
pub fn memory() -> Option<u64> {
    memory_below(Path::new("/"))
}

fn memory_below(root: &Path) -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let meminfo = read("proc/meminfo")?;
    let kilobytes: u64 =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split(' ').rev().nth(1)?.parse().ok()?;
    // The second version of cgroups and the first one; "max" and huge numbers are no limit.
    let cgroups = ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = cgroups.into_iter().filter_map(|path| read(path)?.trim().parse::<u64>().ok());
    limits.chain([kilobytes * 1024]).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_less_than_its_machine() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(memory_below(folder.path()), None);
        write("proc/meminfo", "MemTotal:       24634624 kB\nMemFree:        20215436 kB\n");
        assert_eq!(memory_below(folder.path()), Some(24_634_624 * 1024));
        write("sys/fs/cgroup/memory.max", "max\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(memory_below(folder.path()), Some(24_634_624 * 1024));
        write("sys/fs/cgroup/memory.max", "1073741824\n");
        assert_eq!(memory_below(folder.path()), Some(1 << 30));
    }
}
