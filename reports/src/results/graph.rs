//! The graphs that RPL has built by the end of each run (`rpl.csv`), and the links that its nodes know of (`etx.csv`).

use super::ReadError;
use super::names::NameId;
use super::tables::{TableReader, columns};

/// A node of a graph.
#[derive(Clone, Debug)]
pub struct GraphRow {
    /// Index of the run.
    pub run: usize,
    /// The radio medium.
    pub medium: NameId,
    /// The node.
    pub node: NameId,
    /// Metres to the east and to the north.
    pub place: (f64, f64),
    /// True for a root.
    pub is_root: bool,
    /// Its rank; nothing where it is in no graph.
    pub rank: Option<u64>,
    /// The preferred parent's name; empty at a root and outside of a graph.
    pub parent: NameId,
    /// Hops to the root.
    pub hops: Option<u64>,
}

/// A link as the node at its beginning knows it.
#[derive(Clone, Debug)]
pub struct GraphLink {
    /// Index of the run.
    pub run: usize,
    /// The radio medium.
    pub medium: NameId,
    /// Whose knowledge it is.
    pub from: NameId,
    /// The neighbour.
    pub to: NameId,
    /// Transmissions that a frame is expected to take.
    pub etx: f64,
    /// Whether frames were sent over it, so that the figure is no estimate.
    pub used: bool,
}

impl TableReader<'_> {
    /// Reads `rpl.csv`.
    pub(super) fn graph(&mut self) -> Result<Vec<GraphRow>, ReadError> {
        let Some(table) = self.table("rpl.csv")? else { return Ok(Vec::new()) };
        let names = ["run", "medium", "node", "east_m", "north_m", "role", "rank", "parent", "hops"];
        let [run, medium, node, east, north, role, rank, parent, hops] = columns(&table, names)?;
        let mut rows = Vec::new();
        for row in table.rows() {
            let whole =
                |column| if row.text(column).is_empty() { Ok(None) } else { row.whole(column).map(Some) };
            rows.push(GraphRow {
                run: self.run(row, run)?,
                medium: self.names.insert(row.text(medium)),
                node: self.names.insert(row.text(node)),
                place: (row.number(east)?.unwrap_or(0.0), row.number(north)?.unwrap_or(0.0)),
                is_root: row.text(role) == "root",
                rank: whole(rank)?,
                parent: self.names.insert(row.text(parent)),
                hops: whole(hops)?,
            });
        }
        Ok(rows)
    }

    /// Reads `etx.csv`.
    pub(super) fn graph_links(&mut self) -> Result<Vec<GraphLink>, ReadError> {
        let Some(table) = self.table("etx.csv")? else { return Ok(Vec::new()) };
        let [run, medium, from, to, etx, sent] =
            columns(&table, ["run", "medium", "from", "to", "etx", "frames_sent"])?;
        let mut rows = Vec::new();
        for row in table.rows() {
            rows.push(GraphLink {
                run: self.run(row, run)?,
                medium: self.names.insert(row.text(medium)),
                from: self.names.insert(row.text(from)),
                to: self.names.insert(row.text(to)),
                etx: row.number(etx)?.unwrap_or(1.0),
                used: row.whole(sent)? > 0,
            });
        }
        Ok(rows)
    }
}
