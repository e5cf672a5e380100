//! What the runs of a repository used: turns and tokens, per day and kind.
//!
//! Jobs that are kept say it themselves. What retention deletes is added up in `usage.json` first, so that the account
//! does not shrink with the list of jobs. A damaged `usage.json` is one that is not there: the account then begins with
//! the jobs that are kept. Days are UTC.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Job, JobId, TokenCount, stored_file};
use crate::atomic_file::{self, Durability, Readers};

/// The account's file name in the state folder.
pub(crate) const ACCOUNT_FILE: &str = "usage.json";
const ACCOUNT_VERSION: u64 = 1;
/// How many days are kept apart. What is older is left out of the account.
const MAX_DAYS: usize = 400;
/// How many ids of deleted jobs are remembered, so that one whose deletion was cut short is not counted twice.
const MAX_REMEMBERED: usize = 500;

/// What some runs used together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// How many jobs.
    pub jobs: u64,
    /// How many of them had tokens counted by their engine; the others' use is unknown.
    pub counted: u64,
    /// Their tokens.
    pub tokens: TokenCount,
}

impl Spent {
    /// Adds what others used.
    pub fn add(&mut self, other: Spent) {
        self.jobs = self.jobs.saturating_add(other.jobs);
        self.counted = self.counted.saturating_add(other.counted);
        let (own, others) = (&mut self.tokens, other.tokens);
        own.input = own.input.saturating_add(others.input);
        own.cached_input = own.cached_input.saturating_add(others.cached_input);
        own.output = own.output.saturating_add(others.output);
    }

    /// What one job used.
    #[must_use]
    pub fn of(job: &Job) -> Spent {
        Spent {
            jobs: 1,
            counted: u64::from(job.tokens.is_some()),
            tokens: job.tokens.unwrap_or_default(),
        }
    }
}

/// The account of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// By day (`YYYY-MM-DD`, UTC, the job's creation) and then by the kind's stored name.
    pub days: BTreeMap<String, BTreeMap<String, Spent>>,
    folded: VecDeque<JobId>,
}

impl Account {
    /// Adds a job, unless it was added before it was deleted.
    pub(crate) fn add(&mut self, job: &Job) {
        if self.folded.contains(&job.id) {
            return;
        }
        let day = job.created_at.to_string()[..10].to_owned();
        let kinds = self.days.entry(day).or_default();
        kinds
            .entry(job.kind.clone())
            .or_default()
            .add(Spent::of(job));
        while self.days.len() > MAX_DAYS {
            self.days.pop_first();
        }
    }

    /// What each kind used since the day `since`, included; `None` for all days.
    #[must_use]
    pub fn by_kind(&self, since: Option<&str>) -> BTreeMap<&str, Spent> {
        let mut kinds: BTreeMap<&str, Spent> = BTreeMap::new();
        for (day, spent) in &self.days {
            if since.is_some_and(|since| day.as_str() < since) {
                continue;
            }
            for (kind, spent) in spent {
                kinds.entry(kind).or_default().add(*spent);
            }
        }
        kinds
    }

    /// Remembers that this job is counted for good.
    fn remember(&mut self, id: &JobId) {
        if !self.folded.contains(id) {
            self.folded.push_back(id.clone());
        }
        while self.folded.len() > MAX_REMEMBERED {
            self.folded.pop_front();
        }
    }
}

/// The stored part of the account: jobs that are deleted. A file that is not there, or makes no sense, is an empty one.
pub(crate) fn read(folder: &Path) -> io::Result<Account> {
    let bytes = match stored_file::read(&folder.join(ACCOUNT_FILE)) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::InvalidData
            ) =>
        {
            return Ok(Account::default());
        }
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice::<AccountV1>(&bytes)
        .map(AccountV1::into_account)
        .unwrap_or_default())
}

/// Adds jobs that are about to be deleted. The caller holds the store's lock.
pub(crate) fn fold(folder: &Path, jobs: &[Job]) -> io::Result<()> {
    let mut account = read(folder)?;
    for job in jobs {
        account.add(job);
        account.remember(&job.id);
    }
    let bytes = serde_json::to_vec(&AccountV1::from_account(&account))
        .expect("an account is a tree of JSON values");
    atomic_file::write(
        &folder.join(ACCOUNT_FILE),
        &bytes,
        Durability::Derived,
        Readers::Owner,
    )
}

#[derive(Serialize, Deserialize)]
struct AccountV1 {
    version: u64,
    days: BTreeMap<String, BTreeMap<String, SpentV1>>,
    folded: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpentV1 {
    jobs: u64,
    counted: u64,
    input: u64,
    cached_input: u64,
    output: u64,
}

impl AccountV1 {
    fn from_account(account: &Account) -> AccountV1 {
        let spent = |spent: &Spent| SpentV1 {
            jobs: spent.jobs,
            counted: spent.counted,
            input: spent.tokens.input,
            cached_input: spent.tokens.cached_input,
            output: spent.tokens.output,
        };
        AccountV1 {
            version: ACCOUNT_VERSION,
            days: account
                .days
                .iter()
                .map(|(day, kinds)| {
                    let kinds = kinds
                        .iter()
                        .map(|(kind, of_kind)| (kind.clone(), spent(of_kind)));
                    (day.clone(), kinds.collect())
                })
                .collect(),
            folded: account.folded.iter().map(JobId::to_string).collect(),
        }
    }

    fn into_account(self) -> Account {
        let spent = |spent: SpentV1| Spent {
            jobs: spent.jobs,
            counted: spent.counted,
            tokens: TokenCount {
                input: spent.input,
                cached_input: spent.cached_input,
                output: spent.output,
            },
        };
        Account {
            days: self
                .days
                .into_iter()
                .map(|(day, kinds)| {
                    let kinds = kinds
                        .into_iter()
                        .map(|(kind, of_kind)| (kind, spent(of_kind)));
                    (day, kinds.collect())
                })
                .collect(),
            folded: self
                .folded
                .iter()
                .filter_map(|id| JobId::parse(id).ok())
                .collect(),
        }
    }
}
