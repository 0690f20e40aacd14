//! What shows that processes are alike, while the tables are made.
//!
//! A permutation of the processes is applied to values of the algorithm - messages, requests, timers - by renaming
//! ([`renamed`](synod_kernel::renaming::renamed)). The state of a process cannot be renamed: nothing is known of it. Its image is what the same history leaves
//! at the other process: where a step at p leads from state x to x', the image of x' is that to which the image of the step
//! leads from the image of x, at the process that p is named. Monitors likewise.
//!
//! # Why this is sound
//! Let V be the states that the search keeps, O all images of them under the group. Whenever the tables get an entry - all the moves
//! that a message in flight, or a process itself, makes possible in a state of V - the entries of all images of it are made too, by the
//! kernel's `enabled` and `step` as ever, and compared: for each move there is exactly one that is its image by name, it leads to
//! the images of what the move leads to, what it sends and what is observed are the renamed messages and observations, the
//! monitor of the image says the same of it, and has reached the same goals. So the steps out of the image of a state are the images of the
//! steps out of the state. The images are those of a group's action, since they are kept by the orbit ([`Images::add`]): a value that
//! is reached in two ways has to have the same images by both. The initial states are mapped to initial states. Hence O is closed under steps
//! and holds all that can be reached; and a property of safety is broken, a goal reached, in O where it is in V.
//!
//! What does not agree is no symmetry: the check ends there, and says which step told the processes apart. Nothing rests on
//! how renaming is done, on an algorithm's word, or on its values being free of numbers that stand for processes.

use super::change::{Called, NONE};
use super::folded::{Asymmetry, Folded, some};
use super::images::{
    Candidates, Images, PERMUTATIONS_MAX, Permutations, describe, renamed_output, renamed_rest, seat,
};
use super::made::{Begun, Made, Of};
use super::{BROKEN, HEAD, Tabulated};
use crate::report::SYMMETRY;
use crate::space::{Rows, Start, Words};
use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::renaming::Names;
use synod_kernel::{Choice, Keeping, Observed, SeatId};
use synod_properties::Violation;

/// A step out of a state, of this place among all, shows that processes are not alike; or a state does that has no such step.
type Told = (Option<u32>, String);

/// What shows, while the tables of a [`Folded`] are made, that images of states are states.
pub(crate) struct Folding<'m> {
    made: &'m mut dyn Made,
    permutations: Permutations,
    /// By state of a seat and seat: what becomes of it, with the seat where it is then.
    places: Images,
    rests: Images,
    monitors: Images,
    messages: Images,
    timers: Images,
    requests: Images,
    indications: Images,
    changes: Images,
    /// What monitors were shown to say of what is observed as their images say.
    judged: BTreeSet<(u32, u32)>,
}

impl<'m> Folding<'m> {
    /// The tables of a space in which states count as one that a permutation of processes makes equal, and how runs begin.
    ///
    /// # Errors
    /// Why there is no such permutation.
    pub(crate) fn new(
        made: &'m mut dyn Made,
        (mut all, mut why_not): Candidates,
        mut plain: Tabulated,
    ) -> Result<(Self, Folded, Start<Words>), String> {
        let start = made.start(&mut plain);
        let begun: BTreeMap<Begun, usize> = made.begun(None).into_iter().zip(0..).collect();
        // a start that breaks a property is the end, and all that is told
        let ended = start.broken.is_some();
        all.retain(|names| match starts_alike(made, &mut plain, &start, &begun, names) {
            Ok(()) => true,
            Err(_) if ended => true,
            Err(why) => {
                why_not.get_or_insert_with(|| format!("with {}, {why}", describe(names)));
                false
            }
        });
        if all.len() < 2 {
            let why =
                why_not.unwrap_or_else(|| "there is one process alone, with one value at most".to_owned());
            return Err(format!("nothing can take the place of another: {why}"));
        }
        if all.len() > PERMUTATIONS_MAX {
            return Err(format!("{} permutations are more than {PERMUTATIONS_MAX}", all.len()));
        }
        let permutations = Permutations::group(all).expect("what keeps a setting is a group");
        let images = || Images::of(&permutations);
        let mut space = Folded {
            plain,
            others: permutations.len() - 1,
            deltas: Vec::new(),
            monitor_parts: Vec::new(),
            envelopes: images(),
            asymmetry: None,
        };
        let mut folding = Self {
            made,
            places: images(),
            rests: images(),
            monitors: images(),
            messages: images(),
            timers: images(),
            requests: images(),
            indications: images(),
            changes: images(),
            judged: BTreeSet::new(),
            permutations,
        };
        let start = if ended { start } else { folding.note_starts(&mut space, start, &begun)? };
        Ok((folding, space, start))
    }

    /// How many permutations there are, the identity among them.
    pub(crate) fn permutations(&self) -> u64 {
        self.permutations.len() as u64
    }

    /// Takes note of the images of initial states: each is one that began in the same way at other processes.
    fn note_starts(
        &mut self,
        space: &mut Folded,
        start: Start<Words>,
        begun_at: &BTreeMap<Begun, usize>,
    ) -> Result<Start<Words>, String> {
        let mut rows = Words::default();
        let names = (0..self.permutations.len()).map(|g| self.permutations.names(g));
        let renamed: Vec<Vec<Begun>> = names.map(|names| self.made.begun(Some(names))).collect();
        for at in 0..start.rows.len() {
            let images: Vec<usize> = renamed.iter().map(|there| begun_at[&there[at]]).collect();
            let words = |g: usize| start.rows.at(images[g]);
            self.note_start(space, &words)?;
            let words: Vec<Vec<u32>> = (0..self.permutations.len()).map(|g| words(g).to_vec()).collect();
            rows.write(|row| {
                words[1..].iter().for_each(|image| row.extend_from_slice(&image[..HEAD]));
                row.extend_from_slice(&words[0]);
            });
        }
        Ok(Start { rows, broken: start.broken })
    }

    fn note_start<'w>(
        &mut self,
        space: &mut Folded,
        words: &dyn Fn(usize) -> &'w [u32],
    ) -> Result<(), String> {
        let width = self.permutations.len();
        for seat in 0..space.plain.seats {
            let state = |g: usize| words(g)[HEAD + self.seat(g, seat)];
            let list: Vec<u32> = (0..width).map(state).collect();
            self.note_places(space, seat, &list)?;
        }
        self.note_rest(space, words(0)[HEAD + space.plain.seats])?;
        let monitors: Vec<u32> = (0..width).map(|g| words(g)[HEAD + space.plain.seats + 1]).collect();
        self.note_monitors(space, &monitors)?;
        for envelope in space.plain.in_flight(words(0)).to_vec() {
            self.note_envelope(space, envelope)?;
        }
        Ok(())
    }

    fn seat(&self, g: usize, seat: usize) -> usize {
        self.permutations.seat(g, SeatId(seat as u32)).index()
    }

    /// A state of a seat becomes these, by permutation.
    fn note_places(&mut self, space: &Folded, seat: usize, states: &[u32]) -> Result<(), String> {
        let seats = space.plain.seats;
        let place = |(g, state): (usize, &u32)| state * seats as u32 + self.seat(g, seat) as u32;
        let list: Vec<u32> = states.iter().enumerate().map(place).collect();
        let down = |state: &u32| self.made.is_down(*state);
        if states.iter().any(|state| down(state) != down(&states[0])) {
            return Err("a process is down where its image is not".to_owned());
        }
        self.places.add(&self.permutations, &list).map_err(|place| {
            let known = self.places.get(place).expect("it does not agree with what is known");
            let g = (0..known.len()).find(|&g| {
                let h = list.iter().position(|&other| other == place).expect("one of the list");
                known[g] != list[self.permutations.after(g, h)]
            });
            let g = g.expect("it does not agree");
            let h = list.iter().position(|&other| other == place).expect("one of the list");
            let state = |place: u32| self.made.state(place / seats as u32);
            format!(
                "p{} comes to {} in more than one way, and with {} these ways lead to {} and to {}",
                place as usize % seats,
                state(place),
                self.permutations.describe(g),
                state(known[g]),
                state(list[self.permutations.after(g, h)]),
            )
        })
    }

    fn note_rest(&mut self, space: &mut Folded, rest: u32) -> Result<(), String> {
        if self.rests.get(rest).is_some() {
            return Ok(());
        }
        let value = space.plain.rests.get(rest).clone();
        let image = |g: usize| space.plain.rest(renamed_rest(&value, self.permutations.names(g)));
        let list: Vec<u32> = (0..self.permutations.len()).map(image).collect();
        self.rests.add(&self.permutations, &list).map_err(|_| "what is beside the processes".to_owned())
    }

    fn note_monitors(&mut self, space: &mut Folded, list: &[u32]) -> Result<(), String> {
        if self.monitors.get(list[0]) == Some(list) {
            return Ok(());
        }
        let goals = |monitor: u32| space.plain.goals[monitor as usize];
        if let Some(g) = list.iter().position(|&image| goals(image) != goals(list[0])) {
            let place = (goals(list[g]) ^ goals(list[0])).trailing_zeros() as usize;
            let (goal, with) = (space.plain.properties[place].id, self.permutations.describe(g));
            let (here, there) = (self.made.monitor(list[0]), self.made.monitor(list[g]));
            return Err(format!("`{goal}` tells {here} from {there}, which it is with {with}"));
        }
        self.monitors.add(&self.permutations, list).map_err(|monitor| {
            let known = self.made.monitor(monitor);
            format!("what is judged by comes to {known} in ways that part where processes are renamed")
        })?;
        space.monitor_parts.resize(space.plain.monitor_parts.len() * space.others, 0);
        for &monitor in list {
            let images = self.monitors.get(monitor).expect("noted just now");
            for (g, &image) in images.iter().enumerate().skip(1) {
                space.monitor_parts[monitor as usize * space.others + g - 1] =
                    space.plain.monitor_parts[image as usize];
            }
        }
        Ok(())
    }

    /// The image of a value of the algorithm under every permutation.
    fn note_value(&mut self, of: Of, number: u32) -> Result<(), String> {
        let images = match of {
            Of::Messages => &mut self.messages,
            Of::Timers => &mut self.timers,
            Of::Requests => &mut self.requests,
            Of::Indications => &mut self.indications,
        };
        if images.get(number).is_some() {
            return Ok(());
        }
        let mut list = Vec::with_capacity(self.permutations.len());
        for g in 0..self.permutations.len() {
            let image = self.made.renamed(of, number, self.permutations.names(g));
            list.push(image.map_err(|why| cannot(&*self.made, (of, number), &why))?);
        }
        let differs = |_| cannot(&*self.made, (of, number), "another value becomes the same");
        images.add(&self.permutations, &list).map_err(differs)
    }

    fn note_envelope(&mut self, space: &mut Folded, envelope: u32) -> Result<(), String> {
        if space.envelopes.get(envelope).is_some() {
            return Ok(());
        }
        let (to, from, message) = space.plain.envelopes.values[envelope as usize];
        self.note_value(Of::Messages, message)?;
        let image = |g: usize| {
            let (to, from) = (self.permutations.seat(g, to), self.permutations.seat(g, from));
            let message = self.messages.under(g, message);
            let print = self.made.print_of_message(message);
            space.plain.envelopes.number((to, from, message), print)
        };
        let list: Vec<u32> = (0..self.permutations.len()).map(image).collect();
        space.envelopes.add(&self.permutations, &list).expect("seats and messages agree");
        Ok(())
    }

    /// Makes all entries that the expansion of a state needs, and those of its images.
    pub(crate) fn fill(&mut self, space: &mut Folded, words: &[u32]) {
        let plain = space.words(words).to_vec();
        self.made.fill(&mut space.plain, &plain);
        if space.asymmetry.is_none()
            && let Err((change, what)) = self.fill_images(space, &plain)
        {
            let mut changes = Vec::new();
            space.plain.each_change(&plain, &mut |change| changes.push(change));
            let place = changes.iter().position(|&c| Some(c) == change).unwrap_or_default() as u32;
            let violation = Violation::new(&SYMMETRY, what);
            space.asymmetry = Some(Asymmetry { words: words.to_vec(), place, violation });
        }
        let others = space.others;
        space.deltas.resize(space.plain.changes.len() * others, 0);
        space.monitor_parts.resize(space.plain.monitor_parts.len() * others, 0);
    }

    /// The image of a state, but for its fingerprint.
    fn image(&self, space: &Folded, plain: &[u32], g: usize) -> Vec<u32> {
        let seats = space.plain.seats;
        let mut image = plain[..HEAD + seats + 2].to_vec();
        for seat in 0..seats {
            let place = plain[HEAD + seat] * seats as u32 + seat as u32;
            image[HEAD + self.seat(g, seat)] = self.places.under(g, place) / seats as u32;
        }
        image[HEAD + seats] = self.rests.under(g, plain[HEAD + seats]);
        image[HEAD + seats + 1] = self.monitors.under(g, plain[HEAD + seats + 1]);
        let in_flight = space.plain.in_flight(plain).iter();
        let mut in_flight: Vec<u32> = in_flight.map(|&e| space.envelopes.under(g, e)).collect();
        match space.plain.keeping {
            Keeping::Queues => in_flight.sort_by_key(|&e| space.plain.envelopes.link(e)),
            Keeping::Bag | Keeping::Set => in_flight.sort_unstable(),
        }
        image.extend(in_flight);
        image
    }

    /// Makes the entries that the images of a state need, and compares them.
    fn fill_images(&mut self, space: &mut Folded, plain: &[u32]) -> Result<(), Told> {
        let images: Vec<Vec<u32>> =
            (0..self.permutations.len()).map(|g| self.image(space, plain, g)).collect();
        for image in &images[1..] {
            self.made.fill(&mut space.plain, image);
        }
        let rest = |g: usize| images[g][HEAD + space.plain.seats];
        let mut entries: Vec<Vec<(u32, u32)>> = Vec::new();
        for seat in 0..space.plain.seats {
            let own = |g: usize| {
                let seat = self.seat(g, seat);
                let stance = space.plain.stance(rest(g), seat, images[g][HEAD + seat]);
                space.plain.own[stance.expect("it was filled") as usize]
            };
            entries.push((0..images.len()).map(own).collect());
        }
        entries.push((0..images.len()).map(|g| space.plain.global[rest(g) as usize]).collect());
        for same in space.plain.in_flight(plain).chunk_by(|&a, &b| space.plain.is_behind(a, b)) {
            let heard = |g: usize| {
                let envelope = space.envelopes.under(g, same[0]);
                space.plain.heard(&images[g], rest(g), envelope).expect("it was filled")
            };
            entries.push((0..images.len()).map(heard).collect());
        }
        let monitors: Vec<u32> = images.iter().map(|image| image[HEAD + space.plain.seats + 1]).collect();
        for entry in entries {
            self.compare_entries(space, &entry)?;
            self.compare_judgements(space, entry[0], &monitors)?;
        }
        Ok(())
    }

    /// Whether the moves of the images are the images of the moves.
    fn compare_entries(&mut self, space: &mut Folded, entry: &[(u32, u32)]) -> Result<(), Told> {
        let (from, to) = entry[0];
        if from < to && self.changes.get(from).is_some() {
            return Ok(());
        }
        let mut lists: Vec<Vec<u32>> = (from..to).map(|change| vec![change]).collect();
        for (g, &(first, last)) in entry.iter().enumerate().skip(1) {
            let mut left: Vec<u32> = (first..last).collect();
            for list in &mut lists {
                let change = list[0];
                let image = self.counterpart(space, change, g, &mut left);
                list.push(image.map_err(|what| (Some(change), what))?);
            }
            if let Some(&more) = left.first() {
                let what = format!(
                    "with {}, {} is possible, and comes of nothing that is",
                    self.permutations.describe(g),
                    self.called(space, more)
                );
                return Err((lists.first().map(|list| list[0]), what));
            }
        }
        for list in &lists {
            self.note_change(space, list)
                .map_err(|what| (Some(list[0]), format!("{}: {what}", self.called(space, list[0]))))?;
        }
        Ok(())
    }

    /// The image of a move among those that are left: the one that is called like it, and does what it must.
    fn counterpart(
        &mut self,
        space: &mut Folded,
        change: u32,
        g: usize,
        left: &mut Vec<u32>,
    ) -> Result<u32, String> {
        let called = &space.plain.called[change as usize];
        let (choice, draws, cut) = (called.choice.clone(), called.draws.clone(), called.cut);
        let choice = self.renamed_choice(&choice, g)?;
        let is_it = |&image: &u32| {
            let called = &space.plain.called[image as usize];
            called.choice == choice && called.draws == draws && called.cut == cut
        };
        let Some(at) = left.iter().position(is_it) else {
            let there = Called { choice, draws, cut };
            return Err(format!(
                "{}: with {}, there is nothing of the kind: {}",
                self.called(space, change),
                self.permutations.describe(g),
                self.text(&there)
            ));
        };
        let image = left.remove(at);
        self.compare(space, (change, image), g)?;
        Ok(image)
    }

    /// Whether a move does to the image of a state what another does to the state.
    fn compare(&mut self, space: &mut Folded, (change, image): (u32, u32), g: usize) -> Result<(), String> {
        let (here, there) = (space.plain.told[change as usize], space.plain.told[image as usize]);
        let (c, d) = (space.plain.changes[change as usize], space.plain.changes[image as usize]);
        let failure = |failure: u32| some(failure).map(|f| space.plain.failures[f as usize].property.clone());
        let sent: Vec<u32> = space.plain.sent[c.sent.0 as usize..c.sent.1 as usize].to_vec();
        let in_hand: Vec<u32> = sent.iter().copied().chain(some(c.taken)).collect();
        let same_failure = failure(here.failure) == failure(there.failure);
        for envelope in in_hand {
            self.note_envelope(space, envelope)?;
        }
        let mut sent: Vec<u32> = sent.iter().map(|&e| space.envelopes.under(g, e)).collect();
        let mut sent_there = space.plain.sent[d.sent.0 as usize..d.sent.1 as usize].to_vec();
        // in which order messages to several processes are sent makes no difference
        match space.plain.keeping {
            Keeping::Queues => {
                for sent in [&mut sent, &mut sent_there] {
                    sent.sort_by_key(|&e| space.plain.envelopes.link(e));
                }
            }
            Keeping::Bag | Keeping::Set => {
                sent.sort_unstable();
                sent_there.sort_unstable();
            }
        }
        if c.rest != NONE {
            self.note_rest(space, c.rest)?;
        }
        let observed = self.renamed_observed(here.observed, g)?;
        let seat = |seat: u32| some(seat).map(|seat| self.seat(g, seat as usize) as u32);
        let same = same_failure
            && here.beyond == there.beyond
            && seat(c.seat) == some(d.seat)
            && some(c.rest).map(|rest| self.rests.under(g, rest)) == some(d.rest)
            && some(c.taken).map(|taken| space.envelopes.under(g, taken)) == some(d.taken)
            && seat(c.discarded) == some(d.discarded)
            && sent == sent_there
            && observed == self.made.observed(there.observed);
        if same {
            return Ok(());
        }
        let (outcome, outcome_there) = (self.outcome(space, change), self.outcome(space, image));
        Err(format!(
            "{}: {outcome}; with {}, {}: {outcome_there}",
            self.called(space, change),
            self.permutations.describe(g),
            self.called(space, image),
        ))
    }

    /// A move has these images, by permutation: so has what it leads to.
    fn note_change(&mut self, space: &mut Folded, list: &[u32]) -> Result<(), String> {
        let c = space.plain.changes[list[0] as usize];
        if let Some(seat) = some(c.seat) {
            let after: Vec<u32> = list.iter().map(|&d| space.plain.changes[d as usize].after).collect();
            self.note_places(space, seat as usize, &after)?;
        }
        self.changes.add(&self.permutations, list).expect("moves out of images agree as the images do");
        let others = space.others;
        space.deltas.resize(space.plain.changes.len() * others, 0);
        for &change in list {
            let images = self.changes.get(change).expect("noted just now");
            for (g, &image) in images.iter().enumerate().skip(1) {
                space.deltas[change as usize * others + g - 1] = space.plain.told[image as usize].delta;
            }
        }
        Ok(())
    }

    /// Whether the images of a monitor say of the images of what is observed in these moves what it says of that.
    fn compare_judgements(
        &mut self,
        space: &mut Folded,
        (from, to): (u32, u32),
        monitors: &[u32],
    ) -> Result<(), Told> {
        for change in from..to {
            let observed = space.plain.told[change as usize].observed;
            if observed == 0 || !self.judged.insert((monitors[0], observed)) {
                continue;
            }
            let images = self.changes.get(change).expect("compared before").to_vec();
            let judgement = |(image, &monitor): (&u32, &u32)| {
                let observed = space.plain.told[*image as usize].observed;
                let after = space.plain.judged.get(u64::from(monitor) << 32 | u64::from(observed));
                after.expect("it was filled").0
            };
            let after: Vec<u32> = images.iter().zip(monitors).map(judgement).collect();
            let broken = |after: u32| {
                let failure = (after >= BROKEN).then(|| &space.plain.failures[(after - BROKEN) as usize]);
                failure.map(|violation| violation.property.clone())
            };
            let differs = after.iter().position(|&image| broken(image) != broken(after[0]));
            let told = match differs {
                Some(g) => {
                    let broken = |after| broken(after).unwrap_or_else(|| "nothing".to_owned());
                    let (here, there) = (broken(after[0]), broken(after[g]));
                    let with = self.permutations.describe(g);
                    Err(format!("{here} is broken; with {with}, {there} is"))
                }
                None if after[0] >= BROKEN => Ok(()),
                None => self.note_monitors(space, &after),
            };
            told.map_err(|what| (Some(change), format!("{}: {what}", self.called(space, change))))?;
        }
        Ok(())
    }

    fn renamed_choice(&mut self, choice: &Choice<u32, u32>, g: usize) -> Result<Choice<u32, u32>, String> {
        match choice {
            Choice::Deliver { message, .. }
            | Choice::Duplicate { message, .. }
            | Choice::Lose { message, .. }
            | Choice::Lie { message, .. }
            | Choice::Inject { message, .. } => {
                self.note_value(Of::Messages, *message)?;
            }
            Choice::Fire { timer, .. } => {
                self.note_value(Of::Timers, *timer)?;
            }
            _ => {}
        }
        let seat = |seat: SeatId| self.permutations.seat(g, seat);
        let message = |message: u32| self.messages.under(g, message);
        Ok(match *choice {
            Choice::Init { seat: at } => Choice::Init { seat: seat(at) },
            Choice::Corrupt { seat: at } => Choice::Corrupt { seat: seat(at) },
            Choice::Omit { seat: at } => Choice::Omit { seat: seat(at) },
            Choice::Lie { from, to, message: m } => {
                Choice::Lie { from: seat(from), to: seat(to), message: message(m) }
            }
            Choice::Inject { from, to, message: m } => {
                Choice::Inject { from: seat(from), to: seat(to), message: message(m) }
            }
            Choice::Disk { seat: at, fault } => Choice::Disk { seat: seat(at), fault },
            Choice::Request { seat: at } => Choice::Request { seat: seat(at) },
            Choice::Deliver { from, to, message: m } => {
                Choice::Deliver { from: seat(from), to: seat(to), message: message(m) }
            }
            Choice::Duplicate { from, to, message: m } => {
                Choice::Duplicate { from: seat(from), to: seat(to), message: message(m) }
            }
            Choice::Lose { from, to, message: m } => {
                Choice::Lose { from: seat(from), to: seat(to), message: message(m) }
            }
            Choice::Fire { seat: at, timer } => {
                Choice::Fire { seat: seat(at), timer: self.timers.under(g, timer) }
            }
            Choice::Output { seat: at, output } => {
                Choice::Output { seat: seat(at), output: renamed_output(output, self.permutations.names(g)) }
            }
            Choice::Sync { seat: at } => Choice::Sync { seat: seat(at) },
            Choice::Crash { seat: at, forever, kept, torn } => {
                Choice::Crash { seat: seat(at), forever, kept, torn }
            }
            Choice::Recover { seat: at } => Choice::Recover { seat: seat(at) },
            Choice::Sever { ref links } => {
                let mut links: Vec<_> = links.iter().map(|&(a, b)| (seat(a), seat(b))).collect();
                links.sort_unstable();
                Choice::Sever { links }
            }
            Choice::Heal => Choice::Heal,
        })
    }

    fn renamed_observed(&mut self, observed: u32, g: usize) -> Result<Vec<Observed<u32, u32>>, String> {
        let all = self.made.observed(observed).to_vec();
        let mut renamed = Vec::with_capacity(all.len());
        for observed in all {
            match observed {
                Observed::Request(_, q) => self.note_value(Of::Requests, q)?,
                Observed::Indication(_, i) => self.note_value(Of::Indications, i)?,
                _ => {}
            }
            let name = |p: synod_model::ProcessId| self.permutations.names(g).process(p);
            renamed.push(match observed {
                Observed::Request(at, q) => Observed::Request(name(at), self.requests.under(g, q)),
                Observed::Indication(at, i) => Observed::Indication(name(at), self.indications.under(g, i)),
                Observed::Crash(at) => Observed::Crash(name(at)),
                Observed::Recover(at) => Observed::Recover(name(at)),
                Observed::Corrupt(at) => Observed::Corrupt(name(at)),
            });
        }
        Ok(renamed)
    }

    /// A move, as text.
    fn called(&self, space: &Folded, change: u32) -> String {
        self.text(&space.plain.called[change as usize])
    }

    fn text(&self, called: &Called) -> String {
        let mut text = self.made.choice(&called.choice);
        if !called.draws.is_empty() {
            text = format!("{text}, drawing {:?}", called.draws);
        }
        if called.cut.is_some() {
            text = format!("{text}, crashing in the handler");
        }
        text
    }

    /// What a move does, as text.
    fn outcome(&self, space: &Folded, change: u32) -> String {
        let (told, c) = (space.plain.told[change as usize], space.plain.changes[change as usize]);
        let mut all = Vec::new();
        if let Some(failure) = some(told.failure) {
            all.push(space.plain.failures[failure as usize].what.clone());
        }
        if let Some(seat) = some(c.seat) {
            all.push(format!("p{seat} comes to {}", self.made.state(c.after)));
        }
        for &envelope in &space.plain.sent[c.sent.0 as usize..c.sent.1 as usize] {
            let (to, _, message) = space.plain.envelopes.values[envelope as usize];
            all.push(format!("sends p{} {}", to.0, self.made.text(Of::Messages, message)));
        }
        for observed in self.made.observed(told.observed) {
            if let Observed::Indication(at, i) = observed {
                all.push(format!("{at} indicates {}", self.made.text(Of::Indications, *i)));
            }
        }
        if all.is_empty() { "nothing comes of it".to_owned() } else { all.join(", ") }
    }
}

/// Why a value cannot be renamed.
fn cannot(made: &dyn Made, (of, number): (Of, u32), why: &str) -> String {
    format!("{} cannot be renamed: {why}", made.text(of, number))
}

/// Whether initial states become initial states where processes are named like this: those that began in the same way.
fn starts_alike(
    made: &mut dyn Made,
    plain: &mut Tabulated,
    start: &Start<Words>,
    begun_at: &BTreeMap<Begun, usize>,
    names: &Names,
) -> Result<(), String> {
    for (at, begun) in made.begun(Some(names)).iter().enumerate().take(start.rows.len()) {
        let there = begun_at.get(begun).copied();
        let Some(there) = there.filter(|&there| there < start.rows.len()) else {
            return Err("they do not begin in as many ways".to_owned());
        };
        let (here, there) = (start.rows.at(at), start.rows.at(there));
        let rest = renamed_rest(plain.rests.get(here[HEAD + plain.seats]), names);
        if rest != *plain.rests.get(there[HEAD + plain.seats]) {
            return Err("they begin in another world".to_owned());
        }
        let mut sent = Vec::new();
        for &envelope in plain.in_flight(here) {
            let (to, from, message) = plain.envelopes.values[envelope as usize];
            let image = made.renamed(Of::Messages, message, names);
            let message = image.map_err(|why| format!("{}: {why}", made.text(Of::Messages, message)))?;
            let print = made.print_of_message(message);
            sent.push(plain.envelopes.number((seat(names, to), seat(names, from), message), print));
        }
        match plain.keeping {
            Keeping::Queues => sent.sort_by_key(|&e| plain.envelopes.link(e)),
            Keeping::Bag | Keeping::Set => sent.sort_unstable(),
        }
        if sent != plain.in_flight(there) {
            return Err("they send something else when they start".to_owned());
        }
    }
    Ok(())
}
