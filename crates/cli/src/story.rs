//! A run as a story: one line a step, fixed columns, one glyph per kind of event. Readable without colour.

use crate::report::{StoryLine, grouped, seconds};
use std::fmt::{Debug, Write as _};
use std::time::Duration;
use synod_kernel::trace::{Line, Tried};
use synod_kernel::{Choice, Observed};
use synod_model::{Effect, Process};

/// How many lines of a long story are shown at its beginning and at its end.
const HEAD: usize = 12;
const TAIL: usize = 28;
/// What happens in a step is cut after this many characters.
const WIDTH: usize = 96;
/// The marks of what was left out alone.
const NECESSARY: char = '●';
const DISPENSABLE: char = '○';

/// Tells a step.
pub(crate) fn line<P: Process>(line: &Line<P>) -> StoryLine {
    let (glyph, place, mut what) = event(line);
    if let Some(cut) = line.cut {
        let _ = write!(what, "  ! {cut}");
    }
    let done = line.cut.map_or(usize::MAX, |cut| cut.before as usize);
    let stores = line.effects.iter().take(done).filter_map(|effect| match effect {
        Effect::Store { write, .. } => Some(debug(write)),
        _ => None,
    });
    let tells = line.observed.iter().filter_map(|observed| match observed {
        Observed::Indication(_, indication) => Some(debug(indication)),
        _ => None,
    });
    StoryLine {
        step: line.step,
        at: line.at.map(Duration::from_nanos),
        glyph,
        place,
        what,
        tells: tells.collect(),
        stores: stores.collect(),
        necessary: None,
    }
}

/// Says of a step what was tried of it.
pub(crate) fn mark(mut line: StoryLine, tried: &Tried) -> StoryLine {
    line.necessary = tried.is_necessary(line.step);
    if tried.crashes.contains(&line.step) {
        let _ = write!(line.what, " {NECESSARY}");
    }
    line
}

/// What the marks mean, where there are some.
pub(crate) fn legend(story: &[StoryLine]) -> Option<String> {
    let how_many = |mark| story.iter().filter(|line| line.necessary == mark).count() as u64;
    let [needed, spare, untried] = [Some(true), Some(false), None].map(how_many);
    if needed + spare == 0 {
        return None;
    }
    let mut all = format!(
        "{NECESSARY} necessary: without it, and what follows from it, the run passes ({})",
        grouped(needed)
    );
    if spare > 0 {
        let _ = write!(all, "   {DISPENSABLE} not: the run fails without it too ({})", grouped(spare));
    }
    if untried > 0 {
        let _ = write!(all, "   no mark: not tried ({})", grouped(untried));
    }
    Some(all)
}

/// The glyph, the place and the words of an event.
fn event<P: Process>(line: &Line<P>) -> (char, String, String) {
    let at = |seat: synod_kernel::SeatId| format!("p{}", seat.0);
    let link = |from: synod_kernel::SeatId, to: synod_kernel::SeatId| format!("p{}>p{}", from.0, to.0);
    match &line.choice {
        Choice::Init { seat } => ('*', at(*seat), "starts".to_owned()),
        Choice::Corrupt { seat } => ('&', at(*seat), "lies from now on".to_owned()),
        Choice::Omit { seat } => ('&', at(*seat), "omits from now on".to_owned()),
        Choice::Inject { from, to, message } => {
            ('}', link(*from, *to), format!("{}, injected", debug(message)))
        }
        Choice::Disk { seat, fault } => ('%', at(*seat), fault.to_string()),
        Choice::Lie { from, to, message } => ('}', link(*from, *to), format!("{}, a lie", debug(message))),
        Choice::Request { seat } => ('?', at(*seat), request(line)),
        Choice::Deliver { from, to, message } => ('>', link(*from, *to), debug(message)),
        Choice::Duplicate { from, to, message } => {
            ('+', link(*from, *to), format!("{} and stays in flight", debug(message)))
        }
        Choice::Lose { from, to, message } => ('x', link(*from, *to), format!("{} is lost", debug(message))),
        Choice::Fire { seat, timer } => ('@', at(*seat), debug(timer)),
        Choice::Output { seat, output } => ('o', at(*seat), output.to_string()),
        Choice::Sync { seat } => ('=', at(*seat), "the oldest write is durable".to_owned()),
        Choice::Crash { seat, forever, kept, torn } => {
            let mut what = if *forever { "crashes for ever" } else { "crashes" }.to_owned();
            if *kept > 0 {
                let _ = write!(what, ", {kept} pending writes kept");
            }
            if *torn {
                what += ", the next one torn";
            }
            ('!', at(*seat), what)
        }
        Choice::Recover { seat } => ('^', at(*seat), "recovers".to_owned()),
        Choice::Sever { links } => {
            let cut: Vec<_> = links.iter().map(|(a, b)| format!("p{}>p{}", a.0, b.0)).collect();
            ('/', String::new(), format!("cut: {}", cut.join(" ")))
        }
        Choice::Heal => ('~', String::new(), "all cuts heal".to_owned()),
    }
}

fn request<P: Process>(line: &Line<P>) -> String {
    let asked = line.observed.iter().find_map(|observed| match observed {
        Observed::Request(_, request) => Some(debug(request)),
        _ => None,
    });
    asked.unwrap_or_default()
}

/// A value in short: `ProcessId(1)` is p1.
fn debug(value: &impl Debug) -> String {
    const LONG: &str = "ProcessId(";
    let text = format!("{value:?}");
    let mut short = String::new();
    let mut rest = text.as_str();
    while let Some(place) = rest.find(LONG) {
        let after = &rest[place + LONG.len()..];
        let end = after.find(')').expect("a derived Debug closes its brackets");
        let _ = write!(short, "{}p{}", &rest[..place], &after[..end]);
        rest = &after[end + 1..];
    }
    short + rest
}

/// The story as text, the middle of a long one left out unless `whole`.
pub(crate) fn render(story: &[StoryLine], whole: bool) -> Vec<String> {
    if whole || story.len() <= HEAD + TAIL + 1 {
        return story.iter().map(|line| render_line(line, whole)).collect();
    }
    let left_out = story.len() - HEAD - TAIL;
    let head = story[..HEAD].iter().map(|line| render_line(line, false));
    let tail = story[story.len() - TAIL..].iter().map(|line| render_line(line, false));
    head.chain([format!("   ...  {} steps left out: replay tells them all", grouped(left_out as u64))])
        .chain(tail)
        .collect()
}

pub(crate) fn render_line(line: &StoryLine, whole: bool) -> String {
    let at = line.at.map_or_else(String::new, |at| format!("{:>9} ", seconds_fixed(at)));
    let mut what = line.what.clone();
    for write in &line.stores {
        let _ = write!(what, "  [stores {write}]");
    }
    for told in &line.tells {
        let _ = write!(what, "  : {told}");
    }
    if !whole && what.chars().count() > WIDTH {
        // what a process tells is what properties speak of: it is never cut
        let told = line.tells.iter().fold(String::new(), |all, told| all + "  : " + told);
        what =
            what.chars().take(WIDTH.saturating_sub(told.chars().count())).collect::<String>() + "…" + &told;
    }
    let mark = match line.necessary {
        Some(true) => NECESSARY,
        Some(false) => DISPENSABLE,
        None => ' ',
    };
    format!("{:>6}{mark}{at} {} {:<7} {what}", line.step, line.glyph, line.place).trim_end().to_owned()
}

fn seconds_fixed(at: Duration) -> String {
    if at < Duration::from_millis(1) { seconds(at) } else { format!("{:.1} ms", at.as_secs_f64() * 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_model::ProcessId;

    fn step(step: u64) -> StoryLine {
        StoryLine {
            step,
            at: None,
            glyph: '>',
            place: "p0>p1".to_owned(),
            what: "Data(7)".to_owned(),
            tells: vec!["Deliver(7)".to_owned()],
            stores: Vec::new(),
            necessary: None,
        }
    }

    #[test]
    fn what_was_tried_of_a_step_is_marked_and_explained() {
        let tried = Tried { necessary: vec![3], dispensable: vec![4], crashes: vec![3] };
        let story: Vec<_> = (3..6).map(|number| mark(step(number), &tried)).collect();
        let expected = [
            "     3● > p0>p1   Data(7) ●  : Deliver(7)",
            "     4○ > p0>p1   Data(7)  : Deliver(7)",
            "     5  > p0>p1   Data(7)  : Deliver(7)",
        ];
        assert_eq!(render(&story, false), expected);
        assert_eq!(
            legend(&story).as_deref(),
            Some(
                "● necessary: without it, and what follows from it, the run passes (1)   ○ not: the run fails without it \
                 too (1)   no mark: not tried (1)"
            )
        );
        assert_eq!(legend(&[step(3)]), None);
    }

    #[test]
    fn a_step_is_a_line_of_fixed_columns() {
        assert_eq!(render(&[step(3)], false), ["     3  > p0>p1   Data(7)  : Deliver(7)"]);
    }

    #[test]
    fn the_middle_of_a_long_story_is_left_out_and_counted() {
        let story: Vec<_> = (0..100).map(step).collect();
        let short = render(&story, false);
        assert_eq!(short.len(), HEAD + 1 + TAIL);
        assert!(short[HEAD].contains("60 steps left out"), "{}", short[HEAD]);
        assert_eq!(render(&story, true).len(), 100);
    }

    #[test]
    fn what_is_told_is_never_cut() {
        let long = StoryLine { what: "x".repeat(300), ..step(0) };
        assert!(render(&[long], false)[0].ends_with("…  : Deliver(7)"));
    }

    #[test]
    fn processes_are_named_in_short() {
        assert_eq!(debug(&(ProcessId(1), [ProcessId(20)], 3)), "(p1, [p20], 3)");
    }
}
