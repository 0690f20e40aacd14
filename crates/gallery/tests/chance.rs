//! Every game of the gallery gives the answers that are known of it.

use synod_check::Control;
use synod_check::chance::{AlmostSurely, Explored, Extreme, Precision};
use synod_gallery::chance::herman::Herman;
use synod_gallery::chance::{Entry, Found, Known, PublishedGame, all, find};
use synod_gallery::{Constants, Refused};

fn gives(entry: &Entry, known: &Known) {
    let found = entry.analyse(known.constants, 1 << 24, Precision::default(), &mut |_| Control::Continue);
    let found = found.expect("the constants are in range").expect("it is small enough");
    let name = format!("{} {}", entry.name, found.constants);
    if let Some(states) = known.states {
        assert_eq!(found.scope.states, states, "{name}");
    }
    for &(question, answer) in known.answers {
        let found = found.answer(question);
        assert!(found.is(answer, known.within), "{name}: {question} is {answer}, found {found:?}");
        if let (Found::Value(value), true) = (found, answer.is_finite()) {
            assert!(value.width() <= 1e-9 * answer.max(1.0), "{name}: {question} is {value:?}");
        }
    }
}

#[test]
fn every_game_gives_its_known_answers() {
    for entry in all() {
        assert!(!entry.known.is_empty(), "{}", entry.name);
        for known in entry.known {
            gives(entry, known);
        }
    }
}

#[test]
fn a_game_is_found_by_its_name() {
    assert!(all().is_sorted_by_key(|entry| entry.name));
    for entry in all() {
        assert_eq!(find(entry.name).map(|found| found.name), Some(entry.name));
    }
    assert!(find("perpetual-motion").is_none());
}

#[test]
fn an_even_ring_is_refused() {
    let refused =
        find("herman").unwrap().analyse(&[("n", 4)], 100, Precision::default(), &mut |_| Control::Continue);
    assert!(matches!(refused, Err(Refused::Together(_))));
}

#[test]
fn more_states_than_allowed_are_not_analysed() {
    let stopped =
        find("herman").unwrap().analyse(&[("n", 9)], 100, Precision::default(), &mut |_| Control::Continue);
    assert!(stopped.unwrap().is_err());
}

/// McIver, Morgan 2005.
#[test]
fn three_tokens_take_four_a_b_c_over_n_steps() {
    for n in [5, 7, 9] {
        let game = Herman::new(&Constants::of_game::<Herman>(&[("n", n)]).unwrap()).unwrap();
        let explored = Explored::new(&game, 1 << 20, &mut |_| Control::Continue).expect("small enough");
        let steps = explored.expected(
            Extreme::Greatest,
            |&state| game.tokens(state).len() == 1,
            |_, ()| 1,
            Precision::default(),
        );
        let mut compared = 0;
        for (&state, value) in explored.states().zip(&steps.values) {
            if let [x, y, z] = game.tokens(state)[..] {
                let n = n as u32;
                let expected = f64::from(4 * (y - x) * (z - y) * (n - z + x)) / f64::from(n);
                assert!((value.low - expected).abs() < 1e-7, "{state:?}: {expected}, found {value}");
                compared += 1;
            }
        }
        let triples = n * (n - 1) * (n - 2) / 6;
        assert_eq!(compared, 2 * triples, "the bits and their complements");
        let mean = steps.values.iter().map(|value| value.low).sum::<f64>() / steps.values.len() as f64;
        let known =
            [(5, 1.93333), (7, 4.49333), (9, 7.92161)].into_iter().find(|(of, _)| *of == n).unwrap().1;
        assert!((mean - known).abs() < 6e-6, "n = {n}: the mean over all states is {known}, found {mean}");
    }
}

#[test]
fn without_coins_the_tokens_go_round_for_ever() {
    let game = Herman::new(&Constants::of_game::<Herman>(&[("n", 5), ("broken", 1)]).unwrap()).unwrap();
    let explored = Explored::new(&game, 1 << 20, &mut |_| Control::Continue).expect("small enough");
    let AlmostSurely::Escapes(escape) = explored.almost_surely(|&state| game.tokens(state).len() == 1) else {
        panic!("it stabilises without coins");
    };
    assert!(escape.stays.iter().all(|(state, actions)| game.tokens(*state).len() > 1 && actions.len() == 1));
}
