//! Regions: where processes are, and how long messages take between places.

use super::{Fits, Lapse, Unfit, law_fits};
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Measured latencies between places.
#[derive(Debug)]
pub struct Table {
    /// What files call it.
    pub name: &'static str,
    /// Where the figures are from.
    pub source: &'static str,
    /// The places.
    pub places: &'static [&'static str],
    /// Round trips in milliseconds, by sender and receiver.
    round_trips: &'static [&'static [u16]],
    /// The round trip within a place, in microseconds.
    within: u64,
}

impl Table {
    /// How long a message takes, in nanoseconds: half a round trip.
    fn one_way(&self) -> Vec<Vec<u64>> {
        let time = |a: usize, b: usize| match self.round_trips[a][b] {
            _ if a == b => self.within * 500,
            milliseconds => u64::from(milliseconds) * 500_000,
        };
        let places = || 0..self.places.len();
        places().map(|a| places().map(|b| time(a, b)).collect()).collect()
    }
}

/// The tables that are shipped.
pub const TABLES: &[Table] = &[IBM_CLOUD];

/// IBM Cloud's regions: averages of pings between virtual servers over 28 September to 27 October 2024, in milliseconds, as IBM
/// publishes them ("Network latency dashboards", documentation of IBM Cloud VPC, section "27 Oct 2024", "Inter-region latency";
/// its text is public in the repository ibm-cloud-docs/vpc, _include-segments/network-latency.md). The page calls them average
/// latencies; the distances show that they are round trips: a signal needs some 38 ms for one way from Dallas to London. Within a
/// place it gives 0.1 ms within one zone (2.1 ms between two zones of Dallas).
const IBM_CLOUD: Table = Table {
    name: "ibm-cloud-2024-10",
    source: "IBM Cloud VPC documentation, average of 28 September to 27 October 2024",
    places: &[
        "dallas",
        "toronto",
        "washington",
        "frankfurt",
        "london",
        "madrid",
        "osaka",
        "sydney",
        "tokyo",
        "sao-paulo",
    ],
    round_trips: &IBM_CLOUD_MILLISECONDS,
    within: 100,
};

const IBM_CLOUD_MILLISECONDS: [&[u16]; 10] = [
    &[0, 34, 31, 123, 113, 119, 150, 185, 141, 144],
    &[34, 0, 19, 93, 84, 108, 169, 214, 162, 131],
    &[31, 19, 0, 90, 76, 89, 175, 213, 169, 119],
    &[123, 92, 92, 0, 13, 29, 232, 250, 231, 197],
    &[114, 84, 76, 13, 0, 27, 244, 261, 242, 188],
    &[119, 107, 90, 29, 27, 0, 259, 275, 255, 207],
    &[150, 171, 176, 234, 245, 259, 0, 122, 9, 292],
    &[184, 214, 214, 250, 261, 275, 122, 0, 115, 328],
    &[143, 164, 167, 231, 243, 257, 9, 115, 0, 283],
    &[144, 131, 119, 198, 188, 206, 291, 327, 287, 0],
];

/// Where processes are, and how far apart. A message takes the way from the sender's place to the receiver's, and its jitter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Regions {
    /// A table that is shipped, by its name; in place of `names` and a matrix.
    pub table: Option<String>,
    /// The places.
    pub names: Vec<String>,
    /// How long a message takes, by sender's and receiver's place.
    pub one_way: Vec<Vec<Lapse>>,
    /// In place of `one_way`: how long a message and its answer take.
    pub round_trip: Vec<Vec<Lapse>>,
    /// By process: where it is. The list is gone through again where there are more processes; without one, all places in their order.
    pub place: Vec<String>,
    /// What is added to each message.
    pub jitter: Option<Distribution>,
}

impl Regions {
    /// Processes in these places of a table that is shipped.
    pub fn of(table: &str, place: &[&str]) -> Self {
        let place = place.iter().map(|&p| p.to_owned()).collect();
        Self { table: Some(table.to_owned()), place, ..Self::default() }
    }

    fn shipped(&self) -> Option<&'static Table> {
        TABLES.iter().find(|table| Some(table.name) == self.table.as_deref())
    }

    fn names(&self) -> Vec<String> {
        match self.shipped() {
            Some(table) => table.places.iter().map(|&name| name.to_owned()).collect(),
            None => self.names.clone(),
        }
    }

    pub(super) fn fits(&self, n: u32) -> Fits {
        let known: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        if let Some(name) = &self.table {
            if self.shipped().is_none() {
                return Err(Unfit::new(
                    format!("no table of latencies is called `{name}`"),
                    format!("known: {}", known.join(", ")),
                ));
            }
            if !(self.names.is_empty() && self.one_way.is_empty() && self.round_trip.is_empty()) {
                return Err(Unfit::new(
                    "`regions` with a table and a matrix of its own",
                    "leave one of them out",
                ));
            }
        } else {
            self.matrix_fits(&known)?;
        }
        let names = self.names();
        if let Some(place) = self.place.iter().find(|place| !names.contains(place)) {
            return Err(Unfit::new(
                format!("`regions.place` names `{place}`, which is nowhere"),
                format!("known: {}", names.join(", ")),
            ));
        }
        if self.place.len() > n as usize {
            return Err(Unfit::new(
                format!("`regions.place` of {} processes, of n = {n}", self.place.len()),
                "leave some out",
            ));
        }
        self.jitter.iter().try_for_each(|law| law_fits("regions.jitter", law))
    }

    fn matrix_fits(&self, known: &[&str]) -> Fits {
        let matrix = match (self.one_way.is_empty(), self.round_trip.is_empty()) {
            (false, true) => &self.one_way,
            (true, false) => &self.round_trip,
            (true, true) => {
                return Err(Unfit::new(
                    "`regions` without latencies",
                    format!("give `one_way`, `round_trip`, or a `table`: {}", known.join(", ")),
                ));
            }
            (false, false) => {
                return Err(Unfit::new("`regions` with `one_way` and `round_trip`", "leave one of them out"));
            }
        };
        if self.names.iter().collect::<BTreeSet<_>>().len() < self.names.len() {
            return Err(Unfit::new("`regions.names` has a place twice", "names of places differ"));
        }
        let places = self.names.len();
        if matrix.len() != places || matrix.iter().any(|row| row.len() != places) {
            let rows: Vec<_> = matrix.iter().map(|row| row.len().to_string()).collect();
            return Err(Unfit::new(
                format!("`regions`: the latencies of {places} places have rows of {}", rows.join(", ")),
                "the matrix is square: for each name a row, in it for each name an entry",
            ));
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        match self.shipped() {
            Some(table) => format!("latencies between regions ({})", table.source),
            None => "latencies between regions".to_owned(),
        }
    }

    /// The place of each of `n` processes, and the time from place to place, in nanoseconds.
    pub(super) fn resolve(&self, n: u32) -> Resolved {
        let names = self.names();
        let place = |p: u32| {
            let Some(name) = self.place.get(p as usize % self.place.len().max(1)) else {
                return p as usize % names.len();
            };
            names.iter().position(|known| known == name).unwrap_or(0)
        };
        let halved = |rows: &Vec<Vec<Lapse>>, by: u64| -> Vec<Vec<u64>> {
            rows.iter()
                .map(|row| row.iter().map(|lapse| crate::plan::nanos(lapse.0) / by).collect())
                .collect()
        };
        let times = match self.shipped() {
            Some(table) => table.one_way(),
            None if self.one_way.is_empty() => halved(&self.round_trip, 2),
            None => halved(&self.one_way, 1),
        };
        Resolved { place: (0..n).map(place).collect(), times }
    }
}

/// Regions looked up.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    place: Vec<usize>,
    times: Vec<Vec<u64>>,
}

impl Resolved {
    pub(super) fn between(&self, from: u32, to: u32) -> u64 {
        self.times[self.place[from as usize]][self.place[to as usize]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_shipped_tables_are_square_and_nearly_symmetric() {
        for table in TABLES {
            assert_eq!(table.places.len(), table.round_trips.len());
            for (a, row) in table.round_trips.iter().enumerate() {
                assert_eq!(row.len(), table.places.len());
                for (b, &there) in row.iter().enumerate() {
                    let back = table.round_trips[b][a];
                    let differ = there.abs_diff(back);
                    assert!(differ <= 4, "{} and {}: {differ} ms", table.places[a], table.places[b]);
                    assert_eq!(there == 0, a == b);
                }
            }
        }
    }

    #[test]
    fn processes_are_placed_and_half_the_round_trip_apart() {
        let regions = Regions::of("ibm-cloud-2024-10", &["london", "tokyo"]);
        regions.fits(5).expect("known places");
        let resolved = regions.resolve(5);
        assert_eq!(resolved.between(0, 1), 121_000_000);
        assert_eq!(resolved.between(2, 0), 50_000, "both in London");
        assert_eq!(resolved.between(3, 0), 121_500_000, "the way back is measured on its own");
    }

    #[test]
    fn matrices_that_make_no_sense_are_refused() {
        let ms = |ms| Lapse(Duration::from_millis(ms));
        let names = vec!["here".to_owned(), "there".to_owned()];
        let square = Regions {
            names: names.clone(),
            one_way: vec![vec![ms(1), ms(30)], vec![ms(50), ms(1)]],
            ..Regions::default()
        };
        square.fits(3).expect("a square");
        let resolved = square.resolve(3);
        assert_eq!(
            [resolved.between(0, 1), resolved.between(1, 2), resolved.between(0, 2)],
            [30_000_000, 50_000_000, 1_000_000]
        );
        let refused = |regions: Regions, why: &str| {
            let unfit = regions.fits(3).expect_err(why);
            assert!(unfit.what.contains(why), "{unfit}");
        };
        refused(
            Regions { one_way: vec![vec![ms(1), ms(30)], vec![ms(50)]], ..square.clone() },
            "rows of 2, 1",
        );
        refused(Regions { place: vec!["nowhere".to_owned()], ..square.clone() }, "`nowhere`");
        refused(
            Regions { round_trip: square.one_way.clone(), ..square.clone() },
            "`one_way` and `round_trip`",
        );
        refused(Regions::of("my-cloud", &[]), "`my-cloud`");
        refused(Regions::default(), "without latencies");
    }
}
