//! The bound of a model: how many processes may be faulty among n.

use crate::system::order;

/// How many of n processes may be faulty. The bound is part of the model: beyond it nothing is promised.
pub trait Bound: 'static {
    /// The bound as a formula, for people.
    const FORMULA: &'static str;

    /// Whether an environment with `n` processes, `f` of them faulty, is within the bound.
    fn admits(n: u32, f: u32) -> bool;

    /// The largest f that `n` admits.
    fn faulty_max(n: u32) -> u32 {
        (0..=n).rev().find(|&f| Self::admits(n, f)).unwrap_or(0)
    }
}

macro_rules! bounds {
    ($($(#[$doc:meta])* $name:ident, $formula:literal, |$n:ident, $f:ident| $admits:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;
        impl Bound for $name {
            const FORMULA: &'static str = $formula;
            fn admits($n: u32, $f: u32) -> bool { $admits }
        }
    )*};
}
bounds! {
    /// Holds however many are faulty.
    AnyNumber, "f <= n", |n, f| f <= n;
    /// At least one process is correct: the default where a model names no bound.
    OneCorrect, "f < n", |n, f| f < n;
    /// A majority is correct: n > 2f.
    Majority, "n > 2f", |n, f| u64::from(n) > 2 * u64::from(f);
    /// Fewer than a third are faulty: n > 3f.
    ThirdFaulty, "n > 3f", |n, f| u64::from(n) > 3 * u64::from(f);
    /// Fewer than a quarter are faulty: n > 4f.
    QuarterFaulty, "n > 4f", |n, f| u64::from(n) > 4 * u64::from(f);
    /// Nobody is faulty.
    AllCorrect, "f = 0", |_n, f| f == 0;
}

order! { BOUNDS:
    AnyNumber >= AnyNumber;
    OneCorrect >= OneCorrect, AnyNumber;
    Majority >= Majority, OneCorrect, AnyNumber;
    ThirdFaulty >= ThirdFaulty, Majority, OneCorrect, AnyNumber;
    QuarterFaulty >= QuarterFaulty, ThirdFaulty, Majority, OneCorrect, AnyNumber;
    AllCorrect >= AllCorrect, QuarterFaulty, ThirdFaulty, Majority, OneCorrect, AnyNumber;
}

#[cfg(test)]
mod tests {
    use super::*;

    type Admits = fn(u32, u32) -> bool;

    #[test]
    fn the_order_of_bounds_is_inclusion_of_what_they_admit() {
        let all: [(&str, Admits); 6] = [
            ("AnyNumber", AnyNumber::admits),
            ("OneCorrect", OneCorrect::admits),
            ("Majority", Majority::admits),
            ("ThirdFaulty", ThirdFaulty::admits),
            ("QuarterFaulty", QuarterFaulty::admits),
            ("AllCorrect", AllCorrect::admits),
        ];
        for (host, a) in all {
            for (module, b) in all {
                let included = (1..20).all(|n| (0..=n).all(|f| !a(n, f) || b(n, f)));
                assert_eq!(included, BOUNDS.contains(&(host, module)), "{host} >= {module}");
            }
        }
    }

    #[test]
    fn the_largest_f_is_the_textbooks() {
        assert_eq!([3, 4, 5].map(Majority::faulty_max), [1, 1, 2]);
        assert_eq!([3, 4, 7].map(ThirdFaulty::faulty_max), [0, 1, 2]);
        assert_eq!([4, 5, 9].map(QuarterFaulty::faulty_max), [0, 1, 2]);
        assert_eq!(OneCorrect::faulty_max(3), 2);
    }
}
