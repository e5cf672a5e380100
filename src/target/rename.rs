//! Pairs deleted with added files, in the order that git documents: equal content first, then files of the same name
//! that are much alike, then the most alike of all pairs.

use std::collections::HashMap;
use std::hash::Hash;

use bstr::{BStr, ByteSlice};

/// A perfect score; similarity in percent is `score * 100 / FULL`.
pub(super) const FULL: u64 = 60_000;
/// Half alike: the least that makes a rename (`-M50%`).
const LEAST: u64 = FULL / 2;
/// What two files of the same name need to be paired before all others are compared.
const LEAST_SAME_NAME: u64 = LEAST + (FULL - LEAST) / 2;
/// With more than the square of this many pairs to compare, only the first two steps run (`-l1000`).
const LIMIT: u64 = 1_000;
/// How many sources are remembered for each destination while all pairs are compared.
const REMEMBERED: usize = 4;
/// How many sources of equal content are looked at for one destination.
const EQUAL_SOURCES: usize = 100;

/// One deleted or added file.
pub(super) struct Candidate<'a, Id> {
    pub(super) path: &'a BStr,
    pub(super) mode: u32,
    pub(super) id: Id,
}

impl<Id> Candidate<'_, Id> {
    fn is_regular(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    fn name(&self) -> &BStr {
        self.path
            .rsplit_once_str("/")
            .map_or(self.path, |(_, name)| name.as_bstr())
    }
}

/// Which list an index belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Deleted,
    Added,
}

/// Where contents come from. `None` means that it cannot be read; such a file is paired only by its id.
pub(super) trait Contents {
    /// Bytes of content.
    fn size(&mut self, which: Which, index: usize) -> Option<u64>;
    /// The content's fingerprint.
    fn fingerprint(&mut self, which: Which, index: usize) -> Option<Fingerprint>;
}

/// A deleted file that became an added one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) deleted: usize,
    pub(super) added: usize,
    /// Out of [`FULL`].
    pub(super) score: u64,
}

/// Finds renames. Both lists are in path order; each file is in one pair at most. Pairs come in no particular order.
pub(super) fn pair<Id: Eq + Hash + Copy>(
    deleted: &[Candidate<'_, Id>],
    added: &[Candidate<'_, Id>],
    contents: &mut impl Contents,
) -> Vec<Pair> {
    if deleted.is_empty() || added.is_empty() {
        return Vec::new();
    }
    let mut pairing = Pairing {
        deleted,
        added,
        contents,
        pairs: Vec::new(),
        deleted_used: vec![false; deleted.len()],
        added_used: vec![false; added.len()],
        fingerprints: HashMap::new(),
    };
    pairing.pair_equal_contents();
    pairing.pair_same_names();
    pairing.pair_most_alike();
    pairing.pairs
}

struct Pairing<'p, 'a, Id, C> {
    deleted: &'p [Candidate<'a, Id>],
    added: &'p [Candidate<'a, Id>],
    contents: &'p mut C,
    pairs: Vec<Pair>,
    deleted_used: Vec<bool>,
    added_used: Vec<bool>,
    /// Of deleted files alone: each is compared with many added ones.
    fingerprints: HashMap<usize, Option<Fingerprint>>,
}

impl<Id: Eq + Hash + Copy, C: Contents> Pairing<'_, '_, Id, C> {
    fn record(&mut self, deleted: usize, added: usize, score: u64) {
        self.deleted_used[deleted] = true;
        self.added_used[added] = true;
        self.pairs.push(Pair {
            deleted,
            added,
            score,
        });
    }

    fn pair_equal_contents(&mut self) {
        let mut by_id: HashMap<Id, Vec<usize>> = HashMap::new();
        for (index, file) in self.deleted.iter().enumerate() {
            by_id.entry(file.id).or_default().push(index);
        }
        for (index, file) in self.added.iter().enumerate() {
            let Some(sources) = by_id.get(&file.id) else {
                continue;
            };
            let mut usable = sources
                .iter()
                .copied()
                .filter(|&source| !self.deleted_used[source])
                .filter(|&source| {
                    let source = &self.deleted[source];
                    (source.is_regular() && file.is_regular()) || source.mode == file.mode
                })
                .take(EQUAL_SOURCES);
            let Some(first) = usable.next() else { continue };
            let best = std::iter::once(first)
                .chain(usable)
                .find(|&source| self.deleted[source].name() == file.name())
                .unwrap_or(first);
            self.record(best, index, FULL);
        }
    }

    fn pair_same_names(&mut self) {
        let by_name = |files: &[Candidate<'_, Id>], used: &[bool]| {
            let mut names: HashMap<Vec<u8>, Option<usize>> = HashMap::new();
            for (index, file) in files.iter().enumerate().filter(|(index, _)| !used[*index]) {
                names
                    .entry(file.name().to_vec())
                    .and_modify(|unique| *unique = None)
                    .or_insert(Some(index));
            }
            names
        };
        let sources = by_name(self.deleted, &self.deleted_used);
        let destinations = by_name(self.added, &self.added_used);
        for index in 0..self.deleted.len() {
            if self.deleted_used[index] {
                continue;
            }
            let name = self.deleted[index].name();
            let (Some(Some(source)), Some(Some(destination))) = (
                sources.get(name.as_bytes()),
                destinations.get(name.as_bytes()),
            ) else {
                continue;
            };
            let (source, destination) = (*source, *destination);
            let mut fingerprint = None;
            let score = self.score(source, destination, &mut fingerprint);
            if score >= LEAST_SAME_NAME {
                self.record(source, destination, score);
            }
        }
    }

    fn pair_most_alike(&mut self) {
        let unused = |used: &[bool]| -> Vec<usize> {
            used.iter()
                .enumerate()
                .filter(|(_, used)| !**used)
                .map(|(index, _)| index)
                .collect()
        };
        let sources = unused(&self.deleted_used);
        let destinations = unused(&self.added_used);
        if sources.len() as u64 * destinations.len() as u64 > LIMIT * LIMIT {
            return;
        }
        let mut found: Vec<Match> = Vec::new();
        for &destination in &destinations {
            let mut fingerprint = None;
            let mut best: [Option<Match>; REMEMBERED] = [None; REMEMBERED];
            for &source in &sources {
                let score = self.score(source, destination, &mut fingerprint);
                let candidate = Match {
                    source,
                    destination,
                    score,
                    same_name: self.deleted[source].name() == self.added[destination].name(),
                };
                remember(&mut best, candidate);
            }
            found.extend(best.into_iter().flatten());
        }
        found.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
        for candidate in found {
            if candidate.score >= LEAST
                && !self.deleted_used[candidate.source]
                && !self.added_used[candidate.destination]
            {
                self.record(candidate.source, candidate.destination, candidate.score);
            }
        }
    }

    /// How alike two files are; 0 as soon as that cannot reach [`LEAST`].
    fn score(
        &mut self,
        source: usize,
        destination: usize,
        fingerprint: &mut Option<Option<Fingerprint>>,
    ) -> u64 {
        if !self.deleted[source].is_regular() || !self.added[destination].is_regular() {
            return 0;
        }
        let (Some(old_size), Some(new_size)) = (
            self.contents.size(Which::Deleted, source),
            self.contents.size(Which::Added, destination),
        ) else {
            return 0;
        };
        let larger = old_size.max(new_size);
        let difference = larger - old_size.min(new_size);
        if new_size == 0 || larger * (FULL - LEAST) < difference * FULL {
            return 0;
        }
        let contents = &mut *self.contents;
        let old = self
            .fingerprints
            .entry(source)
            .or_insert_with(|| contents.fingerprint(Which::Deleted, source));
        let new =
            fingerprint.get_or_insert_with(|| contents.fingerprint(Which::Added, destination));
        match (old, new) {
            (Some(old), Some(new)) => old.common_bytes(new) * FULL / larger,
            _ => 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Match {
    source: usize,
    destination: usize,
    score: u64,
    same_name: bool,
}

impl Match {
    fn rank(&self) -> (u64, bool) {
        (self.score, self.same_name)
    }
}

/// Keeps the best few: the worst one remembered gives way to a better one, an empty place to any.
fn remember(best: &mut [Option<Match>; REMEMBERED], candidate: Match) {
    let mut worst = 0;
    for index in 1..REMEMBERED {
        let rank = |slot: &Option<Match>| slot.as_ref().map(Match::rank);
        if rank(&best[index]) < rank(&best[worst]) {
            worst = index;
        }
    }
    if best[worst].as_ref().map(Match::rank) < Some(candidate.rank()) {
        best[worst] = Some(candidate);
    }
}

/// How many bytes of a content fall to each line, by a hash of the line.
#[derive(Debug, Clone)]
pub(super) struct Fingerprint {
    /// Sorted by hash, each hash once.
    bytes_by_hash: Vec<(u32, u32)>,
}

/// Lines longer than this are counted in pieces.
const PIECE_BYTES: u32 = 64;
/// Hashes are below this prime. Collisions are part of the score, so the number is not free to choose.
const HASH_MODULUS: u32 = 107_927;
/// The weight of the lower half when the two halves of the state are joined.
const LOWER_WEIGHT: u32 = 0x61;

impl Fingerprint {
    /// Reads a content. In text, a carriage return before a newline does not count.
    pub(super) fn of(content: &[u8], is_text: bool) -> Self {
        let mut pieces: Vec<(u32, u32)> = Vec::with_capacity(content.len() / 32);
        let mut piece = Piece::default();
        for (index, &byte) in content.iter().enumerate() {
            if is_text && byte == b'\r' && content.get(index + 1) == Some(&b'\n') {
                continue;
            }
            piece.push(byte);
            if byte == b'\n' || piece.length == PIECE_BYTES {
                pieces.push((piece.hash(), piece.length));
                piece = Piece::default();
            }
        }
        if piece.length > 0 {
            pieces.push((piece.hash(), piece.length));
        }
        pieces.sort_unstable_by_key(|(hash, _)| *hash);
        pieces.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        pieces.shrink_to_fit();
        Fingerprint {
            bytes_by_hash: pieces,
        }
    }

    /// How many bytes of `self` are found again in `other`.
    fn common_bytes(&self, other: &Fingerprint) -> u64 {
        let mut theirs = other.bytes_by_hash.iter().peekable();
        let mut common = 0;
        for &(hash, bytes) in &self.bytes_by_hash {
            while theirs
                .next_if(|(their_hash, _)| *their_hash < hash)
                .is_some()
            {}
            if let Some((_, their_bytes)) = theirs.next_if(|(their_hash, _)| *their_hash == hash) {
                common += u64::from(bytes.min(*their_bytes));
            }
        }
        common
    }
}

/// The hash of a line as it is read: a word of 64 bits that is rotated for each byte, the byte added to its upper half.
#[derive(Default)]
struct Piece {
    state: u64,
    length: u32,
}

impl Piece {
    fn push(&mut self, byte: u8) {
        let turned = self.state.rotate_left(7);
        let upper = ((turned >> 32) as u32).wrapping_add(u32::from(byte));
        self.state = (u64::from(upper) << 32) | (turned & 0xffff_ffff);
        self.length += 1;
    }

    fn hash(&self) -> u32 {
        let upper = (self.state >> 32) as u32;
        let lower = (self.state & 0xffff_ffff) as u32;
        upper.wrapping_add(lower.wrapping_mul(LOWER_WEIGHT)) % HASH_MODULUS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Texts<'a>(&'a [&'a str], &'a [&'a str]);

    impl Contents for Texts<'_> {
        fn size(&mut self, which: Which, index: usize) -> Option<u64> {
            Some(self.text(which, index).len() as u64)
        }
        fn fingerprint(&mut self, which: Which, index: usize) -> Option<Fingerprint> {
            Some(Fingerprint::of(self.text(which, index).as_bytes(), true))
        }
    }

    impl<'a> Texts<'a> {
        fn text(&self, which: Which, index: usize) -> &'a str {
            match which {
                Which::Deleted => self.0[index],
                Which::Added => self.1[index],
            }
        }
    }

    fn pairs(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<(usize, usize, u64)> {
        fn candidates<'a>(files: &'a [(&'a str, &'a str)]) -> Vec<Candidate<'a, &'a str>> {
            files
                .iter()
                .map(|(path, text)| Candidate {
                    path: (*path).into(),
                    mode: 0o100_644,
                    id: *text,
                })
                .collect()
        }
        fn texts<'a>(files: &[(&str, &'a str)]) -> Vec<&'a str> {
            files.iter().map(|(_, text)| *text).collect()
        }
        let (old_texts, new_texts) = (texts(old), texts(new));
        let mut found: Vec<_> = pair(
            &candidates(old),
            &candidates(new),
            &mut Texts(&old_texts, &new_texts),
        )
        .into_iter()
        .map(|pair| (pair.deleted, pair.added, pair.score * 100 / FULL))
        .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn equal_contents_prefer_the_same_name() {
        let found = pairs(
            &[("a/x", "1\n"), ("b/y", "1\n")],
            &[("c/y", "1\n"), ("d/z", "1\n")],
        );
        assert_eq!(found, [(0, 1, 100), (1, 0, 100)]);
    }

    #[test]
    fn half_alike_is_enough_and_less_is_not() {
        assert_eq!(pairs(&[("a", "1\n2\n")], &[("b", "1\n3\n")]), [(0, 0, 50)]);
        assert_eq!(pairs(&[("a", "1\n2\n4\n")], &[("b", "1\n3\n5\n")]), []);
    }

    #[test]
    fn a_carriage_return_does_not_count_in_text() {
        let unix = Fingerprint::of(b"one\ntwo\n", true);
        let dos = Fingerprint::of(b"one\r\ntwo\r\n", true);
        assert_eq!(unix.common_bytes(&dos), 8);
        assert!(Fingerprint::of(b"one\r\n", false).common_bytes(&unix) == 0);
    }
}
