//! The tiers: which change is meant, pinned to object ids.

use super::refs::{Branch, Twins};
use super::{Repository, own_id};
use crate::target::{
    BaseChoice, Endpoint, Mode, PathFilter, ResolveError, ResolvedTarget, Select, TargetSpec, Twin,
};

/// Commits between twins are counted up to this number.
const BEHIND_COUNTED: usize = 9_999;

impl Repository {
    /// From what was asked for to object ids. For the working tree and the index, this also takes the look that
    /// [`Repository::changes`] reports on.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub fn resolve(&self, spec: &TargetSpec) -> Result<ResolvedTarget, ResolveError> {
        PathFilter::compile(&spec.paths)?;
        match &spec.select {
            Select::Auto => self.resolve_auto(spec),
            Select::WorkingTree => {
                self.refuse_bare()?;
                self.look(0)
                    .map_err(|error| ResolveError::Status(Box::new(error)))?;
                Ok(self.working_tree(spec))
            }
            Select::Staged => {
                self.refuse_bare()?;
                self.seen.borrow_mut().take();
                Ok(self.pinned(
                    spec,
                    Mode::Staged,
                    "staged changes".into(),
                    self.head_endpoint(),
                    Endpoint::Index,
                ))
            }
            Select::Branch => self.resolve_branch(spec),
            Select::Base(base) => self.resolve_base(spec, base),
            Select::Commit(revision) => self.resolve_commit(spec, revision),
            Select::Range {
                from,
                to,
                merge_base,
            } => self.resolve_range(spec, from, to, *merge_base),
        }
    }

    fn resolve_auto(&self, spec: &TargetSpec) -> Result<ResolvedTarget, ResolveError> {
        if self.is_bare() {
            return self.resolve_branch(spec);
        }
        let status = self
            .look(0)
            .map_err(|error| ResolveError::Status(Box::new(error)))?;
        if status.is_dirty() || self.head().is_none() {
            return Ok(self.working_tree(spec));
        }
        self.resolve_branch(spec)
    }

    fn refuse_bare(&self) -> Result<(), ResolveError> {
        if self.is_bare() {
            Err(ResolveError::Bare)
        } else {
            Ok(())
        }
    }

    fn head_endpoint(&self) -> Endpoint {
        self.head().map_or(Endpoint::EmptyTree, Endpoint::Commit)
    }

    fn working_tree(&self, spec: &TargetSpec) -> ResolvedTarget {
        let label = "working tree diff".to_owned();
        self.pinned(
            spec,
            Mode::WorkingTree,
            label,
            self.head_endpoint(),
            Endpoint::WorkTree,
        )
    }

    fn pinned(
        &self,
        spec: &TargetSpec,
        mode: Mode,
        label: String,
        old: Endpoint,
        new: Endpoint,
    ) -> ResolvedTarget {
        ResolvedTarget {
            spec: spec.clone(),
            mode,
            explicit: spec.select != Select::Auto,
            label,
            old,
            new,
            base: None,
            head: self.head(),
            branch: self.branch(),
        }
    }

    fn head_commit(&self) -> Result<gix::ObjectId, ResolveError> {
        let failed = |source: gix::Error| ResolveError::Repository {
            what: "HEAD".into(),
            source: Box::new(source),
        };
        let head = self.gix.head().map_err(failed)?;
        if head.is_unborn() {
            return Err(ResolveError::Unborn {
                branch: self.branch().unwrap_or_else(|| "HEAD".into()),
            });
        }
        Ok(head.into_peeled_id().map_err(failed)?.detach())
    }

    /// HEAD against the default branch.
    fn resolve_branch(&self, spec: &TargetSpec) -> Result<ResolvedTarget, ResolveError> {
        let head = self.head_commit()?;
        let mut twins = self.default_branch().ok_or(ResolveError::NoDefaultBranch)?;
        // A branch is not its own base, unless there is nothing else to compare it with.
        if twins.remote.is_some()
            && twins
                .local
                .as_ref()
                .is_some_and(|local| self.branch().as_ref() == Some(&local.name))
        {
            twins.local = None;
        }
        let base = self.latest_of(&twins, head)?;
        Ok(self.branch_target(spec, base, head))
    }

    fn branch_target(
        &self,
        spec: &TargetSpec,
        base: BaseChoice,
        head: gix::ObjectId,
    ) -> ResolvedTarget {
        let label = format!("branch diff against {}", base.name);
        let old = Endpoint::Commit(base.merge_base.clone());
        let mut target = self.pinned(
            spec,
            Mode::Branch,
            label,
            old,
            Endpoint::Commit(own_id(&head)),
        );
        target.base = Some(base);
        target
    }

    /// HEAD against a base that the user named. A local branch gives way to its remote-tracking twin where that one's
    /// merge base is later: a stale local base would put other people's work under review.
    fn resolve_base(&self, spec: &TargetSpec, name: &str) -> Result<ResolvedTarget, ResolveError> {
        let head = self.head_commit()?;
        let given = match self.commit_id(name) {
            Ok(commit) => Branch {
                name: name.to_owned(),
                commit,
            },
            Err(
                error @ (ResolveError::UnknownRevision { .. }
                | ResolveError::ShallowHidesRevision { .. }),
            ) => self.remote_only(name).ok_or(error)?,
            Err(error) => return Err(error),
        };
        let twins = self.twins_of(&given.name).filter(|twins| {
            [&twins.local, &twins.remote]
                .into_iter()
                .flatten()
                .any(|branch| branch.commit == given.commit)
        });
        let base = match twins {
            Some(Twins {
                local: Some(local),
                remote: Some(remote),
            }) => {
                let names_remote =
                    given.commit == remote.commit && given.name.ends_with(&remote.name);
                if names_remote {
                    let twin = self.twin(&local, remote.commit);
                    self.base_choice(&remote, head, twin)?
                } else if own_branch(self, &local) {
                    let twin = self.twin(&remote, local.commit);
                    self.base_choice(&local, head, twin)?
                } else {
                    self.latest_of(
                        &Twins {
                            local: Some(local),
                            remote: Some(remote),
                        },
                        head,
                    )?
                }
            }
            _ => self.base_choice(&given, head, None)?,
        };
        Ok(self.branch_target(spec, base, head))
    }

    fn base_choice(
        &self,
        base: &Branch,
        head: gix::ObjectId,
        twin: Option<Twin>,
    ) -> Result<BaseChoice, ResolveError> {
        let merge_base = self.merge_base((&base.name, base.commit), ("HEAD", head))?;
        Ok(BaseChoice {
            name: base.name.clone(),
            commit: own_id(&base.commit),
            merge_base: own_id(&merge_base),
            twin,
        })
    }

    /// Of twins, the one whose merge base with HEAD is the latest; the local one if there is no difference.
    fn latest_of(&self, twins: &Twins, head: gix::ObjectId) -> Result<BaseChoice, ResolveError> {
        let (local, remote) = match (&twins.local, &twins.remote) {
            (Some(local), Some(remote)) => (local, remote),
            (Some(only), None) | (None, Some(only)) => return self.base_choice(only, head, None),
            (None, None) => return Err(ResolveError::NoDefaultBranch),
        };
        let choices = (
            self.base_choice(local, head, None),
            self.base_choice(remote, head, None),
        );
        let (mut taken, taken_commit, other) = match choices {
            (Ok(of_local), Ok(of_remote)) => {
                let is_later = of_local.merge_base != of_remote.merge_base
                    && self
                        .merge_base(
                            (&local.name, super::gix_id(&of_local.merge_base)),
                            (&remote.name, super::gix_id(&of_remote.merge_base)),
                        )
                        .is_ok_and(|common| own_id(&common) == of_local.merge_base);
                if is_later {
                    (of_remote, remote.commit, local)
                } else {
                    (of_local, local.commit, remote)
                }
            }
            (Ok(of_local), Err(_)) => (of_local, local.commit, remote),
            (Err(_), Ok(of_remote)) => (of_remote, remote.commit, local),
            (Err(error), Err(_)) => return Err(error),
        };
        taken.twin = self.twin(other, taken_commit);
        Ok(taken)
    }

    fn twin(&self, other: &Branch, taken: gix::ObjectId) -> Option<Twin> {
        let behind = self
            .gix
            .rev_walk([taken])
            .with_hidden([other.commit])
            .all()
            .map(|walk| walk.take(BEHIND_COUNTED).filter(Result::is_ok).count())
            .ok()?;
        Some(Twin {
            name: other.name.clone(),
            behind: u32::try_from(behind).unwrap_or(u32::MAX),
        })
    }

    fn resolve_commit(
        &self,
        spec: &TargetSpec,
        revision: &str,
    ) -> Result<ResolvedTarget, ResolveError> {
        let id = self.commit_id(revision)?;
        let failed = |source: gix::Error| ResolveError::Repository {
            what: format!("commit {id}"),
            source: Box::new(source),
        };
        let commit = self.gix.find_commit(id).map_err(failed)?;
        let old = match commit.parent_ids().next().map(gix::Id::detach) {
            None => Endpoint::EmptyTree,
            Some(parent) if self.gix.has_object(parent) => Endpoint::Commit(own_id(&parent)),
            Some(_) if self.gix.is_shallow().unwrap_or(false) => {
                return Err(ResolveError::ShallowHidesBase {
                    old: format!("{revision}^"),
                    new: revision.to_owned(),
                    fetch: self.deepening_line(&[]),
                });
            }
            Some(parent) => {
                return Err(ResolveError::Repository {
                    what: format!("commit {parent}"),
                    source: "it is missing from the repository".into(),
                });
            }
        };
        let new = own_id(&id);
        let label = format!("commit {}", new.short());
        Ok(self.pinned(spec, Mode::Commit, label, old, Endpoint::Commit(new)))
    }

    fn resolve_range(
        &self,
        spec: &TargetSpec,
        from: &str,
        to: &str,
        merge_base: bool,
    ) -> Result<ResolvedTarget, ResolveError> {
        let side = |text: &str| {
            if text.is_empty() {
                "HEAD".to_owned()
            } else {
                text.to_owned()
            }
        };
        let (from, to) = (side(from), side(to));
        let commit = |text: &str| {
            if text == "HEAD" {
                self.head_commit()
            } else {
                self.commit_id(text)
            }
        };
        let (old, new) = (commit(&from)?, commit(&to)?);
        let dots = if merge_base { "..." } else { ".." };
        let label = format!("range {from}{dots}{to}");
        let base = if merge_base {
            let base = self.merge_base((&from, old), (&to, new))?;
            Some(BaseChoice {
                name: from.clone(),
                commit: own_id(&old),
                merge_base: own_id(&base),
                twin: None,
            })
        } else {
            None
        };
        let old = base
            .as_ref()
            .map_or_else(|| own_id(&old), |base| base.merge_base.clone());
        let mut target = self.pinned(
            spec,
            Mode::Range,
            label,
            Endpoint::Commit(old),
            Endpoint::Commit(own_id(&new)),
        );
        target.base = base;
        Ok(target)
    }
}

/// Whether HEAD is on this very branch.
fn own_branch(repository: &Repository, local: &Branch) -> bool {
    repository.branch().as_ref() == Some(&local.name)
}
