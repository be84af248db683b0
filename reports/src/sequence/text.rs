//! The diagram as text for a terminal.

use super::TraceItem;
use super::plan::{self, Content, Hop, milliseconds};
use crate::table::one_line;

/// How a diagram is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Columns of the terminal. With many nodes the diagram may be wider.
    pub width: usize,
    /// Only ASCII, for terminals without line-drawing characters.
    pub ascii: bool,
}

/// Width of the column of times at each side.
const TIME: usize = 12;
/// Least distance of two lifelines.
const GAP_MIN: usize = 14;

/// The characters a diagram is made of.
struct Pens {
    life: char,
    line: char,
    flight: char,
    cross: char,
    start_right: char,
    start_left: char,
    head_right: char,
    head_left: char,
    lost: char,
    note: char,
    more: char,
}

const UNICODE: Pens = Pens {
    life: '│',
    line: '─',
    flight: '╌',
    cross: '┼',
    start_right: '├',
    start_left: '┤',
    head_right: '▶',
    head_left: '◀',
    lost: '×',
    note: '●',
    more: '…',
};

const ASCII: Pens = Pens {
    life: '|',
    line: '-',
    flight: '.',
    cross: '+',
    start_right: '|',
    start_left: '|',
    head_right: '>',
    head_left: '<',
    lost: 'x',
    note: '*',
    more: '~',
};

/// Draws what happened among `nodes`: times at the left, in milliseconds, a column for each node, and at
/// the right when a message arrived.
///
/// A message that is still under way when something else happens has two rows, with the same number.
pub fn draw(nodes: &[String], items: &[TraceItem], style: Style) -> String {
    let mut sheet = Sheet::new(nodes, style);
    sheet.heading(nodes);
    for row in plan::rows(nodes.len(), items) {
        sheet.begin(&milliseconds(row.time));
        match row.content {
            Content::Whole { hop, arrived } => {
                sheet.arrow(&hop);
                sheet.arrival(&milliseconds(arrived));
            }
            Content::Lost { hop, fate } => sheet.lost(&hop, &fate),
            Content::Departs { hop, tag } => sheet.departs(&hop, tag),
            Content::Arrives { hop, tag } => sheet.arrives(&hop, tag),
            Content::Note { node, text } => sheet.note(node, &text),
        }
        sheet.end();
    }
    sheet.out
}

/// The diagram in the making: finished lines, and the one at hand.
struct Sheet {
    out: String,
    row: Vec<char>,
    lives: Vec<usize>,
    width: usize,
    pens: &'static Pens,
}

impl Sheet {
    fn new(nodes: &[String], style: Style) -> Self {
        let half = |node: Option<&String>| node.map_or(0, |name| name.chars().count().min(2 * GAP_MIN) / 2);
        let (first, last) = (TIME + 1 + half(nodes.first()).max(2), half(nodes.last()).max(2));
        let gaps = nodes.len().saturating_sub(1).max(1);
        let room = style.width.saturating_sub(first + last + TIME + 1);
        let gap = (room / gaps).clamp(GAP_MIN, 60);
        let lives: Vec<usize> = (0..nodes.len()).map(|index| first + index * gap).collect();
        let width = lives.last().map_or(style.width, |x| x + last + TIME + 1).max(style.width.min(500));
        let pens = if style.ascii { &ASCII } else { &UNICODE };
        Self { out: String::new(), row: Vec::new(), lives, width, pens }
    }

    fn heading(&mut self, nodes: &[String]) {
        self.row = vec![' '; self.width];
        self.write_ending(TIME - 2, "ms");
        for (index, node) in nodes.iter().enumerate() {
            let room = if nodes.len() > 1 { self.lives[1] - self.lives[0] - 2 } else { self.width / 2 };
            let name = self.fitted(&one_line(node), room);
            let start = self.lives[index].saturating_sub(name.chars().count() / 2);
            self.write(start, &name);
        }
        let arrives = "arrives, ms";
        self.write_ending(self.width, arrives);
        self.end();
    }

    fn begin(&mut self, time: &str) {
        self.row = vec![' '; self.width];
        self.write_ending(TIME - 2, time);
        for life in self.lives.clone() {
            self.put(life, self.pens.life);
        }
    }

    fn end(&mut self) {
        let line: String = self.row.iter().collect();
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn arrival(&mut self, time: &str) {
        self.write_ending(self.width, time);
    }

    /// A line from one lifeline to another with the label in its middle.
    fn arrow(&mut self, hop: &Hop) {
        let (from, to) = (self.lives[hop.from], self.lives[hop.to]);
        self.start(from, to);
        self.stroke(from, to, self.pens.line);
        self.head(from, to);
        self.label(from.min(to), from.max(to), &hop.label);
    }

    fn lost(&mut self, hop: &Hop, fate: &str) {
        let (from, to) = (self.lives[hop.from], self.lives[hop.to]);
        let end = part_way(from, to, 6);
        self.start(from, to);
        self.stroke(from, end, self.pens.line);
        self.put(end, self.pens.lost);
        self.label(from.min(end), from.max(end), &hop.label);
        if to > from {
            let fate = self.fitted(fate, self.width.saturating_sub(end + 2));
            self.write(end + 2, &fate);
        } else {
            let fate = self.fitted(fate, end.saturating_sub(TIME + 2));
            self.write_ending(end.saturating_sub(1), &fate);
        }
    }

    fn departs(&mut self, hop: &Hop, tag: usize) {
        let (from, to) = (self.lives[hop.from], self.lives[hop.to]);
        let end = part_way(from, to, 7);
        self.start(from, to);
        self.stroke(from, end, self.pens.line);
        self.label(from.min(end), from.max(end), &hop.label);
        self.tag(end, to > from, tag);
    }

    fn arrives(&mut self, hop: &Hop, tag: usize) {
        let (from, to) = (self.lives[hop.from], self.lives[hop.to]);
        let begin = part_way(to, from, 7);
        self.stroke(begin, to, self.pens.flight);
        self.head(from, to);
        self.label(begin.min(to), begin.max(to), &hop.label);
        self.tag(begin, to < from, tag);
    }

    /// The number of a message under way, beyond the loose end of its line.
    fn tag(&mut self, end: usize, rightwards: bool, tag: usize) {
        let text = format!("({tag})");
        if rightwards { self.write(end + 1, &text) } else { self.write_ending(end, &text) }
    }

    fn note(&mut self, node: usize, text: &str) {
        let at = self.lives[node];
        self.put(at, self.pens.note);
        // Where there is more room: on the right in the left half, on the left in the right one.
        let right = self.width.saturating_sub(at + 2);
        let left = at.saturating_sub(TIME + 2);
        if right >= left {
            let text = self.fitted(text, right);
            self.write(at + 2, &text);
        } else {
            let text = self.fitted(text, left);
            self.write_ending(at - 1, &text);
        }
    }

    fn start(&mut self, from: usize, to: usize) {
        self.put(from, if to > from { self.pens.start_right } else { self.pens.start_left });
    }

    fn head(&mut self, from: usize, to: usize) {
        if to > from { self.put(to - 1, self.pens.head_right) } else { self.put(to + 1, self.pens.head_left) }
    }

    /// A line between two columns, both left out, that crosses the lifelines between.
    fn stroke(&mut self, from: usize, to: usize, pen: char) {
        for x in from.min(to) + 1..from.max(to) {
            let crossed = self.row.get(x) == Some(&self.pens.life);
            self.put(x, if crossed { self.pens.cross } else { pen });
        }
    }

    /// Text in the middle between two columns.
    fn label(&mut self, low: usize, high: usize, text: &str) {
        let room = (high - low).saturating_sub(7);
        let text = self.fitted(text, room);
        if !text.is_empty() {
            let length = text.chars().count() + 2;
            self.write(low + (high - low - length) / 2 + 1, &format!(" {text} "));
        }
    }

    fn fitted(&self, text: &str, room: usize) -> String {
        if text.chars().count() <= room {
            return text.to_owned();
        }
        let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
        if room > 0 {
            short.push(self.pens.more);
        }
        short
    }

    fn put(&mut self, x: usize, pen: char) {
        if let Some(cell) = self.row.get_mut(x) {
            *cell = pen;
        }
    }

    fn write(&mut self, start: usize, text: &str) {
        for (offset, c) in text.chars().enumerate() {
            self.put(start + offset, c);
        }
    }

    /// Text whose last character is left of `end`.
    fn write_ending(&mut self, end: usize, text: &str) {
        self.write(end.saturating_sub(text.chars().count()), text);
    }
}

/// The column some tenths of the way from one to another.
fn part_way(from: usize, to: usize, tenths: usize) -> usize {
    if to > from { from + (to - from) * tenths / 10 } else { from - (from - to) * tenths / 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::exchange;

    #[test]
    fn an_exchange_reads_like_a_textbook() {
        let (nodes, items) = exchange();
        insta::assert_snapshot!(draw(&nodes, &items, Style { width: 100, ascii: false }), @r"
                  ms   sensor                            router                            server  arrives, ms
               0.000      ● connect                         │                                 │
               0.000      ├─────────── SYN seq=0 ──────────▶│                                 │          0.500
               0.500      │                                 ├──── SYN seq=0 ────× lost        │
            1000.000      ● retransmission timer, RTO 1 s   │                                 │
            1000.000      ├─────────── SYN seq=0 ──────────▶│                                 │       1000.500
            1000.500      │                                 ├─────────── SYN seq=0 ──────────▶│       1010.500
            1010.500      │◀────────────────────── SYN ACK seq=0 ack=1 ───────────────────────┤       1021.000
            1021.000      ● established                     │                                 │
            1021.000      ├───────────────────────── ACK seq=1 ack=1 ────────────────────────▶│       1032.000
            1032.000      │                                 │                     established ●
            1040.000      ├────────────────── data 64 B ────┼──────────── (1)                 │
            1045.000      │                 (2) ────────────┼──── data 128 B ─────────────────┤
            1051.000      │                 (1) ╌╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌╌╌ data 64 B ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶│
            1056.000      │◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ data 128 B ╌╌╌╌┼╌╌╌╌╌╌╌╌╌╌╌╌ (2)                 │
            1056.000      ├───────────────────── ACK ───────┼──────────── (3)                 │
            1060.000      │                queue full ×─────┼─────────── ACK ─────────────────┤
            1067.000      │                 (3) ╌╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌ ACK [ECN CE] ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌▶│
            ");
    }

    #[test]
    fn an_exchange_in_ascii_has_nothing_else() {
        let (nodes, items) = exchange();
        let text = draw(&nodes, &items, Style { width: 80, ascii: true });
        assert!(text.is_ascii(), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text, @r"
                  ms   sensor                  router                  server  arrives, ms
               0.000      * connect               |                       |
               0.000      |------ SYN seq=0 ----->|                       |          0.500
               0.500      |                       |-- SYN se~ --x lost    |
            1000.000      * retransmission timer, RTO 1 s                 |
            1000.000      |------ SYN seq=0 ----->|                       |       1000.500
            1000.500      |                       |------ SYN seq=0 ----->|       1010.500
            1010.500      |<------------ SYN ACK seq=0 ack=1 -------------|       1021.000
            1021.000      * established           |                       |
            1021.000      |--------------- ACK seq=1 ack=1 -------------->|       1032.000
            1032.000      |                       |           established *
            1040.000      |----------- data 64 B -+-------- (1)           |
            1045.000      |           (2) --------+- data 128 B ----------|
            1051.000      |           (1) ........+.. data 64 B .........>|
            1056.000      |<......... data 128 B .+........ (2)           |
            1056.000      |-------------- ACK ----+-------- (3)           |
            1060.000      |        queue full x---+------- ACK -----------|
            1067.000      |           (3) ........+ ACK [ECN CE] ........>|
            ");
    }

    #[test]
    fn any_width_and_any_nodes_draw() {
        let (mut nodes, mut items) = exchange();
        nodes.push("a name that is far too long for any column of this diagram, really".to_owned());
        items.push(TraceItem::Note { at: u64::MAX, node: 3, text: "last ".repeat(90) });
        items.push(TraceItem::Message {
            sent: 0,
            arrived: None,
            from: 3,
            to: 0,
            label: "\u{1b}[31m".to_owned(),
            fate: Some("q".repeat(300)),
        });
        for width in [0, 1, 10, 40, 200, 100_000] {
            for count in 0..=nodes.len() {
                let text = draw(&nodes[..count], &items, Style { width, ascii: false });
                assert!(!text.contains('\u{1b}'), "{width} {count}");
            }
        }
    }
}
