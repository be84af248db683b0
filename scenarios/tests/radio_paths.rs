//! Radios that move, whose paths change, that use several channels and protect their frames: from the scenario file to the
//! result files, against figures worked out by hand.

mod lab;

use std::collections::BTreeMap;

use lab::{outcome, value};
use scenarios::language::{Files, Overrides, Plan, render_lines};
use scenarios::run::{Outcome, RunOptions, run};

/// A hundred messages from a mote to a sink at the origin, one a second from 0.5 s on.
fn pair(mote: &str, medium: &str) -> String {
    format!(
        r#"{{ "name": "test", "duration": "100 s", "drain": "2 s", "ip": "v6", "sweep": {{ "seed": 3 }},
          "nodes": {{
            "sink": {{ "interfaces": {{ "r0": {{ "medium": "air" }} }} }},
            "mote": {{ {mote}, "interfaces": {{ "r0": {{ "medium": "air" }} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ {medium} }} }} }},
          "traffic": [ {{ "name": "up", "from": "mote", "to": "sink", "over": "udp",
                          "workload": {{ "periodic": {{ "message": "40 B", "every": "1 s", "start": "500 ms" }} }} }} ] }}"#
    )
}

/// -95 dBm, the weakest signal that counts, at 10^(55/30) = 68.13 m.
const LAW: &str = r#""propagation": { "log-distance": { "exponent": 3, "reference": "40 dB" } }"#;

struct One(&'static str);

impl Files for One {
    fn read(&self, name: &str) -> Result<String, String> {
        if name == "the.csv" { Ok(self.0.to_owned()) } else { Err("there is no such file".to_owned()) }
    }
}

fn outcome_beside(text: &str, file: &'static str) -> Outcome {
    let plan = Plan::parse(text.as_bytes(), &Overrides::default(), &One(file))
        .unwrap_or_else(|mistakes| panic!("{}", render_lines(&mistakes, "test.json")));
    run(&plan, &plan.point(0), 0, RunOptions::default(), &One(file))
        .outcome
        .expect("the run comes to its end")
}

/// Frames of `frames.csv` by kind and fate, over all radios.
fn fates(outcome: &Outcome) -> BTreeMap<(String, String), u64> {
    let mut fates = BTreeMap::new();
    for line in outcome.rows["frames.csv"].lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let frames: u64 = cells[6].parse().expect("frames are whole");
        *fates.entry((cells[4].to_owned(), cells[5].to_owned())).or_default() += frames;
    }
    fates
}

fn count(fates: &BTreeMap<(String, String), u64>, kind: &str, fate: &str) -> u64 {
    fates.get(&(kind.to_owned(), fate.to_owned())).copied().unwrap_or(0)
}

#[test]
fn a_mote_that_walks_away_is_heard_as_far_as_the_law_says() {
    // From 8.13 m on at 1 m/s: out of reach 60 s after it has set out, which is at 10 s: messages 0 to 69 arrive.
    let walk = r#""place": { "at": ["8.13 m", "0 m"] },
        "movement": { "waypoints": [ { "to": ["500 m", "0 m"], "speed": "1 m/s", "wait": "10 s" } ] }"#;
    let by_speed = outcome(&pair(walk, LAW));
    let found = fates(&by_speed);
    assert_eq!((count(&found, "frame", "received"), count(&found, "frame", "retries spent")), (70, 30));
    // Each of the 30 that are lost is sent four times.
    assert_eq!(count(&found, "unicast", "below sensitivity"), 120);
    let by_time = r#""place": { "at": ["8.13 m", "0 m"] },
        "movement": { "waypoints": [ { "to": ["500 m", "0 m"], "at": "501.87 s", "wait": "10 s" } ] }"#;
    assert_eq!(outcome(&pair(by_time, LAW)).rows, by_speed.rows, "491.87 m in 491.87 s");
    let file = "# the same walk\ntime_s,node,x_m,y_m\n0,mote,8.13,0\n10,mote,8.13,0\n501.87,mote,500,0\n";
    let from_file = outcome_beside(&pair(r#""movement": { "file": "the.csv" }"#, LAW), file);
    assert_eq!(fates(&from_file), found);
    let ns2 = "$node_(0) set X_ 8.13\n$node_(0) set Y_ 0\n$ns_ at 10.0 \"$node_(0) setdest 500 0 1.0\"\n";
    assert_eq!(fates(&outcome_beside(&pair(r#""movement": { "file": "the.csv" }"#, LAW), ns2)), found);
}

#[test]
fn a_path_that_is_measured_over_time_carries_when_it_can() {
    // Both ways from 0 s; nothing from 20 s to 30 s; 96 dB from 50 s to 60 s, where -95 dBm is needed.
    let losses = "time_s,from,to,loss_db\n0,mote,sink,70\n0,sink,mote,70\n20,mote,sink,-\n30,mote,sink,70\n\
                  50,mote,sink,96\n60,mote,sink,94.9\n";
    let medium = r#""propagation": { "trace": "the.csv" }, "mac": { "max-frame-retries": 0 }"#;
    let text = pair(r#""place": { "at": ["1 m", "0 m"] }"#, medium);
    let found = fates(&outcome_beside(&text, losses));
    assert_eq!((count(&found, "frame", "received"), count(&found, "frame", "retries spent")), (80, 20));
    // What is received, at 0 dBm: the same.
    let powers = "time_s,from,to,rssi_dbm\n0,mote,sink,-70\n0,sink,mote,-70\n20,mote,sink,-\n30,mote,sink,-70\n\
                  50,mote,sink,-96\n60,mote,sink,-94.9\n";
    assert_eq!(fates(&outcome_beside(&text, powers)), found);
}

/// Two pairs side by side, the second 500 times as busy: what is delivered of the first.
fn first_of_two_pairs(channel: u8, medium: &str) -> f64 {
    let text = format!(
        r#"{{ "name": "test", "duration": "60 s", "drain": "2 s", "ip": "v6", "sweep": {{ "seed": 3 }},
          "nodes": {{
            "sink": {{ "interfaces": {{ "r0": {{ "medium": "air", "channel": 15 }} }} }},
            "mote": {{ "interfaces": {{ "r0": {{ "medium": "air", "channel": 15 }} }} }},
            "other-sink": {{ "interfaces": {{ "r0": {{ "medium": "air", "channel": {channel} }} }} }},
            "other": {{ "interfaces": {{ "r0": {{ "medium": "air", "channel": {channel} }} }} }} }},
          "media": {{ "air": {{ "802.15.4": {{ "mac": {{ "acknowledgements": false }}, "busy-above": "0 dBm", {medium}
            "propagation": {{ "links": [ {{ "between": ["mote", "sink"], "loss": "70 dB" }},
                                         {{ "between": ["other", "sink"], "loss": "50 dB" }},
                                         {{ "between": ["other", "other-sink"], "loss": "70 dB" }} ] }} }} }} }},
          "traffic": [ {{ "name": "up", "from": "mote", "to": "sink", "over": "udp",
                          "workload": {{ "periodic": {{ "message": "40 B", "every": "500 ms" }} }} }},
                       {{ "name": "noise", "from": "other", "to": "other-sink", "over": "udp",
                          "workload": {{ "periodic": {{ "message": "80 B", "every": "8 ms" }} }} }} ] }}"#
    );
    let outcome = outcome(&text);
    let received: u64 = outcome.rows["frames.csv"]
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells[2..6] == ["mote", "sink", "frame", "received"])
        .map(|cells| cells[6].parse::<u64>().expect("frames are whole"))
        .sum();
    received as f64 / 120.0
}

#[test]
fn networks_on_different_channels_disturb_each_other_as_far_as_filters_let_them() {
    // The other's signal is 20 dB stronger at the sink, and on the air for about half of the time.
    assert!(first_of_two_pairs(15, "") < 0.5, "the same channel");
    assert!(first_of_two_pairs(16, "") < 0.5, "0 dB of adjacent channel rejection");
    assert_eq!(first_of_two_pairs(17, ""), 1.0, "30 dB of alternate channel rejection");
    assert_eq!(first_of_two_pairs(26, ""), 1.0, "not heard at all");
    assert_eq!(first_of_two_pairs(16, r#""adjacent-rejection": "30 dB","#), 1.0, "a CC2420's 30 dB and more");
}

#[test]
fn protection_costs_the_bytes_of_its_header_and_code() {
    let place = r#""place": { "at": ["1 m", "0 m"] }"#;
    // 60 bytes and 5 of acknowledgement for each message of 40; see `radio.rs`.
    for (security, header, code) in [
        (r#"{ "level": 0 }"#, 0, 0),
        (r#"{ "level": 1, "key-mode": 0 }"#, 5, 4),
        (r#"{ "level": 2 }"#, 6, 8),
        (r#"{ "level": 3 }"#, 6, 16),
        (r#"{ "level": 4 }"#, 6, 0),
        (r#"{}"#, 6, 4),
        (r#"{ "level": 6, "key-mode": 2, "key-source": "0a0B0c0d", "key-index": 7 }"#, 10, 8),
        (r#"{ "level": 7, "key-mode": 3, "key": "00112233445566778899aabbccddeeff" }"#, 14, 16),
    ] {
        let outcome = outcome(&pair(place, &format!(r#""security": {security}"#)));
        assert_eq!(value(&outcome, "delivered_fraction"), 1.0, "{security}");
        assert_eq!(value(&outcome, "overhead_bytes"), 100.0 * f64::from(65 + header + code), "{security}");
        let line = format!("p0000-r00,up,link,802.15.4-security,data,{},100\n", 100 * (header + code));
        let is_there = outcome.rows["overhead.csv"].contains(&line);
        assert_eq!(is_there, header > 0, "{security}\n{}", outcome.rows["overhead.csv"]);
    }
}

#[test]
fn protected_packets_arrive_in_fragments_and_by_every_manner_of_sleeping() {
    for mac in ["", r#""duty-cycle": "contikimac""#, r#""duty-cycle": "x-mac""#, r#""duty-cycle": "polling""#]
    {
        let medium = format!(r#""security": {{ "level": 6 }}, "mac": {{ {mac} }}"#);
        let text = pair(r#""place": { "at": ["1 m", "0 m"] }"#, &medium).replace("40 B", "300 B");
        // The sink passes packets on, so that it is a parent.
        let text = text.replace(r#""sink": {"#, r#""sink": { "forwarding": true,"#);
        let outcome = outcome(&text);
        assert_eq!(value(&outcome, "delivered_fraction"), 1.0, "{mac}");
        // And back: a sleeping mote is sent to.
        let back = text.replace(r#""from": "mote", "to": "sink""#, r#""from": "sink", "to": "mote""#);
        assert!(value(&lab::outcome(&back), "delivered_fraction") > 0.98, "{mac}, back");
    }
}
