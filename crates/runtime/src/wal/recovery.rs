//! What is there when a log is opened: the newest sound snapshot, the batches behind it, and where they end.

use super::format::{self, Batch, Header, SECTOR};
use super::segments::{End, Home, Last, SEGMENT, SPARE, Segments, length};
use super::snapshot::{self, Place};
use super::{Identity, LOCK_NAME, Recovered, TornTail, WalError, WalOptions, failed, segment_name};
use crate::disk::{Disk, DiskFile, Open};
use std::io;
use std::path::{Path, PathBuf};

/// The log of the first format was one file of this name.
const FIRST_FORMAT: &str = "wal";

/// Opens the log in `directory`, and counts a start.
pub(super) fn open(
    disk: &dyn Disk,
    directory: &Path,
    identity: Identity,
    options: WalOptions,
) -> Result<(Segments, Recovered), WalError> {
    let lock = take(disk, directory)?;
    let home = Home::new(disk, directory, identity, options);
    let names = home.list()?;
    if names.iter().any(|name| name == FIRST_FORMAT) {
        return Err(WalError::Version { path: home.path(FIRST_FORMAT), found: 1 });
    }
    let segments = Home::numbered(&names, SEGMENT);
    let base = base(&home, &names)?;
    let is_new = segments.is_empty() && base.snapshot.is_none() && base.damaged.is_empty();
    let (last, replayed) =
        if is_new { (home.first()?, Replayed::from(&base.place)) } else { replay(&home, &segments, &base)? };
    for path in &base.damaged {
        set_aside(&home, path)?;
    }
    // A process that was killed may have left names that are not durable; from here on, what is said depends on them.
    home.sync_names()?;
    if let Some(above) = directory.parent().filter(|above| !above.as_os_str().is_empty()) {
        disk.sync_directory(above).map_err(failed("sync", above))?;
    }
    let spares = spares(&home, &names)?;
    let end = End {
        chain: replayed.place.chain,
        records: replayed.place.records,
        incarnation: replayed.place.incarnation,
        since_snapshot: replayed.bytes,
        snapshot: base.snapshot.is_some().then_some(base.place),
        snapshot_length: base.snapshot.as_ref().map_or(0, |bytes| bytes.len() as u64),
    };
    let mut log = Segments::new(home, lock, last, end, spares);
    let recovered = Recovered {
        snapshot: base.snapshot,
        records_before: base.place.records,
        records: replayed.records,
        incarnation: log.start()?,
        torn: replayed.torn,
        damaged_snapshot: base.damaged.into_iter().next(),
    };
    Ok((log, recovered))
}

/// Makes the directory and keeps every other OS process out of it.
fn take(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn DiskFile>, WalError> {
    disk.create_directory(directory).map_err(failed("create", directory))?;
    let path = directory.join(LOCK_NAME);
    let mut lock = disk.open(&path, Open::Fresh).map_err(failed("create", &path))?;
    match lock.lock() {
        Ok(()) => Ok(lock),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            Err(WalError::InUse { directory: directory.to_owned() })
        }
        Err(e) => Err(failed("lock", &path)(e)),
    }
}

fn read(disk: &dyn Disk, path: &Path) -> Result<(Box<dyn DiskFile>, Vec<u8>), WalError> {
    let mut file = disk.open(path, Open::Existing).map_err(failed("open", path))?;
    let content = file.read().map_err(failed("read", path))?;
    Ok((file, content))
}

/// Where reading begins.
struct Base {
    place: Place,
    snapshot: Option<Vec<u8>>,
    /// Snapshots of later places that are damaged, the newest first.
    damaged: Vec<PathBuf>,
    /// How far the newest of these was.
    reach: (u64, u64),
}

/// The newest sound snapshot, or the beginning of the log.
fn base(home: &Home, names: &[String]) -> Result<Base, WalError> {
    let mut found: Vec<_> =
        names.iter().filter_map(|name| Some((snapshot::position_of(name)?, home.path(name)))).collect();
    found.sort();
    let reach = found.last().map_or((0, 0), |(position, _)| *position);
    let mut damaged = vec![];
    for (position, path) in found.into_iter().rev() {
        let (_, content) = read(&*home.disk, &path)?;
        match snapshot::decode(&path, content, position, home.identity) {
            Ok((place, bytes)) => return Ok(Base { place, snapshot: Some(bytes), damaged, reach }),
            Err(WalError::Header { .. } | WalError::Snapshot { .. }) => damaged.push(path),
            Err(error) => return Err(error),
        }
    }
    let place = Place { segment: 1, offset: SECTOR as u64, chain: 0, records: 0, incarnation: 0 };
    Ok(Base { place, snapshot: None, damaged, reach })
}

/// What the batches say.
struct Replayed {
    /// The end.
    place: Place,
    records: Vec<Vec<u8>>,
    bytes: u64,
    torn: Option<TornTail>,
    /// Where the last batch of the last segment begins.
    last_batch: Option<u64>,
}

impl Replayed {
    fn from(place: &Place) -> Self {
        Self { place: *place, records: vec![], bytes: 0, torn: None, last_batch: None }
    }

    /// Takes the valid batches of a segment, from the present place on.
    fn scan(&mut self, header: &Header, content: &[u8]) {
        self.last_batch = None;
        while let Some(found) = format::decode(header, content, self.place.offset) {
            if found.chain != self.place.chain {
                break;
            }
            match found.batch {
                Batch::Start(incarnation) => self.place.incarnation = incarnation,
                Batch::Records(mut records) => {
                    self.place.records += records.len() as u64;
                    self.records.append(&mut records);
                }
            }
            self.last_batch = Some(self.place.offset);
            self.bytes += found.end - self.place.offset;
            self.place.chain = found.next_chain;
            self.place.offset = found.end;
        }
    }
}

/// Reads the segments from the base on, and makes sure of the last batch.
fn replay(home: &Home, segments: &[(u64, String)], base: &Base) -> Result<(Last, Replayed), WalError> {
    let mut replayed = Replayed::from(&base.place);
    let newest = segments.last().map_or(0, |(number, _)| *number).max(base.place.segment);
    let mut last = None;
    for number in base.place.segment..=newest {
        let path = home.path(&segment_name(number));
        if !segments.iter().any(|(there, _)| *there == number) {
            // Without the snapshot that is damaged, it would have been needed no more.
            let damaged = base.damaged.first().filter(|_| number == base.place.segment);
            return Err(match damaged {
                Some(snapshot) => WalError::Snapshot { path: snapshot.clone() },
                None => WalError::Missing { path },
            });
        }
        let (file, content) = read(&*home.disk, &path)?;
        let header = Header::decode(&path, &content, number, home.identity)?;
        let is_base = number == base.place.segment;
        if !is_base || base.place.offset == SECTOR as u64 {
            continue_chain(home, &replayed.place, &header)?;
        }
        if is_base && base.place.offset > header.length {
            return Err(WalError::Short { path, found: header.length, expected: base.place.offset });
        }
        if !is_base {
            (replayed.place.segment, replayed.place.offset) = (number, SECTOR as u64);
        }
        let content = &content[..header.length as usize];
        replayed.scan(&header, content);
        if number == newest {
            last = Some(finish(file, &path, header, content, &mut replayed)?);
        }
    }
    if replayed.place.position() < base.reach {
        return Err(WalError::Snapshot { path: base.damaged[0].clone() });
    }
    Ok((last.expect("the newest is one of them"), replayed))
}

/// A segment says where the one before it ended: so a damaged batch at the end of that one is noticed.
fn continue_chain(home: &Home, place: &Place, header: &Header) -> Result<(), WalError> {
    if (header.chain, header.records) == (place.chain, place.records) {
        return Ok(());
    }
    Err(WalError::Corrupt {
        path: home.path(&segment_name(place.segment)),
        offset: place.offset,
        later: home.path(&segment_name(header.number)),
        valid: 0,
    })
}

/// Tells a torn tail from a corrupt middle, and writes the last batch again.
fn finish(
    mut file: Box<dyn DiskFile>,
    path: &Path,
    header: Header,
    content: &[u8],
    replayed: &mut Replayed,
) -> Result<Last, WalError> {
    let end = replayed.place.offset;
    if let Some(valid) = format::find(&header, content, end) {
        let (path, later) = (path.to_owned(), path.to_owned());
        return Err(WalError::Corrupt { path, offset: end, later, valid });
    }
    replayed.torn = format::torn(&header, content, end).map(|length| TornTail {
        path: path.to_owned(),
        offset: end,
        length,
    });
    if let Some(begin) = replayed.last_batch {
        // A process that was killed may have left it written but not durable, and even a sync may have failed before:
        // then the kernel takes it for clean, and another sync would do nothing. It must be durable before the next.
        file.write_all_at(begin, &content[begin as usize..end as usize]).map_err(failed("write to", path))?;
        file.sync().map_err(failed("sync", path))?;
    }
    Ok(Last { header, file, end })
}

/// Keeps a damaged snapshot for whoever wants to look at it, under a name that is no snapshot's.
fn set_aside(home: &Home, path: &Path) -> Result<(), WalError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    home.disk.rename(path, &home.path(&format!("damaged.{name}"))).map_err(failed("rename", path))
}

/// The files that can become segments.
fn spares(home: &Home, names: &[String]) -> Result<Vec<String>, WalError> {
    let mut spares = vec![];
    for (_, name) in Home::numbered(names, SPARE) {
        let path = home.path(&name);
        if length(&*home.disk, &path)? == home.segment_length {
            spares.push(name);
        } else {
            home.disk.remove(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(spares)
}
