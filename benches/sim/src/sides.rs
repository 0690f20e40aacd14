//! The sides of the race: each delivers messages among n processes, in a process of its own.

use crate::sample::Sample;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// Who simulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Synod,
    Turmoil,
    Madsim,
    Anysystem,
}

impl Side {
    pub const ALL: [Self; 4] = [Self::Synod, Self::Turmoil, Self::Madsim, Self::Anysystem];

    /// How many messages a run delivers: about a second or two of it, as far as memory goes.
    fn messages(self, n: u32) -> u64 {
        match self {
            Self::Synod => 10_000_000,
            Self::Madsim => 1_000_000,
            // it keeps what was sent
            Self::Anysystem => 300_000,
            // at every tick it looks at every link once for each host
            Self::Turmoil if n >= 1_000 => u64::from(n),
            Self::Turmoil if n >= 128 => 20_000,
            Self::Turmoil => 200_000,
        }
    }

    /// In this process.
    pub fn measure(self, n: u32, messages: u64) -> Result<Sample, String> {
        Ok(match self {
            Self::Synod => Sample::of(|| crate::synod::deliver(n, messages)),
            Self::Turmoil => crate::turmoil::deliver(n, messages),
            Self::Anysystem => crate::anysystem::deliver(n, messages),
            Self::Madsim => return Err("madsim is a program of its own".to_owned()),
        })
    }

    /// In a process of its own. `madsim` is madsim's program.
    pub fn sample(self, n: u32, share: f64, madsim: &Path) -> Result<Sample, String> {
        let messages = ((self.messages(n) as f64 * share) as u64).max(u64::from(n)).to_string();
        let mut command = if self == Self::Madsim {
            Command::new(madsim)
        } else {
            let this = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
            let mut command = Command::new(this);
            command.args(["--side", &self.to_string()]);
            command
        };
        let output = command
            .args([&n.to_string(), &messages])
            .output()
            .map_err(|e| format!("{self} cannot be started: {e}"))?;
        if !output.status.success() {
            return Err(format!("{self}, n = {n}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(text.lines().last().unwrap_or_default())
            .map_err(|e| format!("{self}, n = {n}, printed {text:?}: {e}"))
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Synod => "synod",
            Self::Turmoil => "turmoil",
            Self::Madsim => "madsim",
            Self::Anysystem => "anysystem",
        })
    }
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.to_string() == text).ok_or_else(|| format!("no side {text}"))
    }
}

/// Builds madsim's program, apart from the others: its flag is for it alone.
pub fn build_madsim() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
    let target = this.parent().and_then(Path::parent).ok_or("this program is in no target directory")?;
    let target = target.join("madsim");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "bench-sim-madsim", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", "--cfg madsim")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .map_err(|e| format!("cargo cannot be started: {e}"))?;
    if !built.success() {
        return Err("madsim's program was not built".to_owned());
    }
    Ok(target.join("release/bench-sim-madsim"))
}
