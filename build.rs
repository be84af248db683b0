//! Makes the list of the scenarios that ship from what stands in `scenarios/`: a new one is one file.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// The folders of scenarios, in the order in which `netjoule list` shows them.
const FOLDERS: [&str; 4] = ["compare", "course", "live", "bench"];

fn main() -> Result<(), Box<dyn Error>> {
    let scenarios = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("scenarios");
    let mut list = String::from(
        "/// The scenarios that ship, by folder, in the order in which `list` shows them.\n\
         pub(crate) const SHIPPED: &[Shipped] = &[\n",
    );
    for folder in FOLDERS {
        let folder_path = scenarios.join(folder);
        println!("cargo::rerun-if-changed={}", folder_path.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder_path)? {
            let name = entry?.file_name();
            let name = name.to_str().ok_or("a scenario's name is not UTF-8")?;
            names.extend(name.strip_suffix(".json").map(str::to_owned));
        }
        names.sort_unstable();
        for name in names {
            let file = folder_path.join(format!("{name}.json"));
            writeln!(list, "    Shipped {{ path: \"{folder}/{name}\", text: include_str!({file:?}) }},")?;
        }
    }
    list.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("shipped.rs"), list)?;
    Ok(())
}
