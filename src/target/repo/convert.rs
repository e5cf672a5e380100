//! From a working tree file to what git would store, by attributes and configuration, without running any filter.

use bstr::{BStr, BString};
use gix::attrs::StateRef;
use gix::filter::plumbing;
use gix::worktree::stack::state::attributes::Source as AttributeSource;

use super::edits::looks_binary;
use super::own_id;
use super::raw::is_file;
use crate::target::ChangesError;

/// What the attributes of a path say about comparing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiffAttribute {
    /// Nothing: the content decides.
    ByContent,
    /// `diff`: text, whatever is in it.
    Text,
    /// `-diff` or `binary`.
    Binary,
}

impl DiffAttribute {
    /// Whether this content is to be shown as binary.
    pub(super) fn is_binary(self, content: &[u8]) -> bool {
        match self {
            DiffAttribute::ByContent => looks_binary(content),
            DiffAttribute::Text => false,
            DiffAttribute::Binary => true,
        }
    }
}

/// Looks up attributes and converts contents. One for each thread.
pub(super) struct Converter<'r> {
    repository: &'r gix::Repository,
    index: &'r gix::index::State,
    attributes: gix::AttributeStack<'r>,
    pipeline: plumbing::Pipeline,
    selected: gix::attrs::search::Outcome,
    /// Names of filters for which somebody configured a program.
    filters: &'r [BString],
}

impl<'r> Converter<'r> {
    /// `index` stands in for attribute files that are not in the working tree; empty when two trees are compared.
    pub(super) fn new(
        repository: &'r gix::Repository,
        index: &'r gix::index::State,
        filters: &'r [BString],
    ) -> Result<Self, ChangesError> {
        let failed = |source: gix::Error| ChangesError::Repository {
            what: "the attributes".into(),
            source: Box::new(source),
        };
        let source =
            AttributeSource::WorktreeThenIdMapping.adjust_for_bare(repository.workdir().is_none());
        let attributes = repository.attributes_only(index, source).map_err(failed)?;
        let mut options = gix::filter::Pipeline::options(repository).map_err(failed)?;
        // No driver, no program: this is what keeps the repository's filters from running.
        options.drivers = Vec::new();
        options.crlf_roundtrip_check = plumbing::pipeline::CrlfRoundTripCheck::Skip;
        options.encodings_with_roundtrip_check = Vec::new();
        let pipeline = plumbing::Pipeline::new(
            gix::command::Context::default(),
            repository.object_hash(),
            options,
        );
        let selected = attributes.selected_attribute_matches(["diff", "filter"]);
        Ok(Converter {
            repository,
            index,
            attributes,
            pipeline,
            selected,
            filters,
        })
    }

    /// How `path` is to be compared, and the name of the filter that git would run on it.
    fn look_up(&mut self, path: &BStr) -> (DiffAttribute, Option<BString>) {
        let Ok(platform) = self.attributes.at_entry(path, None) else {
            return (DiffAttribute::ByContent, None);
        };
        platform.matching_attributes(&mut self.selected);
        let mut diff = DiffAttribute::ByContent;
        let mut filter = None;
        for found in self.selected.iter_selected() {
            match (found.assignment.name.as_str(), found.assignment.state) {
                ("diff", StateRef::Set) => diff = DiffAttribute::Text,
                ("diff", StateRef::Unset) => diff = DiffAttribute::Binary,
                ("filter", StateRef::Value(name)) => filter = Some(name.as_bstr().to_owned()),
                _ => {}
            }
        }
        (diff, filter)
    }

    /// How `path` is to be compared. Attributes are about files: not about links and submodules of that name.
    pub(super) fn diff_attribute(&mut self, path: &BStr, mode: u32) -> DiffAttribute {
        if is_file(mode) {
            self.look_up(path).0
        } else {
            DiffAttribute::ByContent
        }
    }

    /// The content as git would store it, and what there is to know about how it came about.
    pub(super) fn stored_form(&mut self, path: &BStr, content: Vec<u8>) -> (Vec<u8>, Vec<String>) {
        let mut notes = Vec::new();
        if let (_, Some(filter)) = self.look_up(path)
            && self.filters.contains(&filter)
        {
            notes.push(format!("compared raw: its filter \"{filter}\" was not run"));
        }
        match self.convert(path, &content) {
            Ok(Some(converted)) => (converted, notes),
            Ok(None) => (content, notes),
            Err(error) => {
                notes.push(format!(
                    "compared raw: it could not be converted ({})",
                    error.probable_cause()
                ));
                (content, notes)
            }
        }
    }

    fn convert(&mut self, path: &BStr, content: &[u8]) -> gix::Result<Option<Vec<u8>>> {
        let Self {
            repository,
            index,
            attributes,
            pipeline,
            ..
        } = self;
        let platform = attributes.at_entry(path, None)?;
        let relative = gix::path::from_bstr(path)?;
        let outcome = pipeline.convert_to_git(
            content,
            &relative,
            &mut |_, attributes| {
                platform.matching_attributes(attributes);
            },
            &mut |buffer| {
                let Some(entry) = index.entry_by_path(path) else {
                    return Ok(None);
                };
                let object = gix::objs::Find::try_find(&repository.objects, &entry.id, buffer)?;
                Ok(object.map(|_| ()))
            },
        )?;
        Ok(match outcome {
            plumbing::pipeline::convert::ToGitOutcome::Buffer(buffer) => Some(buffer.to_vec()),
            _ => None,
        })
    }
}

/// The id that git would give to a blob of this content.
pub(super) fn blob_id(
    repository: &gix::Repository,
    content: &[u8],
) -> Result<gix::ObjectId, ChangesError> {
    gix::objs::compute_hash(repository.object_hash(), gix::objs::Kind::Blob, content).map_err(
        |error| ChangesError::Repository {
            what: format!("a content of {} bytes", content.len()),
            source: Box::new(error),
        },
    )
}

/// The id of a blob read from a stream, for contents that are never held.
pub(super) fn stream_id(
    repository: &gix::Repository,
    stream: &mut dyn std::io::Read,
    size: u64,
) -> gix::Result<gix::ObjectId> {
    let never = std::sync::atomic::AtomicBool::new(false);
    gix::objs::compute_stream_hash(
        repository.object_hash(),
        gix::objs::Kind::Blob,
        stream,
        size,
        &mut gix::progress::Discard,
        &never,
    )
}

/// What a patch shows of a submodule.
pub(super) fn submodule_text(commit: &gix::oid, dirty: bool) -> Vec<u8> {
    let suffix = if dirty { "-dirty" } else { "" };
    format!("Subproject commit {}{suffix}\n", own_id(commit)).into_bytes()
}
