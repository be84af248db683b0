//! The files of a results folder as typed tables.

mod csv_table;
mod error;
mod graph;
mod manifest;
mod names;
mod points;
mod tables;

use std::collections::BTreeMap;

pub use error::ReadError;
pub use graph::{GraphLink, GraphRow};
pub use manifest::{
    Axis, Better, Expectation, HardwareProfiles, Label, MANIFEST_FILE, Manifest, Metric, PlotRequest,
    RunStatus,
};
pub use names::{NameId, Names};
pub use points::Point;
pub use tables::{EntityRow, EntityTable, LatencyRow, LedgerRow, OverheadRow, SeriesRow};

use csv_table::CsvTable;

/// Everything that a results folder says.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was run.
    pub manifest: Manifest,
    /// The points of the sweep, in sweep order.
    pub points: Vec<Point>,
    /// The runs, in the manifest's order; failed ones have no metrics.
    pub runs: Vec<Run>,
    /// The texts that the tables refer to.
    pub names: Names,
    /// Metrics by run and flow (`flows.csv`).
    pub flows: EntityTable,
    /// Bytes by run, flow, layer, protocol and reason (`overhead.csv`).
    pub overhead: Vec<OverheadRow>,
    /// Energy by run, node, part, state, layer and cause (`ledger.csv`).
    pub ledger: Vec<LedgerRow>,
    /// Latencies by run and flow (`latency.csv`).
    pub latency: Vec<LatencyRow>,
    /// Counters by run and node (`nodes.csv`).
    pub nodes: EntityTable,
    /// Counters by run and link direction (`links.csv`).
    pub links: EntityTable,
    /// Frames by run, medium, sender, receiver, kind and fate (`frames.csv`).
    pub frames: EntityTable,
    /// The nodes of the graphs that RPL has built, by run (`rpl.csv`).
    pub graph: Vec<GraphRow>,
    /// The links that those nodes know of, by run (`etx.csv`).
    pub graph_links: Vec<GraphLink>,
    /// Time series by run (`series/RUN.csv`): index of the run, rows in file order.
    pub series: BTreeMap<usize, Vec<SeriesRow>>,
}

/// One run with its metrics.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name, such as `p0007-r03`.
    pub name: String,
    /// Index of its point in [`Results::points`].
    pub point: usize,
    /// Which replication it is, from 0.
    pub replication: u64,
    /// Seed in hexadecimal.
    pub seed: String,
    /// Digest in hexadecimal; empty where the run failed.
    pub digest: String,
    /// Why it failed; nothing where it reached its end.
    pub failure: Option<String>,
    /// A value for each of the manifest's metrics; nothing where it is undefined.
    pub metrics: Vec<Option<f64>>,
}

impl Results {
    /// Reads the files of a results folder, by their name inside it (`runs.csv`, `series/p0000-r00.csv`).
    ///
    /// `manifest.json` and `runs.csv` must be there; other files may be absent, unknown ones are ignored.
    ///
    /// # Errors
    /// Names file, line and column of the first damage.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ReadError> {
        let manifest = Manifest::parse(required(files, MANIFEST_FILE)?)?;
        let points = points::read(&manifest)?;
        let mut runs = runs_of(&manifest, &points)?;
        let by_name: BTreeMap<String, usize> =
            runs.iter().enumerate().map(|(index, run)| (run.name.clone(), index)).collect();
        let runs_table = CsvTable::parse(RUNS_FILE, required(files, RUNS_FILE)?)?;
        read_run_metrics(&runs_table, &manifest, &by_name, &mut runs)?;

        let mut reader = tables::TableReader { files, runs: &by_name, names: Names::default() };
        let flows = reader.entities("flows.csv", &["flow", "from", "to", "over"])?;
        let nodes = reader.entities("nodes.csv", &["node", "board"])?;
        let links = reader.entities("links.csv", &["link", "from", "to"])?;
        let frames = reader.entities("frames.csv", &["medium", "from", "to", "kind", "fate"])?;
        let overhead = reader.overhead()?;
        let ledger = reader.ledger()?;
        let latency = reader.latency()?;
        let series = reader.series()?;
        let graph = reader.graph()?;
        let graph_links = reader.graph_links()?;
        let names = reader.names;
        Ok(Self {
            manifest,
            points,
            runs,
            names,
            flows,
            overhead,
            ledger,
            latency,
            nodes,
            links,
            frames,
            graph,
            graph_links,
            series,
        })
    }

    /// What a reader has to know of the figures that the energies come from, in one sentence; nothing where no node has
    /// hardware or all figures were read in their documents.
    pub fn hardware_note(&self) -> Option<String> {
        let hardware = self.manifest.hardware.as_ref().filter(|hardware| hardware.unverified > 0)?;
        Some(format!(
            "Energy: {} of the {} figures of {} have not been checked against the documents that they name; compare \
             energies with each other rather than trust one.",
            hardware.unverified,
            hardware.figures,
            hardware.profiles.join(", ")
        ))
    }

    /// Index of the metric that scenarios call `name`; a column name serves too.
    pub fn metric_index(&self, name: &str) -> Option<usize> {
        let metrics = &self.manifest.metrics;
        metrics
            .iter()
            .position(|metric| metric.name == name)
            .or_else(|| metrics.iter().position(|metric| metric.column == name))
    }

    /// The runs of a point that reached their end, by replication.
    pub fn finished_runs(&self, point: usize) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.point == point && run.failure.is_none())
    }

    /// The defined values of a metric at a point, in the order of the runs.
    pub fn values(&self, point: usize, metric: usize) -> Vec<f64> {
        self.finished_runs(point).filter_map(|run| run.metrics.get(metric).copied().flatten()).collect()
    }
}

const RUNS_FILE: &str = "runs.csv";

fn required<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8], ReadError> {
    let bytes = files.get(name).ok_or_else(|| ReadError::Missing { file: name.to_owned() })?;
    Ok(bytes)
}

fn runs_of(manifest: &Manifest, points: &[Point]) -> Result<Vec<Run>, ReadError> {
    let by_name: BTreeMap<&str, usize> =
        points.iter().enumerate().map(|(index, point)| (point.name.as_str(), index)).collect();
    let mut seen = BTreeMap::new();
    let mut runs = Vec::with_capacity(manifest.runs.len());
    for run in &manifest.runs {
        if seen.insert(run.run.as_str(), ()).is_some() {
            return Err(in_manifest(format!("two runs are called \"{}\"", run.run)));
        }
        let point = *by_name.get(run.point.as_str()).ok_or_else(|| {
            in_manifest(format!("run \"{}\" is of an unknown point \"{}\"", run.run, run.point))
        })?;
        runs.push(Run {
            name: run.run.clone(),
            point,
            replication: run.replication,
            seed: run.seed.0.clone(),
            digest: run.digest.clone(),
            failure: match run.status {
                RunStatus::Done => None,
                RunStatus::Failed => Some(run.error.clone().unwrap_or_default()),
            },
            metrics: Vec::new(),
        });
    }
    Ok(runs)
}

fn read_run_metrics(
    table: &CsvTable,
    manifest: &Manifest,
    by_name: &BTreeMap<String, usize>,
    runs: &mut [Run],
) -> Result<(), ReadError> {
    let name = table.column("run")?;
    let columns: Vec<usize> =
        manifest.metrics.iter().map(|metric| table.column(&metric.column)).collect::<Result<_, _>>()?;
    for row in table.rows() {
        let index = *by_name.get(row.text(name)).ok_or_else(|| row.damaged(name, "a run of the manifest"))?;
        if !runs[index].metrics.is_empty() {
            return Err(row.damaged(name, "each run once"));
        }
        runs[index].metrics = columns.iter().map(|column| row.number(*column)).collect::<Result<_, _>>()?;
    }
    let missing = |run: &&Run| run.failure.is_none() && run.metrics.len() < columns.len();
    match runs.iter().find(missing) {
        None => Ok(()),
        Some(run) => Err(ReadError::Inconsistent {
            file: RUNS_FILE.to_owned(),
            reason: format!("run \"{}\" is done, but has no row", run.name),
        }),
    }
}

fn in_manifest(reason: String) -> ReadError {
    ReadError::Inconsistent { file: MANIFEST_FILE.to_owned(), reason }
}
