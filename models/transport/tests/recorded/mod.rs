//! Tables of what each event does in each state, held against the recorded ones.

/// Fails where `table` is not the one recorded in `tests/golden/NAME.txt`; with `UPDATE_STATES` set it is recorded anew.
pub(crate) fn assert_is_recorded(name: &str, table: &str) {
    let place = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_STATES").is_some() {
        std::fs::write(&place, table).expect("the table can be written");
    }
    let recorded = std::fs::read_to_string(&place).expect("the table was recorded");
    for (recorded, now) in recorded.lines().zip(table.lines()) {
        assert_eq!(recorded, now);
    }
    assert_eq!(recorded.lines().count(), table.lines().count());
}
