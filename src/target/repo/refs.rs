//! References: which branch is the default one, and names for suggestions.

use bstr::ByteSlice;

use super::Repository;
use super::revision::shown;

/// Where no remote says which branch is the default one.
const USUAL_NAMES: [&str; 3] = ["main", "master", "trunk"];
/// The most names that are looked through for suggestions.
const NAMES_LOOKED_AT: usize = 20_000;

/// A branch that may serve as base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    /// As people write it: `main` or `origin/main`.
    pub(super) name: String,
    pub(super) commit: gix::ObjectId,
}

/// A branch and its remote-tracking twin; at least one is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Twins {
    pub(super) local: Option<Branch>,
    pub(super) remote: Option<Branch>,
}

/// The commit that a reference leads to; `None` if it does not exist or leads to none.
pub(super) fn commit_of(repository: &gix::Repository, full_name: &str) -> Option<gix::ObjectId> {
    let mut reference = repository.try_find_reference(full_name).ok().flatten()?;
    // A partial match (`refs/heads/x` found as `refs/tags/refs/heads/x`) is another reference.
    if reference.name().as_bstr() != full_name.as_bytes() {
        return None;
    }
    let id = reference.peel_to_id().ok()?;
    let object = id.object().ok()?;
    (object.kind == gix::objs::Kind::Commit).then_some(object.id)
}

/// Names of branches, remote-tracking branches and tags, as people write them.
pub(super) fn short_names(repository: &gix::Repository) -> Vec<String> {
    let Ok(platform) = repository.references() else {
        return Vec::new();
    };
    let Ok(all) = platform.all() else {
        return Vec::new();
    };
    all.filter_map(Result::ok)
        .filter_map(|reference| {
            let name = reference.name().as_bstr();
            let short = ["refs/heads/", "refs/remotes/", "refs/tags/"]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix.as_bytes()))?;
            (!short.ends_with(b"/HEAD")).then(|| shown(short.into()))
        })
        .take(NAMES_LOOKED_AT)
        .collect()
}

impl Repository {
    /// Names of remotes, `origin` first.
    fn remotes(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .gix
            .remote_names()
            .into_iter()
            .map(|name| shown(name.as_bstr()))
            .collect();
        names.sort_by_key(|name| (name != "origin", name.clone()));
        if !names.iter().any(|name| name == "origin") {
            // A clone that lost its configuration still has the references.
            names.push("origin".to_owned());
        }
        names
    }

    fn local(&self, name: &str) -> Option<Branch> {
        let commit = commit_of(&self.gix, &format!("refs/heads/{name}"))?;
        Some(Branch {
            name: name.to_owned(),
            commit,
        })
    }

    fn remote_tracking(&self, remote: &str, name: &str) -> Option<Branch> {
        let commit = commit_of(&self.gix, &format!("refs/remotes/{remote}/{name}"))?;
        Some(Branch {
            name: format!("{remote}/{name}"),
            commit,
        })
    }

    /// The default branch: what a remote's HEAD names, else the first of the usual names that is there.
    pub(super) fn default_branch(&self) -> Option<Twins> {
        let remotes = self.remotes();
        for remote in &remotes {
            let Ok(Some(head)) = self
                .gix
                .try_find_reference(format!("refs/remotes/{remote}/HEAD").as_str())
            else {
                continue;
            };
            let target = head.target();
            let Some(target) = target.try_name() else {
                continue;
            };
            let prefix = format!("refs/remotes/{remote}/");
            let Some(name) = target.as_bstr().strip_prefix(prefix.as_bytes()) else {
                continue;
            };
            let name = shown(name.into());
            let twins = Twins {
                local: self.local(&name),
                remote: self.remote_tracking(remote, &name),
            };
            if twins != Twins::default() {
                return Some(twins);
            }
        }
        USUAL_NAMES
            .iter()
            .map(|name| Twins {
                local: self.local(name),
                remote: remotes
                    .iter()
                    .find_map(|remote| self.remote_tracking(remote, name)),
            })
            .find(|twins| *twins != Twins::default())
    }

    /// The twins that `name` belongs to, if it is the plain name of a local or of a remote-tracking branch.
    pub(super) fn twins_of(&self, name: &str) -> Option<Twins> {
        let plain = name
            .strip_prefix("refs/heads/")
            .or_else(|| name.strip_prefix("heads/"))
            .unwrap_or(name);
        let remotes = self.remotes();
        if let Some(local) = self.local(plain) {
            let tracked = self.tracked_by(plain);
            let remote = tracked.or_else(|| {
                remotes
                    .iter()
                    .find_map(|remote| self.remote_tracking(remote, plain))
            });
            return Some(Twins {
                local: Some(local),
                remote,
            });
        }
        let plain = name
            .strip_prefix("refs/remotes/")
            .or_else(|| name.strip_prefix("remotes/"))
            .unwrap_or(name);
        remotes.iter().find_map(|remote| {
            let branch = plain.strip_prefix(remote.as_str())?.strip_prefix('/')?;
            let tracking = self.remote_tracking(remote, branch)?;
            Some(Twins {
                local: self.local(branch),
                remote: Some(tracking),
            })
        })
    }

    /// The remote-tracking branch of this name in any remote, for a name that is no local branch.
    pub(super) fn remote_only(&self, name: &str) -> Option<Branch> {
        self.remotes()
            .iter()
            .find_map(|remote| self.remote_tracking(remote, name))
    }

    /// What a local branch is configured to track.
    fn tracked_by(&self, name: &str) -> Option<Branch> {
        let full_name = gix::refs::FullName::try_from(format!("refs/heads/{name}")).ok()?;
        let tracking = self
            .gix
            .branch_remote_tracking_ref_name(full_name.as_ref(), gix::remote::Direction::Fetch)?
            .ok()?;
        let tracking = shown(tracking.as_bstr());
        let short = tracking.strip_prefix("refs/remotes/")?.to_owned();
        // A feature branch tracks its base often; only a branch of the same name is its twin.
        if short.rsplit_once('/').map(|(_, branch)| branch) != name.rsplit('/').next() {
            return None;
        }
        let commit = commit_of(&self.gix, &tracking)?;
        Some(Branch {
            name: short,
            commit,
        })
    }
}
