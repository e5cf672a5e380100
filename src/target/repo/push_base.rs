//! What a remote is known to have, and what a pushed commit would add to that.

use bstr::ByteSlice;

use super::{Repository, gix_id, own_id, refs, tree_diff};
use crate::target::{
    Endpoint, Mode, ObjectId, Part, PushedChange, ResolveError, ResolvedTarget, Select, TargetSpec,
};

/// The most refs of a remote that are looked at.
const MOST_TIPS: usize = 20_000;
/// The most merge bases that are compared with each other.
const MOST_BASES: usize = 8;

/// The commits that a remote has, as far as this repository holds them.
#[derive(Debug, Clone)]
pub struct RemoteCommits(Vec<gix::ObjectId>);

impl Repository {
    /// The name of the configured remote that git calls `name`, which is the address where a push names none.
    #[must_use]
    pub fn remote_called(&self, name: &str) -> Option<String> {
        let names = self.gix.remote_names();
        if names.iter().any(|known| known.as_bstr() == name) {
            return Some(name.to_owned());
        }
        let config = self.gix.config_snapshot();
        names
            .iter()
            .filter_map(|known| known.to_str().ok())
            .find(|known| {
                ["url", "pushurl"].iter().any(|key| {
                    let value = config.string(format!("remote.{known}.{key}").as_str());
                    value.is_some_and(|value| value.as_bstr() == name)
                })
            })
            .map(str::to_owned)
    }

    /// The commits that a remote is known to have, from the refs that track it and from what it has `told`. Without a
    /// name, those of every remote: the nearest thing to what an unknown place has.
    #[must_use]
    pub fn remote_has(
        &self,
        remote: Option<&str>,
        told: impl IntoIterator<Item = ObjectId>,
    ) -> RemoteCommits {
        let is_commit = |id: gix::ObjectId| {
            let header = self.gix.find_header(id);
            header.is_ok_and(|header| header.kind() == gix::objs::Kind::Commit)
        };
        let told = told
            .into_iter()
            .filter(|id| self.holds(id))
            .map(|id| gix_id(&id));
        let mut has: Vec<gix::ObjectId> = self
            .tips(remote)
            .into_iter()
            .chain(told)
            .filter(|id| is_commit(*id))
            .collect();
        has.sort_unstable();
        has.dedup();
        RemoteCommits(has)
    }

    /// What the refs that track a remote lead to.
    fn tips(&self, remote: Option<&str>) -> Vec<gix::ObjectId> {
        let Ok(platform) = self.gix.references() else {
            return Vec::new();
        };
        self.tracking_prefixes(remote)
            .iter()
            .filter_map(|prefix| platform.prefixed(prefix.as_str()).ok())
            .flatten()
            .filter_map(Result::ok)
            .take(MOST_TIPS)
            .filter_map(|mut reference| Some(reference.peel_to_id().ok()?.detach()))
            .collect()
    }

    /// Where the refs of a remote are kept, as its fetch lines say, and where they usually are.
    fn tracking_prefixes(&self, remote: Option<&str>) -> Vec<String> {
        let Some(remote) = remote else {
            return vec!["refs/remotes/".to_owned()];
        };
        let mut prefixes: Vec<String> = self
            .gix
            .config_snapshot()
            .plumbing()
            .strings(format!("remote.{remote}.fetch").as_str())
            .into_iter()
            .flatten()
            .filter_map(|line| {
                let line = line.to_str().ok()?.to_owned();
                let (_, kept) = line.split_once(':')?;
                let prefix = kept.strip_suffix('*')?;
                prefix
                    .starts_with("refs/remotes/")
                    .then(|| prefix.to_owned())
            })
            .collect();
        if prefixes.is_empty() {
            prefixes.push(format!("refs/remotes/{remote}/"));
        }
        prefixes
    }

    /// What pushing `id` brings to a remote that has the commits `has`.
    ///
    /// Of several merge bases, each of which the remote has, the one with the smallest change is taken: after a merge
    /// of the remote's main branch, that branch is no news.
    ///
    /// # Errors
    /// The object is missing, or history that would tell is not in this shallow clone.
    pub fn pushed_change(
        &self,
        id: &ObjectId,
        has: &RemoteCommits,
    ) -> Result<PushedChange, ResolveError> {
        if !self.holds(id) {
            return Err(ResolveError::UnknownRevision {
                spec: id.as_hex().to_owned(),
                candidates: Vec::new(),
            });
        }
        let failed = |source: gix::Error| ResolveError::Repository {
            what: format!("object {id}"),
            source: Box::new(source),
        };
        let object = self.gix.find_object(gix_id(id)).map_err(failed)?;
        let peeled = object.peel_tags_to_end().map_err(failed)?;
        if peeled.kind != gix::objs::Kind::Commit {
            return Ok(PushedChange::NotACommit {
                kind: peeled.kind.to_string(),
            });
        }
        let head = peeled.id;
        let RemoteCommits(has) = has;
        if has.binary_search(&head).is_ok() {
            return Ok(PushedChange::Nothing);
        }
        let base = if has.is_empty() {
            None
        } else {
            self.nearest_base(head, has)?
        };
        Ok(if base == Some(head) {
            PushedChange::Nothing
        } else {
            PushedChange::Commits {
                head: own_id(&head),
                base: base.map(|base| own_id(&base)),
            }
        })
    }

    /// The target that such a change is.
    #[must_use]
    pub fn pushed_target(
        &self,
        base: Option<&ObjectId>,
        head: &ObjectId,
        label: String,
    ) -> ResolvedTarget {
        ResolvedTarget {
            spec: TargetSpec::of(Select::Range {
                from: base.map_or_else(String::new, |base| base.as_hex().to_owned()),
                to: head.as_hex().to_owned(),
                merge_base: false,
            }),
            mode: Mode::Range,
            explicit: true,
            label,
            old: base.map_or(Endpoint::EmptyTree, |base| Endpoint::Commit(base.clone())),
            new: Endpoint::Commit(head.clone()),
            base: None,
            head: self.head(),
            branch: self.branch(),
        }
    }

    fn holds(&self, id: &ObjectId) -> bool {
        let id = gix_id(id);
        id.kind() == self.gix.object_hash() && self.gix.has_object(id)
    }

    fn nearest_base(
        &self,
        head: gix::ObjectId,
        has: &[gix::ObjectId],
    ) -> Result<Option<gix::ObjectId>, ResolveError> {
        let is_shallow = self.gix.is_shallow().unwrap_or(false);
        let hidden = || ResolveError::ShallowHidesBase {
            old: "the remote's branches".to_owned(),
            new: head.to_string(),
            fetch: self.deepening_line(&[]),
        };
        let bases = match self.gix.merge_bases_many(head, has) {
            Ok(bases) => bases,
            Err(_) if is_shallow => return Err(hidden()),
            Err(error) => {
                return Err(ResolveError::Repository {
                    what: format!("the history of {head}"),
                    source: Box::new(error),
                });
            }
        };
        let bases: Vec<gix::ObjectId> = bases
            .iter()
            .take(MOST_BASES)
            .map(|base| base.detach())
            .collect();
        match bases.as_slice() {
            [] if is_shallow => Err(hidden()),
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            several => Ok(several
                .iter()
                .min_by_key(|base| self.changed_paths(**base, head))
                .copied()),
        }
    }

    /// How many paths differ; the greatest number where that cannot be told.
    fn changed_paths(&self, old: gix::ObjectId, new: gix::ObjectId) -> usize {
        let tree = |commit: gix::ObjectId| super::objects::tree_of(&self.gix, &commit).ok();
        match (tree(old), tree(new)) {
            (Some(old), Some(new)) => tree_diff::between_trees(
                &self.gix,
                &self.packs,
                Part::Committed,
                Some(old),
                Some(new),
                0,
            )
            .map_or(usize::MAX, |changes| changes.len()),
            _ => usize::MAX,
        }
    }

    /// The commit that a full ref name leads to, tags peeled; `None` when there is none.
    #[must_use]
    pub fn commit_at(&self, full_name: &str) -> Option<ObjectId> {
        refs::commit_of(&self.gix, full_name).map(|id| own_id(&id))
    }

    /// The line that fetches what a shallow clone lacks: everything below its edge, and `wanted` (names or ids).
    pub(super) fn deepening_line(&self, wanted: &[&str]) -> String {
        let names = self.gix.remote_names();
        let remote = names
            .iter()
            .find(|name| name.as_bstr() == "origin")
            .or_else(|| names.iter().next())
            .map_or_else(|| "origin".to_owned(), ToString::to_string);
        let mut line = format!("git fetch --no-tags --unshallow {remote}");
        // A fetch deepens only below what it asks for; the clone's own edge need not be below any branch.
        for edge in self.shallow_edge() {
            line.push_str(&format!(" {edge}"));
        }
        for name in wanted {
            if let Some(wanted) = self.fetchable(&remote, name) {
                line.push_str(&format!(" {wanted}"));
            }
        }
        line
    }

    /// The commits whose parents were cut off, as far as they can be named on one line.
    fn shallow_edge(&self) -> Vec<String> {
        const NAMED: usize = 4;
        let commits = self.gix.shallow_commits().ok().flatten();
        let edge: Vec<String> = commits
            .iter()
            .flat_map(|commits| commits.iter())
            .take(NAMED + 1)
            .map(ToString::to_string)
            .collect();
        if edge.len() > NAMED {
            let head = self.gix.head_id().ok();
            return head.map(|id| id.to_string()).into_iter().collect();
        }
        edge
    }

    /// What to ask `remote` for where `name` is an id or one of its branches.
    fn fetchable(&self, remote: &str, name: &str) -> Option<String> {
        if ObjectId::from_hex(name).is_some() {
            return Some(name.to_owned());
        }
        let plain = name
            .strip_prefix("refs/remotes/")
            .unwrap_or(name)
            .strip_prefix(remote)
            .and_then(|rest| rest.strip_prefix('/'))
            .or_else(|| name.strip_prefix("refs/heads/"))
            .unwrap_or(name);
        let is_branch = gix::refs::FullName::try_from(format!("refs/heads/{plain}")).is_ok()
            && plain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
            && !plain.starts_with('-')
            && plain != "HEAD";
        is_branch.then(|| format!("+refs/heads/{plain}:refs/remotes/{remote}/{plain}"))
    }
}

/// Whether a revision that is not here may be one that a shallow clone was not given: a name, or an ancestor of what is here.
pub(super) fn may_be_cut_off(repository: &gix::Repository, spec: &str) -> bool {
    if !repository.is_shallow().unwrap_or(false) {
        return false;
    }
    match spec.split_once(['~', '^', '@', ':', ' ']) {
        None => true,
        Some((name, _)) => {
            let is_ancestor = !spec.contains(['@', ':', ' ', '{']);
            is_ancestor && repository.rev_parse_single(name).is_ok()
        }
    }
}
