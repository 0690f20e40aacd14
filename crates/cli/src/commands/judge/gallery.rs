//! `judge --gallery`: the histories of the literature, judged.

use super::{Desk, count};
use crate::error::Error;
use crate::exit::Exit;
use serde_json::json;
use synod_judge::Budget;
use synod_judge::gallery::{Compared, Exhibit, all};

pub(super) fn gallery(desk: &Desk<'_>, names: &[String]) -> Result<Exit, Error> {
    let exhibits = all();
    if let Some(name) = names.iter().find(|name| exhibits.iter().all(|exhibit| exhibit.name != **name)) {
        let known: Vec<_> = exhibits.iter().map(|exhibit| exhibit.name).collect();
        return Err(Error::Arguments {
            what: format!("the gallery has no history `{name}`"),
            hint: known.join(", "),
        });
    }
    let (mut exit, mut judged) = (Exit::Holds, 0);
    for exhibit in exhibits.iter().filter(|e| names.is_empty() || names.iter().any(|name| name == e.name)) {
        judged += 1;
        exit = exit.and(one(desk, exhibit, !names.is_empty()));
    }
    if names.is_empty() {
        desk.printer.say(format!(
            "{} of the literature; --gallery NAME shows one",
            count(judged, "history").replace("historys", "histories")
        ));
    }
    Ok(exit)
}

fn one(desk: &Desk<'_>, exhibit: &Exhibit, shown: bool) -> Exit {
    let compared = match exhibit.judge(Budget::default()) {
        Ok(compared) => compared,
        Err(error) => {
            desk.printer.say(format!("✗ {}  {error}", exhibit.name));
            return Exit::Internal;
        }
    };
    let level = |one: &Compared| json!({ "level": one.level, "known": one.known, "holds": one.found });
    desk.printer.event(&json!({
        "event": "exhibit", "name": exhibit.name, "shows": exhibit.shows, "source": exhibit.source, "model": exhibit.model,
        "levels": compared.iter().map(level).collect::<Vec<_>>(),
    }));
    if shown {
        desk.printer.say(exhibit.text.trim_end());
    }
    let is_as_known = compared.iter().all(|one| one.found == Some(one.known));
    let named = |holds: bool| {
        let levels: Vec<_> =
            compared.iter().filter(|one| one.found == Some(holds)).map(|one| &one.level[..]).collect();
        if levels.is_empty() { "nothing".to_owned() } else { levels.join(", ") }
    };
    let mark = if is_as_known { "✓" } else { "✗" };
    desk.printer.say(format!(
        "{mark} {}  {}: {}, not {}",
        exhibit.name,
        exhibit.model,
        named(true),
        named(false)
    ));
    for one in compared.iter().filter(|one| one.found != Some(one.known)) {
        desk.printer.say(format!("  {}: known to {}", one.level, if one.known { "hold" } else { "fail" }));
    }
    if is_as_known { Exit::Holds } else { Exit::Violation }
}
