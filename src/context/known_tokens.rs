//! Which pieces are known to be single tokens of o200k, as a table that the compiler makes.
//!
//! The list is `known_tokens.txt`. Putting it into a set at the start would cost each process more than many a whole
//! context does, so the set is data of the program: open addressing, each slot saying where in the list its token stands.
//! A piece is hashed from its end to its beginning, so that all endings of a text are looked up in one go.

/// One a line, at most [`LONGEST`] bytes each. `¶` at the end stands for a line end.
pub(super) const LIST: &str = include_str!("known_tokens.txt");
pub(super) const LINE_END_MARK: char = '\u{b6}';

const BYTES: &[u8] = LIST.as_bytes();

/// The longest entry's bytes fit a slot's length.
const LONGEST: usize = (1 << LENGTH_BITS) - 1;
const LENGTH_BITS: u32 = 5;
/// Nearly half of them stay free, so that a look for what is not there ends soon.
const SLOTS: usize = 1 << 15;

/// Where the entry stands, and in the lowest bits how long it is; 0 for none.
static TABLE: [u32; SLOTS] = table();

const fn table() -> [u32; SLOTS] {
    let mut table = [0; SLOTS];
    let mut start = 0;
    while start < BYTES.len() {
        let mut end = start;
        while end < BYTES.len() && BYTES[end] != b'\n' {
            end += 1;
        }
        let length = end - start;
        assert!(length > 0 && length <= LONGEST && start < 1 << (u32::BITS - LENGTH_BITS));
        let mut hash = Hash::EMPTY;
        let mut at = end;
        while at > start {
            at -= 1;
            hash = hash.before(BYTES[at]);
        }
        let mut slot = hash.slot();
        while table[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = ((start as u32) << LENGTH_BITS) | length as u32;
        start = end + 1;
    }
    table
}

/// The hash of a piece that grows towards its beginning.
#[derive(Clone, Copy)]
struct Hash(u32);

impl Hash {
    const EMPTY: Hash = Hash(0x811c_9dc5);

    const fn before(self, byte: u8) -> Hash {
        Hash((self.0 ^ byte as u32).wrapping_mul(0x0100_0193))
    }

    /// The lowest bits of a product depend on the lowest bits alone, so the higher ones are taken in.
    const fn slot(self) -> usize {
        ((self.0 >> 15) ^ self.0) as usize % SLOTS
    }
}

/// Whether `piece` is in the list. A mark at its end would be taken for a line end.
pub(super) fn is_known(piece: &[u8]) -> bool {
    let hash = piece
        .iter()
        .rev()
        .fold(Hash::EMPTY, |hash, byte| hash.before(*byte));
    find(hash, piece)
}

/// Says for each place in `text`, up to the end of `known`, whether what stands from there to the end is in the list.
pub(super) fn known_endings(text: &[u8], known: &mut [bool]) {
    let mut hash = Hash::EMPTY;
    for at in (0..text.len()).rev() {
        hash = hash.before(text[at]);
        if let Some(known) = known.get_mut(at) {
            *known = find(hash, &text[at..]);
        }
    }
}

/// Whether `signs` with a line end behind them are in the list.
pub(super) fn is_known_with_line_end(signs: &[u8]) -> bool {
    let mut mark = [0; 2];
    let mark = LINE_END_MARK.encode_utf8(&mut mark).as_bytes();
    let mut entry = [0; LONGEST];
    let length = signs.len() + mark.len();
    if length > LONGEST {
        return false;
    }
    entry[..signs.len()].copy_from_slice(signs);
    entry[signs.len()..length].copy_from_slice(mark);
    is_known(&entry[..length])
}

fn find(hash: Hash, piece: &[u8]) -> bool {
    let mut slot = hash.slot();
    loop {
        let entry = TABLE[slot];
        if entry == 0 {
            return false;
        }
        let start = (entry >> LENGTH_BITS) as usize;
        let length = entry as usize & LONGEST;
        if length == piece.len() && BYTES[start..start + length] == *piece {
            return true;
        }
        slot = (slot + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_knows_what_is_in_the_list_and_nothing_else() {
        let list: HashSet<&[u8]> = LIST.lines().map(str::as_bytes).collect();
        assert!(list.len() > 10_000, "{}", list.len());
        for entry in &list {
            assert!(is_known(entry), "{entry:?}");
            // Its neighbours: cut at either end, or longer by a letter.
            let longer = [entry, &b"e"[..]].concat();
            for other in [&entry[1..], &entry[..entry.len() - 1], &longer] {
                assert_eq!(is_known(other), list.contains(other), "{other:?}");
            }
        }
        assert!(!is_known(b""));
        assert!(!is_known(&[b'a'; 100]));
    }

    #[test]
    fn endings_are_looked_up_each() {
        let text = b" returns";
        let mut known = [false; 9];
        known_endings(text, &mut known);
        for at in 0..text.len() {
            assert_eq!(known[at], is_known(&text[at..]), "{at}");
        }
        assert!(known.contains(&true) && known.contains(&false));
        // Only as many places as there is room for.
        let mut two = [false; 2];
        known_endings(text, &mut two);
        assert_eq!(two, known[..2]);
    }

    #[test]
    fn a_line_end_belongs_to_some_entries() {
        let with_end = LIST
            .lines()
            .filter_map(|line| line.strip_suffix(LINE_END_MARK));
        let mut count = 0;
        for signs in with_end {
            assert!(is_known_with_line_end(signs.as_bytes()), "{signs:?}");
            count += 1;
        }
        assert!(count > 100, "{count}");
        assert!(!is_known_with_line_end(b"word"));
        assert!(!is_known_with_line_end(&[b'!'; 100]));
    }
}
