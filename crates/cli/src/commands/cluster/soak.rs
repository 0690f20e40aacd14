//! `cluster soak`.
use super::super::Desk;
use crate::args;
use crate::error::Error;
use crate::exit::Exit;
pub(super) fn soak(_: &Desk<'_>, _: &args::Soak) -> Result<Exit, Error> {
    Ok(Exit::Inconclusive)
}
