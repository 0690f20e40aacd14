//! The conditions read aloud: all choices of what took effect, of what was read from where, of visibility and of arbitration.
#![allow(dead_code, clippy::cast_possible_wrap, reason = "each test uses a part of it; operations are few")]

pub(crate) mod systems;

use synod_judge::consistency::{Level, LevelVerdict, judge};
use synod_judge::judgement::Model;
use synod_judge::log::{Kind, Log, LogEvent};
use synod_judge::reading::Conventions;
use synod_judge::{Budget, Client, Value};

/// An operation of small registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) client: u64,
    pub(crate) key: usize,
    /// What it read; 0 is what was there initially.
    pub(crate) seen: Option<i64>,
    pub(crate) wrote: Option<i64>,
    pub(crate) known: bool,
    pub(crate) invoked: usize,
    pub(crate) returned: usize,
}

/// These operations as a log, which knows each by when it was invoked.
pub(crate) fn log(ops: &[Op]) -> Log {
    let mut events = vec![];
    for op in ops {
        let held = |v: i64| if v == 0 { Value::Nil } else { Value::from(v) };
        let (function, argument, value) = match (op.seen, op.wrote) {
            (Some(seen), None) => ("read", Value::Nil, held(seen)),
            (None, Some(wrote)) => ("write", held(wrote), held(wrote)),
            (seen, wrote) => {
                let pair = Value::Sequence(vec![held(seen.unwrap_or(0)), held(wrote.unwrap_or(0))]);
                ("cas", pair.clone(), pair)
            }
        };
        let event = |kind, value, at: usize| LogEvent {
            client: Client(op.client),
            kind,
            function: function.into(),
            value,
            key: Some(Value::from(op.key as i64)),
            at: Some(at as u64),
            line: at + 1,
        };
        events.push((op.invoked, event(Kind::Invoke, argument, op.invoked)));
        events.push((op.returned, event(if op.known { Kind::Ok } else { Kind::Info }, value, op.returned)));
    }
    events.sort_by_key(|&(at, _)| at);
    Log::new(events.into_iter().map(|(_, event)| event)).unwrap()
}

pub(crate) fn verdict(log: &Log, level: Level) -> LevelVerdict {
    judge(log, Model::CasRegister, level, Conventions::default(), Budget::default()).unwrap()
}

/// A relation, or an order, as the set of what comes before each.
type Before = Vec<u32>;

/// The operations that took effect, and from which write each read read.
struct Case<'a> {
    ops: &'a [Op],
    effective: u32,
    from: Vec<Option<usize>>,
}

fn bits(set: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |bit| set & (1 << bit) != 0)
}

fn set(ops: &[Op], is: impl Fn(&Op) -> bool) -> u32 {
    ops.iter().enumerate().filter(|(_, op)| is(op)).map(|(index, _)| 1 << index).sum()
}

/// Whether some order of `members` keeps `before` and satisfies `is_good`.
fn some_order(members: u32, before: &Before, is_good: &mut dyn FnMut(&[usize]) -> bool) -> bool {
    fn go(
        left: u32,
        before: &Before,
        order: &mut Vec<usize>,
        is_good: &mut dyn FnMut(&[usize]) -> bool,
    ) -> bool {
        if left == 0 {
            return is_good(order);
        }
        bits(left).any(|next| {
            if before[next] & left != 0 {
                return false;
            }
            order.push(next);
            let found = go(left & !(1 << next), before, order, is_good);
            order.pop();
            found
        })
    }
    go(members, before, &mut vec![], is_good)
}

/// What a read of `key` after these returns.
fn value(ops: &[Op], order: &[usize], key: usize) -> i64 {
    order
        .iter()
        .rev()
        .find(|&&i| ops[i].key == key && ops[i].wrote.is_some())
        .map_or(0, |&i| ops[i].wrote.unwrap())
}

/// Whether what those of `checked` read is so in this order.
fn replays(ops: &[Op], order: &[usize], checked: u32) -> bool {
    (0..order.len()).all(|at| {
        let op = &ops[order[at]];
        checked & (1 << order[at]) == 0 || op.seen.is_none_or(|seen| seen == value(ops, &order[..at], op.key))
    })
}

/// The order of clients.
fn session(ops: &[Op]) -> Before {
    let comes = |a: &Op, b: &Op| a.client == b.client && a.known && a.invoked < b.invoked;
    ops.iter().map(|b| set(ops, |a| comes(a, b))).collect()
}

fn real_time(ops: &[Op], shift: usize) -> Before {
    let comes = |a: &Op, b: &Op| {
        let begin = if shift > 0 && b.wrote.is_none() { b.invoked.saturating_sub(shift) } else { b.invoked };
        a.known && a.returned < begin
    };
    ops.iter().map(|b| set(ops, |a| comes(a, b))).collect()
}

fn closed(mut relation: Before) -> Option<Before> {
    for middle in 0..relation.len() {
        for last in 0..relation.len() {
            if relation[last] & (1 << middle) != 0 {
                relation[last] |= relation[middle];
            }
        }
    }
    (0..relation.len()).all(|i| relation[i] & (1 << i) == 0).then_some(relation)
}

/// All partial orders of `members` that contain `least` (closed, without cycles).
fn orders(members: &[usize], least: &Before, visit: &mut dyn FnMut(&Before) -> bool) -> bool {
    /// `order` is one of the first `placed`; the next comes after all of a set of them, and before all of another.
    fn go(
        members: &[usize],
        placed: usize,
        order: &Before,
        least: &Before,
        visit: &mut dyn FnMut(&Before) -> bool,
    ) -> bool {
        let Some(&new) = members.get(placed) else { return visit(order) };
        let old: u32 = members[..placed].iter().map(|&i| 1 << i).sum();
        let must_follow = bits(old).filter(|&i| least[i] & (1 << new) != 0).map(|i| 1 << i).sum::<u32>();
        let subsets = |of: u32| (0..=of).filter(move |subset| subset & !of == 0);
        subsets(old).filter(|before| least[new] & old & !before == 0).any(|before| {
            let is_closed = bits(before).all(|i| order[i] & !before == 0);
            is_closed
                && subsets(old & !before).filter(|after| must_follow & !after == 0).any(|after| {
                    let follows = |&i: &usize| order[i] & after != 0 && after & (1 << i) == 0;
                    let is_closed = !bits(old).any(|i| follows(&i));
                    if !is_closed || bits(after).any(|i| before & !order[i] != 0) {
                        return false;
                    }
                    let mut next = order.clone();
                    next[new] = before;
                    bits(after).for_each(|i| next[i] |= 1 << new);
                    go(members, placed + 1, &next, least, visit)
                })
        })
    }
    go(members, 0, &vec![0; least.len()], least, visit)
}

/// Whether a level holds, by its definition.
pub(crate) fn holds(ops: &[Op], level: Level) -> bool {
    match level {
        Level::Linearizable => keyed(ops, 0, 1),
        Level::Versions(k) => keyed(ops, 0, k as usize),
        Level::Time(shift) => keyed(ops, shift as usize, 1),
        Level::Regular => regular(ops, false),
        Level::Safe => regular(ops, true),
        Level::Sequential => some_effective(ops, |effective| {
            some_order(effective, &session(ops), &mut |order| replays(ops, order, effective))
        }),
        // a compare-and-set that took effect has compared with what somebody wrote
        Level::Pram => some_case(ops, &|case| {
            clients(ops, case.effective).all(|own| {
                let view = case.effective & (writes(ops) | own);
                let returned = own & set(ops, |op| op.known);
                some_order(view, &session(ops), &mut |order| replays(ops, order, returned))
            })
        }),
        Level::WeakCausal | Level::CausalConvergence | Level::Causal => {
            some_effective(ops, |effective| causal(ops, effective, level))
        }
        _ => some_case(ops, &|case| guarantee(case, level)),
    }
}

fn writes(ops: &[Op]) -> u32 {
    set(ops, |op| op.wrote.is_some())
}

fn clients(ops: &[Op], effective: u32) -> impl Iterator<Item = u32> {
    (0..8).map(move |client| effective & set(ops, |op| op.client == client)).filter(|&own| own != 0)
}

/// Whether some choice of the operations of unknown outcome does it.
fn some_effective(ops: &[Op], mut is_good: impl FnMut(u32) -> bool) -> bool {
    let known = set(ops, |op| op.known);
    let unknown = set(ops, |op| !op.known);
    (0..1 << ops.len()).filter(|chosen| chosen & !unknown == 0).any(|chosen| is_good(known | chosen))
}

/// Whether some choice of what took effect, and of what was read from where, does it.
fn some_case(ops: &[Op], is_good: &dyn Fn(&Case<'_>) -> bool) -> bool {
    fn go(case: &mut Case<'_>, next: usize, is_good: &dyn Fn(&Case<'_>) -> bool) -> bool {
        let Some(op) = case.ops.get(next) else { return is_good(case) };
        let Some(seen) = op.seen.filter(|_| case.effective & (1 << next) != 0) else {
            return go(case, next + 1, is_good);
        };
        if seen == 0 {
            case.from[next] = None;
            return go(case, next + 1, is_good);
        }
        bits(case.effective & writes(case.ops)).any(|write| {
            let other = &case.ops[write];
            case.from[next] = Some(write);
            write != next && other.key == op.key && other.wrote == Some(seen) && go(case, next + 1, is_good)
        })
    }
    some_effective(ops, |effective| go(&mut Case { ops, effective, from: vec![None; ops.len()] }, 0, is_good))
}

/// Bouajjani et al. 2017, section 3, with causal orders chosen freely.
fn causal(ops: &[Op], effective: u32, level: Level) -> bool {
    let members: Vec<usize> = bits(effective).collect();
    let least: Before = session(ops).iter().map(|before| before & effective).collect();
    orders(&members, &least, &mut |co| {
        let past = |o: usize| co[o] | (1 << o);
        match level {
            Level::WeakCausal => {
                members.iter().all(|&o| some_order(past(o), co, &mut |order| replays(ops, order, 1 << o)))
            }
            Level::Causal => members.iter().all(|&o| {
                let own = set(ops, |op| op.client == ops[o].client) & effective;
                let own = own & (least[o] | (1 << o));
                some_order(past(o), co, &mut |order| replays(ops, order, own))
            }),
            _ => some_order(effective, co, &mut |arbitration| {
                members.iter().all(|&o| {
                    let order: Vec<usize> =
                        arbitration.iter().copied().filter(|&i| past(o) & (1 << i) != 0).collect();
                    replays(ops, &order, 1 << o)
                })
            }),
        }
    })
}

/// The session guarantees and convergence.
fn guarantee(case: &Case<'_>, level: Level) -> bool {
    let (ops, effective) = (case.ops, case.effective);
    let so = session(ops);
    let written = effective & writes(ops);
    let in_order: Before = so.iter().map(|before| before & written).collect();
    let free: Before = vec![0; ops.len()];
    let reads = |own: u32| bits(own).filter(|&i| ops[i].known && ops[i].seen.is_some()).collect::<Vec<_>>();
    // a read sees these writes, and returns the last of them in the arbitration
    let returns = |read: usize, visible: u32, arbitration: &[usize]| {
        let last =
            arbitration.iter().rev().find(|&&w| visible & (1 << w) != 0 && ops[w].key == ops[read].key);
        last.copied() == case.from[read]
    };
    let subsets = |of: u32| (0..=of).filter(move |subset| subset & !of == 0);
    // visibility that grows, with which comes what must
    fn grows(
        reads: &[usize],
        seen: u32,
        all: u32,
        with: &Before,
        returns: &dyn Fn(usize, u32) -> bool,
    ) -> bool {
        let Some((&read, rest)) = reads.split_first() else { return true };
        (0..=all).filter(|visible| visible & !all == 0 && seen & !visible == 0).any(|visible| {
            bits(visible).all(|w| with[w] & !visible == 0)
                && returns(read, visible)
                && grows(rest, visible, all, with, returns)
        })
    }
    let forward = |own: u32, with: &Before, order: &Before| {
        some_order(written, order, &mut |arbitration| {
            grows(&reads(own), 0, written, with, &|read, visible| returns(read, visible, arbitration))
        })
    };
    match level {
        Level::ReadYourWrites => clients(ops, effective).all(|own| {
            some_order(written, &in_order, &mut |arbitration| {
                reads(own).iter().all(|&read| {
                    subsets(written).any(|visible| {
                        so[read] & written & own & !visible == 0 && returns(read, visible, arbitration)
                    })
                })
            })
        }),
        Level::MonotonicReads => clients(ops, effective).all(|own| forward(own, &free, &in_order)),
        Level::MonotonicWrites => clients(ops, effective)
            .all(|own| !forward(own, &free, &free) || forward(own, &in_order, &in_order)),
        Level::WritesFollowReads => {
            let mut follow = vec![0; ops.len()];
            for write in bits(written) {
                let had_read = bits((so[write] | 1 << write) & effective).filter_map(|read| case.from[read]);
                follow[write] = had_read.map(|w| 1 << w).fold(0, |all, w| all | w);
            }
            let Some(follow) = closed(follow) else { return false };
            clients(ops, effective).all(|own| !forward(own, &free, &free) || forward(own, &follow, &follow))
        }
        Level::Eventual => (0..4).all(|key| {
            let of_key: Vec<usize> = bits(written).filter(|&w| ops[w].key == key).collect();
            let quiet = of_key.iter().map(|&w| over(case, w, ops.len())).max().unwrap_or(0);
            let last = |own: u32| {
                let is_late = |&r: &usize| ops[r].key == key && ops[r].invoked > quiet;
                reads(own).into_iter().rfind(is_late).map(|read| case.from[read])
            };
            let last: Vec<Option<usize>> = clients(ops, effective).filter_map(last).collect();
            // what nobody read has not taken effect
            let is_read = quiet < usize::MAX;
            of_key.is_empty() || is_read && last.iter().all(|&read| read.is_some() && read == last[0])
        }),
        other => panic!("{other} is defined elsewhere"),
    }
}

/// When an operation had taken effect at the latest: when it returned, or one did that read it, or one that read that.
fn over(case: &Case<'_>, op: usize, depth: usize) -> usize {
    if case.ops[op].known || depth == 0 {
        return if case.ops[op].known { case.ops[op].returned } else { usize::MAX };
    }
    let readers = bits(case.effective).filter(|&reader| case.from[reader] == Some(op));
    readers.map(|reader| over(case, reader, depth - 1)).min().unwrap_or(usize::MAX)
}

/// Each key has an order in real time, reads `shift` earlier, in which each read returns one of the last `versions` writes.
fn keyed(ops: &[Op], shift: usize, versions: usize) -> bool {
    (0..4).all(|key| {
        let of_key: Vec<Op> = ops.iter().copied().filter(|op| op.key == key).collect();
        some_effective(&of_key, |effective| {
            some_order(effective, &real_time(&of_key, shift), &mut |order| {
                (0..order.len()).all(|at| {
                    let mut held: Vec<i64> =
                        order[..at].iter().rev().filter_map(|&i| of_key[i].wrote).collect();
                    held.push(0);
                    of_key[order[at]].seen.is_none_or(|seen| held.iter().take(versions).any(|&v| v == seen))
                })
            })
        })
    })
}

/// Shao et al. 2011, MWR1: each read by itself has an order with all writes in real time; if safe, only where none runs at the same time.
fn regular(ops: &[Op], is_safe: bool) -> bool {
    let before = real_time(ops, 0);
    let comparing: Vec<Op> = ops.iter().map(|op| Op { seen: op.seen.filter(|_| !op.known), ..*op }).collect();
    (0..ops.len()).filter(|&read| ops[read].known && ops[read].seen.is_some()).all(|read| {
        let others = writes(ops) & set(ops, |op| op.key == ops[read].key) & !(1 << read);
        let runs = |&w: &usize| before[read] & (1 << w) == 0 && before[w] & (1 << read) == 0;
        if is_safe && bits(others).any(|w| runs(&w)) {
            return true;
        }
        // a compare-and-set of unknown outcome that took effect has compared with what somebody wrote
        some_case(&comparing, &|case| {
            some_order(case.effective & (others | 1 << read), &before, &mut |order| {
                replays(ops, order, 1 << read)
            })
        })
    })
}

#[test]
fn all_partial_orders_are_tried() {
    let counts = (1..=5).map(|members| {
        let mut count = 0;
        let all: Vec<usize> = (0..members).collect();
        orders(&all, &vec![0; members], &mut |_| {
            count += 1;
            false
        });
        count
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 3, 19, 219, 4231], "the numbers of labelled posets");
}
