//! Makes the list of the profiles that ship from what stands in `profiles/`: a new part is one file.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

/// The folders of profiles: the names of the kinds.
const KINDS: [&str; 5] = ["battery", "board", "mcu", "radio", "sensor"];

fn main() -> Result<(), Box<dyn Error>> {
    let profiles = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("profiles");
    let mut list = String::from(
        "/// The profiles that ship: kind, name and text, in order of kind and name within it.\n\
         pub(super) const FILES: &[(&str, &str, &str)] = &[\n",
    );
    for kind in KINDS {
        let folder = profiles.join(kind);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let name = name.to_str().ok_or("a profile's name is not UTF-8")?;
            names.extend(name.strip_suffix(".json").map(str::to_owned));
        }
        names.sort_unstable();
        for name in names {
            let file = folder.join(format!("{name}.json"));
            writeln!(list, "    (\"{kind}\", \"{name}\", include_str!({file:?})),")?;
        }
    }
    list.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalogue.rs"), list)?;
    Ok(())
}
