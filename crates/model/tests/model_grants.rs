//! What a model does not grant does not compile, and the message names the assumption that is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// By program in `ui/`: what its message must say.
const REFUSED: &[(&str, &str)] = &[
    ("timer_under_asynchronous", "the timing model `synod_model::Asynchronous` grants no clock"),
    ("store_under_crash_stop", "the failure model `synod_model::CrashStop` grants no stable storage"),
    ("sign_under_byzantine", "the failure model `synod_model::Byzantine` grants no signatures"),
    ("verify_under_byzantine", "the failure model `synod_model::Byzantine` grants no signatures"),
    (
        "bounds_under_partial_synchrony",
        "the timing model `synod_model::PartiallySynchronous` knows no bounds on delays",
    ),
    (
        "coin_without_the_oracle",
        "the timing model `synod_model::Asynchronous` has no oracle `synod_model::LocalCoin`",
    ),
    (
        "consult_without_the_oracle",
        "the timing model `synod_model::Asynchronous` has no oracle `synod_model::Omega`",
    ),
    ("consult_another_oracle", "has no oracle `synod_model::EventuallyPerfect`"),
    ("missing_on_timer", "missing: `on_timer`"),
    ("missing_on_recovery", "missing: `on_recovery`"),
    ("not_a_system_model", "`(synod_model::CrashStop, synod_model::Perfect)` is not a system model"),
    (
        "embed_synchronous_in_asynchronous",
        "the model `synod_model::Asynchronous` does not provide what `synod_model::Synchronous` assumes",
    ),
    (
        "embed_perfect_in_fair_loss",
        "the model `synod_model::FairLoss` does not provide what `synod_model::Perfect` assumes",
    ),
    (
        "embed_third_in_majority",
        "the model `synod_model::Majority` does not provide what `synod_model::ThirdFaulty` assumes",
    ),
    (
        "embed_recovery_in_omission",
        "the model `synod_model::Omission` does not provide what `synod_model::CrashRecovery` assumes",
    ),
    (
        "embed_crash_stop_in_byzantine",
        "the model `synod_model::Byzantine` does not provide what `synod_model::CrashStop` assumes",
    ),
    (
        "embed_oracle_without_the_oracle",
        "the timing model `synod_model::Asynchronous` has no oracle `synod_model::Omega`",
    ),
    ("embed_storage_in_none", "the host lifts no such timers or writes of the module"),
    ("forged_signature", "fields `signer`, `value` and `signature` of struct `Signed` are private"),
    ("deserialised_signature", "the trait bound `Signed<u8>: serde::Deserialize<'de>` is not satisfied"),
    ("raw_effect", "cannot create non-exhaustive variant"),
    ("rounds_under_asynchronous", "the timing model `synod_model::Asynchronous` knows no bounds on delays"),
    (
        "coin_in_rounds_without_the_oracle",
        "the timing model `synod_model::Synchronous` has no oracle `synod_model::LocalCoin`",
    ),
    ("missing_halted", "missing: `halted`"),
    ("raw_round_effect", "cannot create non-exhaustive variant"),
    ("forged_draw", "fields `kind` and `bound` of struct `Draw` are private"),
    ("forged_grant", "cannot initialize a tuple struct which contains private fields"),
];

/// The compiler whose wording the `.stderr` files hold; others word their part of a message differently.
const COMPILER: &str = "rustc 1.95.";

fn compiler_is_the_files() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs where cargo does");
    String::from_utf8_lossy(&version.stdout).starts_with(COMPILER)
}

#[test]
fn what_a_model_does_not_grant_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/ok_*.rs");
    cases.pass(program_of_the_readme());
    if compiler_is_the_files() {
        for (program, _) in REFUSED {
            cases.compile_fail(format!("tests/ui/{program}.rs"));
        }
    }
}

/// The first Rust program in the README, over this crate in the place of the facade.
fn program_of_the_readme() -> PathBuf {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md"));
    let readme = readme.expect("the README stands at the root");
    let code = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = code.expect("the README has a program").replace("use synod::", "use synod_model::");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme.rs");
    std::fs::write(
        &path,
        format!("#![deny(warnings)]\n{program}\nfn main() {{ let _ = Eager::default(); }}\n"),
    )
    .expect("the folder for tests' files is writable");
    path
}

#[test]
fn each_message_names_the_missing_assumption() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    for (program, phrase) in REFUSED {
        let file = folder.join(program).with_extension("stderr");
        let message = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(message.contains(phrase), "{program}: its message does not say {phrase:?}:\n{message}");
    }
}

#[test]
fn every_program_is_tried() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    for entry in std::fs::read_dir(folder).expect("the programs are in tests/ui") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_stem().and_then(|s| s.to_str()).expect("a plain name").to_owned();
        let listed = name.starts_with("ok_") || REFUSED.iter().any(|(program, _)| *program == name);
        assert!(listed, "tests/ui/{name} is in no list");
    }
}
