//! The grammar of `coverage`.

use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::environment::duration;

/// `coverage`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Coverage {
    /// The directory of a run or a cluster, or its records; or the name of a cluster.
    pub directory: PathBuf,
    /// d: a message is delivered within this time. How often was that broken?
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub delay: Option<Duration>,
    /// p: a step takes at most this time. How often was that broken?
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub step: Option<Duration>,
    /// rho: clocks drift apart no faster than this, as in 100ppm. Was that broken?
    #[arg(long, value_name = "RATE", value_parser = ppm)]
    pub drift: Option<u32>,
    /// Suggest bounds that hold for this share of messages and steps, as in 99.9%; may be given more than once.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub wanted: Vec<f64>,
    /// Draw the distributions there.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Measured are messages from their release by the sender to the start of their handler, steps from the start of a handler
until the last of what it says has left, and clocks by the messages that two nodes exchange (docs/run/reality.md).
Bounds that the run's processes were told, under the synchronous model, are held against it without being asked for.

  coverage .synod/runs/paxos-0 --delay 5ms --step 1ms --drift 100ppm --wanted 99.9%";

/// A rate in parts per million.
fn ppm(text: &str) -> Result<u32, String> {
    let number = text.trim().strip_suffix("ppm").unwrap_or(text.trim()).trim();
    number.parse().map_err(|_| format!("{text:?} is no rate: write parts per million, as in 100ppm"))
}

/// A share below all and above none.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.trim().strip_suffix('%').map(str::trim);
    let wrong = || format!("{text:?} is no share: write a percentage between 0% and 100%, as in 99.9%");
    let number: f64 = percent.unwrap_or(text.trim()).parse().map_err(|_| wrong())?;
    let share = if percent.is_some() { number / 100.0 } else { number };
    (share > 0.0 && share < 1.0).then_some(share).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_have_their_units() {
        assert_eq!([share("99.5%"), share("0.5"), share(" 50 % ")], [Ok(0.995), Ok(0.5), Ok(0.5)]);
        for wrong in ["100%", "0%", "-1%", "99.9", "NaN", "many"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        assert_eq!([ppm("100ppm"), ppm("7"), ppm("3 ppm")], [Ok(100), Ok(7), Ok(3)]);
        for wrong in ["-1ppm", "1%", "fast"] {
            assert!(ppm(wrong).is_err(), "{wrong}");
        }
    }
}
