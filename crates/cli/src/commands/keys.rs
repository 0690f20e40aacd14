//! `keys`.

use super::Desk;
use crate::args::Keys;
use crate::error::Error;
use crate::exit::Exit;
use std::time::Duration;
use synod_model::ProcessId;
use synod_runtime::keys::{self, KeyError, Validity};

const DAY: Duration = Duration::from_hours(24);

/// Makes the keys of a cluster, or one process's new certificate.
pub(crate) fn keys(desk: &Desk<'_>, args: &Keys) -> Result<Exit, Error> {
    let validity = Validity::of(DAY * args.days);
    let out = args.out.display();
    if let (Some(process), Some(from)) = (&args.renew, &args.from) {
        keys::renew(from, ProcessId(*process), validity, &args.out).map_err(refused)?;
        desk.printer.talk(format!("{out}: the keys of p{process}, with a new certificate"));
    } else {
        let name = args.name.as_deref().unwrap_or_default();
        keys::generate(name, args.processes, validity, &args.out).map_err(refused)?;
        desk.printer.talk(format!(
            "{out}: keys of {} processes of `{name}`. Bring each subdirectory to its own node, and nowhere else;\n\
             keep {out}/authority.key: whoever has it can make certificates.",
            args.processes
        ));
    }
    Ok(Exit::Holds)
}

fn refused(error: KeyError) -> Error {
    let (what, hint) = (error.to_string(), error.hint().to_owned());
    match error {
        KeyError::Name(_) | KeyError::Processes(_) | KeyError::Exists(_) => Error::Arguments { what, hint },
        _ => Error::Cluster { what, hint },
    }
}
