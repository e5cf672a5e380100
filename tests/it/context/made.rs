//! Changes made by hand.

use bstr::BString;
use codex_review::context::{
    Budget, Catalog, Claims, Context, ContextError, ContextInput, HeldChanges, Registry,
    StrategyChoice, build,
};
use codex_review::target::{
    BaseChoice, CommitSummary, Content, Endpoint, FileChange, HunkRange, Mode, ObjectId, Part,
    ResolvedTarget, Select, Side, Status, TargetSpec,
};

/// An id made of one digit.
pub(super) fn id(digit: char) -> ObjectId {
    ObjectId::from_hex(&digit.to_string().repeat(40)).unwrap()
}

pub(super) fn working_tree() -> HeldChanges {
    HeldChanges::new(ResolvedTarget {
        spec: TargetSpec {
            select: Select::Auto,
            paths: Vec::new(),
        },
        mode: Mode::WorkingTree,
        explicit: false,
        label: "working tree diff".into(),
        old: Endpoint::Commit(id('a')),
        new: Endpoint::WorkTree,
        base: None,
        head: Some(id('a')),
        branch: Some("topic".into()),
    })
}

pub(super) fn branch() -> HeldChanges {
    let mut changes = working_tree();
    changes.target.mode = Mode::Branch;
    changes.target.label = "branch diff against origin/main".into();
    changes.target.old = Endpoint::Commit(id('b'));
    changes.target.new = Endpoint::Commit(id('a'));
    changes.target.base = Some(BaseChoice {
        name: "origin/main".into(),
        commit: id('c'),
        merge_base: id('b'),
        twin: None,
    });
    changes
}

pub(super) fn commit(digit: char, author: &str, subject: &str, body: &str) -> CommitSummary {
    CommitSummary {
        id: id(digit),
        author: author.into(),
        author_seconds: 1_700_000_000,
        subject: subject.into(),
        body: body.into(),
    }
}

/// A hunk: where it begins on both sides, and its lines with their markers.
pub(super) type Hunk = (u32, u32, Vec<Vec<u8>>);

pub(super) fn hunk(old_start: u32, new_start: u32, lines: &[&str]) -> Hunk {
    let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    (old_start, new_start, lines)
}

/// A file whose patch has these hunks.
pub(super) fn file(
    part: Part,
    status: Status,
    path: &[u8],
    hunks: &[Hunk],
) -> (FileChange, Vec<u8>) {
    let mut patch = b"diff --git a/".to_vec();
    patch.extend([path, b" b/", path, b"\n"].concat());
    if !hunks.is_empty() {
        patch.extend([b"--- a/", path, b"\n+++ b/", path, b"\n"].concat());
    }
    let (mut added, mut removed) = (0, 0);
    let mut ranges = Vec::new();
    let mut added_lines = Vec::new();
    for (old_start, new_start, lines) in hunks {
        let count = |markers: &[u8]| {
            lines
                .iter()
                .filter(|line| markers.contains(&line[0]))
                .count() as u32
        };
        let range = HunkRange {
            old_start: *old_start,
            old_lines: count(b" -"),
            new_start: *new_start,
            new_lines: count(b" +"),
        };
        added += count(b"+");
        removed += count(b"-");
        ranges.push(range);
        if count(b"+") > 0 {
            added_lines.push((*new_start, *new_start + count(b"+") - 1));
        }
        let head = format!(
            "@@ -{},{} +{},{} @@\n",
            range.old_start, range.old_lines, range.new_start, range.new_lines
        );
        patch.extend(head.bytes());
        for line in lines {
            patch.extend(line);
            patch.push(b'\n');
        }
    }
    let side = |there: bool| {
        there.then(|| Side {
            mode: 0o100_644,
            id: id('d'),
            size: None,
        })
    };
    let change = FileChange {
        part,
        status,
        path: BString::from(path),
        old_path: None,
        old: side(status != Status::Added),
        new: side(status != Status::Deleted),
        content: Content::Text {
            added,
            removed,
            hunks: ranges,
            added_lines,
            new_line_count: 1_000,
        },
        notes: Vec::new(),
    };
    (change, patch)
}

/// A file with one line replaced.
pub(super) fn one_liner(part: Part, path: &str) -> (FileChange, Vec<u8>) {
    let hunks = [hunk(1, 1, &["-let x = 1;", "+let x = 2;"])];
    file(part, Status::Modified, path.as_bytes(), &hunks)
}

/// A new file of so many lines.
pub(super) fn new_file(part: Part, path: &str, lines: usize, line: &str) -> (FileChange, Vec<u8>) {
    let lines = vec![format!("+{line}").into_bytes(); lines];
    file(part, Status::Added, path.as_bytes(), &[(0, 1, lines)])
}

pub(super) fn add(changes: &mut HeldChanges, (file, patch): (FileChange, Vec<u8>)) {
    changes.push(file, patch);
}

/// Builds with the built-in strategies.
#[must_use]
pub(super) fn built(changes: &HeldChanges, strategy: &str) -> Context {
    built_within(changes, strategy, None).unwrap()
}

pub(super) fn built_within(
    changes: &HeldChanges,
    strategy: &str,
    budget: Option<Budget>,
) -> Result<Context, ContextError> {
    built_with(changes, strategy, budget, Claims::Shown)
}

pub(super) fn built_with(
    changes: &HeldChanges,
    strategy: &str,
    budget: Option<Budget>,
    claims: Claims,
) -> Result<Context, ContextError> {
    let registry = Registry::builtin();
    let catalog = Catalog::builtin(&registry);
    let Ok(strategy) = strategy.parse::<StrategyChoice>();
    let input = ContextInput {
        changes,
        strategy: &strategy,
        catalog: &catalog,
        budget,
        claims,
    };
    build(&input, &registry)
}
