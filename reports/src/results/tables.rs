//! The CSV files beside `runs.csv`.

use std::collections::BTreeMap;

use super::csv_table::{CsvRow, CsvTable};
use super::{NameId, Names, ReadError};

/// A table of numbers by run and by entity (a flow, a node, a link direction).
#[derive(Clone, Debug, Default)]
pub struct EntityTable {
    /// Names of the columns that say which entity.
    pub keys: Vec<String>,
    /// Names of the columns of numbers.
    pub columns: Vec<String>,
    /// The rows, in file order.
    pub rows: Vec<EntityRow>,
}

/// One row of an [`EntityTable`].
#[derive(Clone, Debug)]
pub struct EntityRow {
    /// Index of the run.
    pub run: usize,
    /// A text for each key column.
    pub keys: Vec<NameId>,
    /// A number for each column of numbers; nothing where it is undefined.
    pub values: Vec<Option<f64>>,
}

/// Bytes that one cause cost in one run.
#[derive(Clone, Copy, Debug)]
pub struct OverheadRow {
    /// Index of the run.
    pub run: usize,
    /// The flow; `-` for none.
    pub flow: NameId,
    /// The layer, such as `transport`.
    pub layer: NameId,
    /// The protocol, such as `tcp`.
    pub protocol: NameId,
    /// The reason, such as `acknowledgement`.
    pub reason: NameId,
    /// Bytes.
    pub bytes: u64,
    /// Frames.
    pub frames: u64,
}

/// What one cause drew in one run.
#[derive(Clone, Copy, Debug)]
pub struct LedgerRow {
    /// Index of the run.
    pub run: usize,
    /// The node.
    pub node: NameId,
    /// The part, such as `radio`.
    pub part: NameId,
    /// Its state, such as `transmit 0 dBm`.
    pub state: NameId,
    /// The layer, such as `transport`; `-` where no frame was on the air.
    pub layer: NameId,
    /// The cause, such as `acknowledgement`.
    pub cause: NameId,
    /// Joules.
    pub joules: f64,
}

/// How often a latency occurred in one run.
#[derive(Clone, Copy, Debug)]
pub struct LatencyRow {
    /// Index of the run.
    pub run: usize,
    /// The flow.
    pub flow: NameId,
    /// The latency in nanoseconds.
    pub value_ns: u64,
    /// How many messages had it.
    pub count: u64,
}

/// One sample of a time series.
#[derive(Clone, Copy, Debug)]
pub struct SeriesRow {
    /// Time since the start of the run, in nanoseconds.
    pub time_ns: u64,
    /// What was observed, such as a flow.
    pub entity: NameId,
    /// Which quantity, such as `cwnd_bytes`.
    pub series: NameId,
    /// Its value from then on.
    pub value: f64,
}

/// Reads tables that refer to the manifest's runs.
pub(super) struct TableReader<'a> {
    pub(super) files: &'a BTreeMap<String, Vec<u8>>,
    pub(super) runs: &'a BTreeMap<String, usize>,
    pub(super) names: Names,
}

impl TableReader<'_> {
    /// Reads a table of entities; every column that is no key holds numbers.
    pub(super) fn entities(&mut self, file: &str, keys: &[&str]) -> Result<EntityTable, ReadError> {
        let Some(table) = self.table(file)? else {
            return Ok(EntityTable::default());
        };
        let run = table.column("run")?;
        let key_columns: Vec<usize> = keys.iter().map(|key| table.column(key)).collect::<Result<_, _>>()?;
        let value_columns: Vec<usize> = (0..table.header().len())
            .filter(|column| *column != run && !key_columns.contains(column))
            .collect();
        let mut rows = Vec::new();
        for row in table.rows() {
            rows.push(EntityRow {
                run: self.run(row, run)?,
                keys: key_columns.iter().map(|c| self.names.insert(row.text(*c))).collect(),
                values: value_columns.iter().map(|c| row.number(*c)).collect::<Result<_, _>>()?,
            });
        }
        Ok(EntityTable {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            columns: value_columns.iter().map(|c| table.header()[*c].clone()).collect(),
            rows,
        })
    }

    /// Reads `overhead.csv`.
    pub(super) fn overhead(&mut self) -> Result<Vec<OverheadRow>, ReadError> {
        let Some(table) = self.table("overhead.csv")? else {
            return Ok(Vec::new());
        };
        let [run, flow, layer, protocol, reason] =
            columns(&table, ["run", "flow", "layer", "protocol", "reason"])?;
        let [bytes, frames] = columns(&table, ["bytes", "frames"])?;
        let mut rows = Vec::new();
        for row in table.rows() {
            rows.push(OverheadRow {
                run: self.run(row, run)?,
                flow: self.names.insert(row.text(flow)),
                layer: self.names.insert(row.text(layer)),
                protocol: self.names.insert(row.text(protocol)),
                reason: self.names.insert(row.text(reason)),
                bytes: row.whole(bytes)?,
                frames: row.whole(frames)?,
            });
        }
        Ok(rows)
    }

    /// Reads `ledger.csv`.
    pub(super) fn ledger(&mut self) -> Result<Vec<LedgerRow>, ReadError> {
        let Some(table) = self.table("ledger.csv")? else {
            return Ok(Vec::new());
        };
        let [run, node, part, state, layer, cause, energy] =
            columns(&table, ["run", "node", "part", "state", "layer", "cause", "energy_zj"])?;
        let mut rows = Vec::new();
        for row in table.rows() {
            let zeptojoules = row.number(energy)?.ok_or_else(|| row.damaged(energy, "a number"))?;
            rows.push(LedgerRow {
                run: self.run(row, run)?,
                node: self.names.insert(row.text(node)),
                part: self.names.insert(row.text(part)),
                state: self.names.insert(row.text(state)),
                layer: self.names.insert(row.text(layer)),
                cause: self.names.insert(row.text(cause)),
                joules: zeptojoules / 1e21,
            });
        }
        Ok(rows)
    }

    /// Reads `latency.csv`.
    pub(super) fn latency(&mut self) -> Result<Vec<LatencyRow>, ReadError> {
        let Some(table) = self.table("latency.csv")? else {
            return Ok(Vec::new());
        };
        let [run, flow, value, count] = columns(&table, ["run", "flow", "value_ns", "count"])?;
        let mut rows = Vec::new();
        for row in table.rows() {
            rows.push(LatencyRow {
                run: self.run(row, run)?,
                flow: self.names.insert(row.text(flow)),
                value_ns: row.whole(value)?,
                count: row.whole(count)?,
            });
        }
        Ok(rows)
    }

    /// Reads `series/RUN.csv` of every known run that has one.
    pub(super) fn series(&mut self) -> Result<BTreeMap<usize, Vec<SeriesRow>>, ReadError> {
        let mut series = BTreeMap::new();
        for (name, index) in self.runs {
            let file = format!("series/{name}.csv");
            let Some(table) = self.table(&file)? else { continue };
            let [time, entity, quantity, value] = columns(&table, ["time_ns", "entity", "series", "value"])?;
            let mut rows = Vec::new();
            for row in table.rows() {
                rows.push(SeriesRow {
                    time_ns: row.whole(time)?,
                    entity: self.names.insert(row.text(entity)),
                    series: self.names.insert(row.text(quantity)),
                    value: row.number(value)?.ok_or_else(|| row.damaged(value, "a number"))?,
                });
            }
            series.insert(*index, rows);
        }
        Ok(series)
    }

    pub(super) fn table(&self, file: &str) -> Result<Option<CsvTable>, ReadError> {
        self.files.get(file).map(|bytes| CsvTable::parse(file, bytes)).transpose()
    }

    pub(super) fn run(&self, row: CsvRow<'_>, column: usize) -> Result<usize, ReadError> {
        let run = self.runs.get(row.text(column));
        run.copied().ok_or_else(|| row.damaged(column, "a run of the manifest"))
    }
}

pub(super) fn columns<const N: usize>(table: &CsvTable, names: [&str; N]) -> Result<[usize; N], ReadError> {
    let mut columns = [0; N];
    for (column, name) in columns.iter_mut().zip(names) {
        *column = table.column(name)?;
    }
    Ok(columns)
}
