//! Writes the seeds that the product itself makes into the corpora: again after a format has changed.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    for way_in in synod_fuzz::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(way_in.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (way_in.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
