//! Landlock: which files the engine may open. No TCP, no abstract sockets, no signals to other processes.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The rules are written for this version (Linux 6.12); an older kernel enforces what it knows.
const WRITTEN_FOR: ABI = ABI::V6;

/// Where the C library and its parts live, which libchdb loads. Those that exist are readable.
const SYSTEM_LIBRARIES: [&str; 4] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64"];

/// The process's own facts (libchdb reads its stack's limits from `maps`) and its memory limits.
const SYSTEM_FACTS: [&str; 2] = ["/proc/self", "/sys/fs/cgroup"];

/// What Landlock reports after the call.
pub(super) struct Restriction {
    pub(super) landlock: bool,
    pub(super) complete: bool,
    pub(super) abi: i32,
    pub(super) no_new_privs: bool,
}

impl Restriction {
    pub(super) const NONE: Self = Self { landlock: false, complete: false, abi: 0, no_new_privs: false };
}

/// Leaves this thread read-write access below `data_dir` and read access to what libchdb needs to run.
pub(super) fn restrict(data_dir: &Path, library: &Path) -> Result<Restriction, String> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // Everything but starting programs, devices and special files.
    let write = AccessFs::from_all(WRITTEN_FOR)
        & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeFifo | AccessFs::IoctlDev);
    let readable: Vec<PathBuf> = SYSTEM_LIBRARIES
        .iter()
        .chain(&SYSTEM_FACTS)
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .chain(library.parent().map(Path::to_owned))
        .collect();
    let mut rules = ruleset().map_err(|error| format!("could not make the rules: {error}"))?;
    rules = allow(rules, data_dir, write)?;
    for path in &readable {
        rules = allow(rules, path, read)?;
    }
    let status = rules.restrict_self().map_err(|error| format!("could not put the rules in force: {error}"))?;
    Ok(Restriction {
        landlock: status.ruleset != RulesetStatus::NotEnforced,
        complete: status.ruleset == RulesetStatus::FullyEnforced,
        abi: match status.landlock {
            LandlockStatus::Available { kernel_abi: Some(newer), .. } => newer,
            LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
        },
        no_new_privs: status.no_new_privs,
    })
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WRITTEN_FOR))?
        .handle_access(AccessNet::from_all(WRITTEN_FOR))?
        .scope(Scope::from_all(WRITTEN_FOR))?
        .create()
}

fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, String> {
    let failed = |error: &dyn std::fmt::Display| format!("could not allow '{}': {error}", path.display());
    let opened = PathFd::new(path).map_err(|error| failed(&error))?;
    rules.add_rule(PathBeneath::new(opened, access)).map_err(|error| failed(&error))
}
