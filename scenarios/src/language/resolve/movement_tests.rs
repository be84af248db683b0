//! Files of movements, by hand.

use super::*;
use proptest::prelude::*;

fn track(tracks: &Tracks, node: u32) -> Vec<(u64, [f64; 3])> {
    tracks[&node].iter().map(|&(at, place)| (at.as_nanos() / 1_000_000, place)).collect()
}

#[test]
fn a_table_names_nodes_by_number_or_by_name() {
    let text = "time_s,node,x_m,y_m\n0,walker,1,2\n1.5,0,-3,4,1.5 # up a stair\n";
    let tracks = read_tracks(text, "walker", 1).expect("it is sound");
    assert_eq!(track(&tracks, 0), [(0, [1.0, 2.0, 0.0]), (1500, [-3.0, 4.0, 1.5])]);
    let tracks = read_tracks("0,mote[1],1,2\n0,0,3,4\n", "mote", 2).expect("it is sound");
    assert_eq!(
        (track(&tracks, 1), track(&tracks, 0)),
        (vec![(0, [1.0, 2.0, 0.0])], vec![(0, [3.0, 4.0, 0.0])])
    );
}

#[test]
fn ns_2_s_nodes_turn_where_they_are() {
    // From 0 to 30 m at 2 m/s from 5 s on: there at 20 s. At 10 s it has gone 10 m, and turns to the north at 1 m/s.
    let text = "$node_(0) set X_ 0.0\n$node_(0) set Y_ 0.0\n$node_(0) set Z_ 1.0\n\
        $ns_ at 5.0 \"$node_(0) setdest 30.0 0.0 2.0\"\n$god_ set-dist 0 1 2\n\
        $ns_ at 10.0 \"$node_(0) setdest 10.0 4.0 1.0\"\n$ns_ at 99.0 \"$node_(0) setdest 1.0 1.0 0.0\"\n";
    let tracks = read_tracks(text, "mote", 1).expect("it is sound");
    let expected =
        [(0, 0.0, 0.0), (5_000, 0.0, 0.0), (10_000, 10.0, 0.0), (14_000, 10.0, 4.0), (99_000, 10.0, 4.0)];
    assert_eq!(track(&tracks, 0), expected.map(|(at, x, y)| (at, [x, y, 1.0])));
}

#[test]
fn a_line_that_is_no_movement_is_named() {
    for (text, problem) in [
        ("0,walker,1\n", "line 1 is not of the form `time,node,x,y` or `time,node,x,y,z`"),
        ("0,walker,1,2\n0,walker,2,2\n", "line 2 is not later than the line about `walker` before it"),
        ("0,walker,1,2\n1,runner,2,2\n", "line 2 is about `runner`, which is no node of `walker`"),
        ("0,1,1,2\n", "line 1 is about `1`, which is no node of `walker`"),
        ("-1,0,1,2\n", "line 1 has `-1` for a number of seconds"),
        ("1,0,nan,2\n", "line 1 has `nan` for a number of metres"),
        ("# nothing\n", "it says nothing of these nodes"),
        ("$node_(7) set X_ 1\n", "line 1 is about `$node_(7)`, but the group has nodes 0 to 0"),
        ("$node_(0) set V_ 1\n", "line 1 sets `V_`, expected one of `X_`, `Y_`, `Z_`"),
        (
            "$ns_ at 1 \"$node_(0) setdest 1 1 1\"\n",
            "line 1 sends a node from nowhere: its `X_` and `Y_` are not set",
        ),
        ("$node_(0) moves\n", "line 1 is no movement of ns-2"),
    ] {
        assert_eq!(read_tracks(text, "walker", 1), Err(problem.to_owned()));
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic_and_times_ascend(
        text in r#"(?s)([0-9.,\-a-z\n]{0,60}|(\$node_\(0\) set [XY]_ [0-9]{1,3}\n|\$ns_ at [0-9]{1,2}\.[0-9] "\$node_\(0\) setdest [0-9]{1,3} [0-9]{1,3} [0-9]{1,2}"\n){0,8}|.{0,60})"#
    ) {
        if let Ok(tracks) = read_tracks(&text, "a", 3) {
            for track in tracks.values() {
                prop_assert!(track.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", track);
            }
        }
    }
}
