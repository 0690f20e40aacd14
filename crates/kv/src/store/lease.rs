//! Leases: times that end with their keys. They end by the log's time, and so at the same moment everywhere.

use super::{Store, signed};
use crate::act::Millis;
use crate::bytes::Bytes;
use crate::etcd::ask::Told;
use crate::etcd::error::Error;
use crate::etcd::message::{
    LeaseGrantRequest, LeaseLeasesResponse, LeaseStatus, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest lease, in seconds: etcd's.
const SECONDS_MAX: i64 = 9_000_000_000;
const MILLIS: u64 = 1000;

/// All leases. Which keys each has, stands with the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(super) struct Leases {
    /// How often the store has chosen a number.
    chosen: i64,
    by_id: BTreeMap<i64, Lease>,
    /// The next one first.
    #[serde(skip_serializing)]
    ends: BTreeSet<(Millis, i64)>,
    #[serde(skip_serializing)]
    keys: BTreeSet<(i64, Bytes)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Lease {
    seconds: i64,
    ends_at: Millis,
}

#[derive(Deserialize)]
struct Saved {
    chosen: i64,
    by_id: BTreeMap<i64, Lease>,
}

impl From<Saved> for Leases {
    fn from(Saved { chosen, by_id }: Saved) -> Self {
        let ends = by_id.iter().map(|(&id, lease)| (lease.ends_at, id)).collect();
        Self { chosen, by_id, ends, keys: BTreeSet::new() }
    }
}

impl Leases {
    pub(super) fn next_end(&self) -> Option<Millis> {
        self.ends.first().map(|&(at, _)| at)
    }

    /// One whose time is over by then.
    pub(super) fn ended_at(&self, now: Millis) -> Option<i64> {
        self.ends.first().filter(|&&(at, _)| at <= now).map(|&(_, id)| id)
    }

    pub(super) fn has(&self, id: i64) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn attach(&mut self, id: i64, key: &Bytes) {
        if id != 0 {
            self.keys.insert((id, key.clone()));
        }
    }

    pub(super) fn detach(&mut self, id: i64, key: &Bytes) {
        if id != 0 {
            self.keys.remove(&(id, key.clone()));
        }
    }

    fn keys(&self, id: i64) -> Vec<Bytes> {
        let from = (id, Bytes::default());
        let own = self.keys.range(from..).take_while(|(of, _)| *of == id);
        own.map(|(_, key)| key.clone()).collect()
    }

    fn begin(&mut self, id: i64, seconds: i64, now: Millis) {
        self.end(id);
        let ends_at = now.saturating_add(seconds.unsigned_abs().saturating_mul(MILLIS));
        self.by_id.insert(id, Lease { seconds, ends_at });
        self.ends.insert((ends_at, id));
    }

    fn end(&mut self, id: i64) -> Option<Lease> {
        let lease = self.by_id.remove(&id)?;
        self.ends.remove(&(lease.ends_at, id));
        Some(lease)
    }

    /// They alone: their keys come with the entries.
    pub(super) fn without_keys(&self) -> Self {
        Self { keys: BTreeSet::new(), ..self.clone() }
    }

    pub(super) fn join(&mut self, piece: Self) {
        self.chosen = self.chosen.max(piece.chosen);
        self.ends.extend(piece.ends);
        self.by_id.extend(piece.by_id);
    }
}

impl Store {
    pub(super) fn grant(&mut self, request: &LeaseGrantRequest) -> Result<Told, Error> {
        if request.ttl > SECONDS_MAX {
            return Err(Error::LeaseTooLong);
        }
        if self.leases.has(request.id) {
            return Err(Error::LeaseExists);
        }
        let (id, ttl) = (self.lease_id(request.id), request.ttl.max(1));
        self.leases.begin(id, ttl, self.now);
        Ok(Told::Lease { id, ttl })
    }

    fn lease_id(&mut self, asked: i64) -> i64 {
        if asked != 0 {
            return asked;
        }
        loop {
            self.leases.chosen += 1;
            if !self.leases.has(self.leases.chosen) {
                return self.leases.chosen;
            }
        }
    }

    /// Whether keys have gone with it.
    pub(super) fn revoke(&mut self, id: i64, revision: u64) -> Result<(Told, bool), Error> {
        if !self.leases.has(id) {
            return Err(Error::LeaseNotFound);
        }
        Ok((Told::Done, self.end_lease(id, revision)))
    }

    pub(super) fn end_lease(&mut self, id: i64, revision: u64) -> bool {
        let keys = self.leases.keys(id);
        self.leases.end(id);
        keys.iter().filter_map(|key| self.take(key, revision)).count() > 0
    }

    pub(super) fn keep_alive(&mut self, id: i64) -> Told {
        let ttl = self.leases.by_id.get(&id).map_or(0, |lease| lease.seconds);
        if ttl > 0 {
            self.leases.begin(id, ttl, self.now);
        }
        Told::Lease { id, ttl }
    }

    pub(super) fn time_to_live(
        &self,
        request: &LeaseTimeToLiveRequest,
        at: Millis,
    ) -> LeaseTimeToLiveResponse {
        let id = request.id;
        let Some(lease) = self.leases.by_id.get(&id) else {
            return LeaseTimeToLiveResponse { id, ttl: -1, ..LeaseTimeToLiveResponse::default() };
        };
        let left = lease.ends_at.saturating_sub(at.max(self.now)) / MILLIS;
        let keys = if request.keys { self.leases.keys(id) } else { vec![] };
        LeaseTimeToLiveResponse { header: None, id, ttl: signed(left), granted_ttl: lease.seconds, keys }
    }

    pub(super) fn all_leases(&self) -> LeaseLeasesResponse {
        let leases = self.leases.by_id.keys().map(|&id| LeaseStatus { id }).collect();
        LeaseLeasesResponse { header: None, leases }
    }
}
