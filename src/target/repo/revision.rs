//! From what people type for a commit to its id, and merge bases.

use bstr::{BStr, ByteSlice};
use gix::revision::spec::parse::{Error as ParseError, ObjectKindHint, Options, RefsHint};

use super::{Repository, push_base, refs};
use crate::target::ResolveError;

/// How many look-alikes an error names.
const CANDIDATES: usize = 3;

impl Repository {
    /// The commit that `spec` names, tags peeled.
    pub(super) fn commit_id(&self, spec: &str) -> Result<gix::ObjectId, ResolveError> {
        self.refuse_ambiguous_name(spec)?;
        let options = Options {
            refs_hint: RefsHint::default(),
            object_kind_hint: Some(ObjectKindHint::Committish),
        };
        let parsed = gix::revision::Spec::from_bstr(BStr::new(spec), &self.gix, options)
            .map_err(|error| self.parse_failed(spec, &error))?;
        let Some(id) = parsed.single() else {
            return Err(self.unknown(spec));
        };
        let object = id.object().map_err(|error| {
            // The parents of what a shallow clone was given have names here, and no more.
            if push_base::may_be_cut_off(&self.gix, spec) {
                return self.unknown(spec);
            }
            ResolveError::Repository {
                what: format!("object {id}"),
                source: Box::new(error),
            }
        })?;
        let peeled = object
            .peel_tags_to_end()
            .map_err(|error| ResolveError::Repository {
                what: format!("tag `{spec}`"),
                source: Box::new(error),
            })?;
        match peeled.kind {
            gix::objs::Kind::Commit => Ok(peeled.id),
            kind => Err(ResolveError::NotACommit {
                spec: spec.to_owned(),
                kind: kind.to_string(),
            }),
        }
    }

    /// A name that is both a tag and a branch, at different commits, means neither.
    fn refuse_ambiguous_name(&self, spec: &str) -> Result<(), ResolveError> {
        let names = [format!("refs/tags/{spec}"), format!("refs/heads/{spec}")];
        let ids: Vec<_> = names
            .iter()
            .map(|name| refs::commit_of(&self.gix, name))
            .collect();
        match ids.as_slice() {
            [Some(tag), Some(branch)] if tag != branch => Err(ResolveError::AmbiguousRevision {
                spec: spec.to_owned(),
                candidates: names.to_vec(),
            }),
            _ => Ok(()),
        }
    }

    fn parse_failed(&self, spec: &str, error: &gix::Error) -> ResolveError {
        match error.downcast_any_ref::<ParseError>() {
            Some(
                ParseError::AmbiguousPrefix { candidates, .. }
                | ParseError::AmbiguousRefAndObject { candidates, .. },
            ) => ResolveError::AmbiguousRevision {
                spec: spec.to_owned(),
                candidates: candidates
                    .iter()
                    .map(|(prefix, info)| format!("{prefix} ({info})"))
                    .collect(),
            },
            _ => self.unknown(spec),
        }
    }

    pub(super) fn unknown(&self, spec: &str) -> ResolveError {
        let candidates = self.look_alikes(spec);
        if push_base::may_be_cut_off(&self.gix, spec) {
            return ResolveError::ShallowHidesRevision {
                spec: spec.to_owned(),
                fetch: self.deepening_line(&[spec]),
                candidates,
            };
        }
        ResolveError::UnknownRevision {
            spec: spec.to_owned(),
            candidates,
        }
    }

    /// Branches and tags whose name is nearly `spec`, or ends in it, nearest first.
    fn look_alikes(&self, spec: &str) -> Vec<String> {
        let allowed = (spec.chars().count() / 3).max(1);
        let mut near: Vec<(usize, String)> = refs::short_names(&self.gix)
            .into_iter()
            .filter_map(|name| {
                let distance = if name.rsplit('/').next() == Some(spec) {
                    0
                } else {
                    distance(spec, &name)
                };
                (distance <= allowed).then_some((distance, name))
            })
            .collect();
        near.sort();
        near.into_iter()
            .take(CANDIDATES)
            .map(|(_, name)| name)
            .collect()
    }

    /// The best common ancestor, or why there is none.
    pub(super) fn merge_base(
        &self,
        old: (&str, gix::ObjectId),
        new: (&str, gix::ObjectId),
    ) -> Result<gix::ObjectId, ResolveError> {
        let is_shallow = self.gix.is_shallow().unwrap_or(false);
        let hidden = || ResolveError::ShallowHidesBase {
            old: old.0.to_owned(),
            new: new.0.to_owned(),
            fetch: self.deepening_line(&[old.0, new.0]),
        };
        match self.gix.merge_bases_many(old.1, &[new.1]) {
            Ok(bases) => match bases.first() {
                Some(base) => Ok(base.detach()),
                None if is_shallow => Err(hidden()),
                None => Err(ResolveError::NoMergeBase {
                    old: old.0.to_owned(),
                    new: new.0.to_owned(),
                }),
            },
            Err(_) if is_shallow => Err(hidden()),
            Err(error) => Err(ResolveError::Repository {
                what: format!("the history of `{}`", new.0),
                source: Box::new(error),
            }),
        }
    }
}

/// How many letters must be put in, taken out or replaced to make one name of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, candidate) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *candidate);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// A name's text for people.
pub(super) fn shown(name: &BStr) -> String {
    name.to_str_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_letters() {
        assert_eq!(distance("main", "main"), 0);
        assert_eq!(distance("mian", "main"), 2);
        assert_eq!(distance("mai", "main"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
