//! SPIN's side: a model becomes C, the C becomes a program (`gcc -O2`), the program explores, depth first.
//!
//! It is given what makes it fastest and keeps it exact: safety alone, states compared in full, a table with room for all.

use crate::sides::{Explored, World};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

const TWO_PHASE_COMMIT: &str = include_str!("../spin/two-phase-commit.pml");
/// Where Debian's package puts the election.
const ELECTION: &str = "/usr/share/doc/spin/examples/Examples/leader0.pml";
/// The logarithm of the slots in its table of states.
const SLOTS: &str = "-w24";
const DEPTH: &str = "-m10000";

/// A folder for what is built; gone when this is dropped.
pub struct Workshop(PathBuf);

impl Drop for Workshop {
    fn drop(&mut self) {
        // what is left of it is the system's to clear away
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Workshop {
    /// A workshop, or what is missing for it.
    pub fn open() -> Result<Self, String> {
        for tool in [["spin", "-V"], ["gcc", "--version"]] {
            Command::new(tool[0]).arg(tool[1]).output().map_err(|e| format!("{}: {e}", tool[0]))?;
        }
        let folder = std::env::temp_dir().join(format!("bench-check-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self(folder))
    }

    /// The program that explores this world.
    fn build(&self, world: World) -> Result<PathBuf, String> {
        let (model, size, reduced) = match world {
            World::TwoPhase { managers } => (TWO_PHASE_COMMIT.to_owned(), managers, false),
            World::Ring { processes, reduced } => (election()?, processes, reduced),
            _ => return Err(format!("spin has no {world}")),
        };
        let folder = self.0.join(world.to_string());
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("model.pml"), model));
        written.map_err(|e| format!("{}: {e}", folder.display()))?;
        run(Command::new("spin").args([&format!("-DN={size}"), "-a", "model.pml"]).current_dir(&folder))?;
        let mut compile = Command::new("gcc");
        compile.args(["-O2", "-w", "-DSAFETY", "-DNOFAIR", "-DMEMLIM=4096", "-o", "pan", "pan.c"]);
        run(compile.args((!reduced).then_some("-DNOREDUCE")).current_dir(&folder))?;
        Ok(folder.join("pan"))
    }
}

/// The program that explores this world; `Err` if something is missing for it, `Ok(Err)` if it cannot be built.
pub fn program(workshop: &Result<Workshop, String>, world: World) -> Result<Result<PathBuf, String>, String> {
    let workshop = workshop.as_ref().map_err(Clone::clone)?;
    if matches!(world, World::Ring { .. }) && !Path::new(ELECTION).exists() {
        return Err(format!("no {ELECTION}"));
    }
    Ok(workshop.build(world))
}

/// The election as it is shipped, its size left open.
fn election() -> Result<String, String> {
    let shipped = fs::read_to_string(ELECTION).map_err(|e| format!("{ELECTION}: {e}"))?;
    Ok(shipped
        .lines()
        .filter(|line| !line.starts_with("#define N\t"))
        .map(|line| format!("{line}\n"))
        .collect())
}

fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e: io::Error| format!("{name}: {e}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{name}: {}", String::from_utf8_lossy(&said).trim()))
}

/// Runs the program: the states it stored, if it found no error and left nothing out.
pub fn explore(program: &Path) -> Result<Explored, String> {
    let output = run(Command::new(program).args([DEPTH, SLOTS]))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains("errors: 0")
        || text.contains("search not completed")
        || text.contains("max search depth")
    {
        return Err(format!("no complete search without an error:\n{text}"));
    }
    let stored = text.lines().find_map(|line| line.trim().strip_suffix(" states, stored")?.parse().ok());
    let states = stored.ok_or_else(|| format!("no number of states:\n{text}"))?;
    Ok(Explored { states, memory: None })
}
