//! Objects out of packs, where what was decoded stays for the next object that stands on it.
//!
//! Most objects of a pack are stored as what differs from another one. gix decodes that other one anew each time, though it
//! is often the next object asked for: the other side of the same file. [`Decoder`] keeps what it decoded; whatever is large
//! or out of the ordinary is gix's to read, or to explain.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

use gix::odb::pack;
use gix::odb::pack::data::entry::Header;
use gix::odb::pack::data::{Entry, Offset};
use gix::zlib::Inflate;

/// No object larger than this is decoded here.
const MOST_BYTES: usize = 16 << 20;
/// So much of what was decoded is kept by each decoder.
const KEPT_BYTES: usize = 4 << 20;
/// More objects standing one on the other than git makes.
const LONGEST_CHAIN: usize = 4096;

type Index = pack::index::File<pack::MMap>;
type Data = pack::data::File<pack::MMap>;

/// A pack: its index, and the objects when first asked for.
pub(super) struct Pack {
    index: Index,
    path: PathBuf,
    data: OnceLock<Option<Data>>,
}

impl Pack {
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// `None` if it cannot be read.
    fn data(&self) -> Option<&Data> {
        let open = || {
            let path = self.path.with_extension("pack");
            let data = Data::at(path, self.index.object_hash()).ok()?;
            // What an object stands on, twice, and how it differs.
            Some(data.with_alloc_limit_bytes(Some(4 * MOST_BYTES)))
        };
        self.data.get_or_init(open).as_ref()
    }
}

/// The packs of a repository, as they were when first asked for.
pub(super) struct Packs {
    folders: Vec<PathBuf>,
    kind: gix::hash::Kind,
    packs: OnceLock<Vec<Pack>>,
}

impl Packs {
    pub(super) fn new(repository: &gix::Repository) -> Self {
        let store = repository.objects.store_ref();
        let mut folders = vec![store.path().to_owned()];
        folders.extend(store.alternate_db_paths().unwrap_or_default());
        Packs {
            folders,
            kind: repository.object_hash(),
            packs: OnceLock::new(),
        }
    }

    /// The folders of objects: the repository's own, and those that it borrows from.
    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// All packs; what cannot be read does not count.
    pub(super) fn all(&self) -> &[Pack] {
        let open = |path: PathBuf| {
            let index = Index::at(&path, self.kind).ok()?;
            Some(Pack {
                index,
                path,
                data: OnceLock::new(),
            })
        };
        self.packs.get_or_init(|| {
            self.folders
                .iter()
                .flat_map(|folder| indices(folder))
                .filter_map(open)
                .collect()
        })
    }
}

fn indices(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder.join("pack"))
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
}

/// Where an object is: in which pack, and where in it.
type Position = (usize, Offset);

/// Reads objects. One for each thread.
pub(super) struct Decoder<'p> {
    packs: &'p Packs,
    /// Made for the first object.
    inflate: Option<Inflate>,
    kept: HashMap<Position, Rc<Vec<u8>>>,
    kept_bytes: usize,
    /// The pack that held the last object: it holds the next one too, most likely.
    last: usize,
}

impl<'p> Decoder<'p> {
    pub(super) fn new(packs: &'p Packs) -> Self {
        Decoder {
            packs,
            inflate: None,
            kept: HashMap::new(),
            kept_bytes: 0,
            last: 0,
        }
    }

    /// The content of an object; `None` where it is in no pack, or not one that is read here.
    pub(super) fn read(&mut self, id: &gix::oid) -> Option<Rc<Vec<u8>>> {
        let place = self.find(id)?;
        let data = self.packs.all()[place.0].data()?;
        // From the object itself to the first one that is whole.
        let mut standing: Vec<Entry> = Vec::new();
        let mut at = place.1;
        let mut content = loop {
            if let Some(kept) = self.kept.get(&(place.0, at)) {
                break Rc::clone(kept);
            }
            let entry = data.entry(at).ok()?;
            if entry.decompressed_size > MOST_BYTES as u64 || standing.len() > LONGEST_CHAIN {
                return None;
            }
            match entry.header {
                Header::OfsDelta { base_distance } => {
                    at = entry.checked_base_pack_offset(base_distance)?;
                    standing.push(entry);
                }
                Header::RefDelta { .. } => return None,
                _ => {
                    let mut whole = vec![0; usize::try_from(entry.decompressed_size).ok()?];
                    data.decompress_entry(&entry, self.inflate.get_or_insert_default(), &mut whole)
                        .ok()?;
                    break self.keep((place.0, at), whole);
                }
            }
        };
        while let Some(entry) = standing.pop() {
            let at = entry.pack_offset();
            let applied = apply(data, entry, &content, self.inflate.get_or_insert_default())?;
            content = self.keep((place.0, at), applied);
        }
        Some(content)
    }

    fn find(&mut self, id: &gix::oid) -> Option<Position> {
        let packs = self.packs.all();
        let offset = |at: usize| {
            let index = packs.get(at)?.index();
            Some(index.pack_offset_at_index(index.lookup(id)?))
        };
        let found = |at: usize| Some((at, offset(at)?));
        let place = found(self.last).or_else(|| (0..packs.len()).find_map(found))?;
        self.last = place.0;
        Some(place)
    }

    fn keep(&mut self, place: Position, content: Vec<u8>) -> Rc<Vec<u8>> {
        let size = content.len();
        let content = Rc::new(content);
        if size > KEPT_BYTES / 4 {
            return content;
        }
        if self.kept_bytes + size > KEPT_BYTES {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += size;
        self.kept.insert(place, Rc::clone(&content));
        content
    }
}

/// The object that differs from `base` as `entry` says.
fn apply(data: &Data, entry: Entry, base: &[u8], inflate: &mut Inflate) -> Option<Vec<u8>> {
    // By an id, gix asks for what the object stands on: whatever the id, it is given what is at hand.
    let entry = Entry {
        header: Header::RefDelta {
            base_id: gix::ObjectId::null(data.object_hash()),
        },
        ..entry
    };
    let given = |_: &gix::oid, out: &mut Vec<u8>| {
        out.clear();
        out.extend_from_slice(base);
        Ok(Some(pack::data::decode::entry::ResolvedBase::OutOfPack {
            kind: gix::objs::Kind::Blob,
            end: base.len(),
        }))
    };
    let mut content = Vec::new();
    data.decode_entry(
        entry,
        &mut content,
        inflate,
        &given,
        &mut pack::cache::Never,
    )
    .ok()?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(folder)
            .envs([
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ])
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@a")])
            .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@a")])
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Thirty versions of two files, so that objects stand on objects that stand on others, in two packs.
    fn packed(hash: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        git(root, &["init", "-q", "-b", "main", "--object-format", hash]);
        let mut lines: Vec<String> = (0..200).map(|line| format!("line {line}\n")).collect();
        for version in 0..30 {
            lines[version * 6] = format!("changed in {version}\n");
            std::fs::write(root.join("one"), lines.concat()).unwrap();
            std::fs::write(root.join("other"), lines[..100].concat()).unwrap();
            git(root, &["add", "-A"]);
            git(root, &["commit", "-q", "-m", "version"]);
            if version % 15 == 14 {
                git(root, &["repack", "-q", "-d"]);
            }
        }
        folder
    }

    fn ids(folder: &Path) -> Vec<gix::ObjectId> {
        git(
            folder,
            &[
                "cat-file",
                "--batch-all-objects",
                "--batch-check=%(objectname)",
            ],
        )
        .lines()
        .map(|line| gix::ObjectId::from_hex(line.as_bytes()).unwrap())
        .collect()
    }

    #[test]
    fn every_packed_object_is_what_gix_reads_in_any_order() {
        for hash in ["sha1", "sha256"] {
            let folder = packed(hash);
            let repository = gix::open(folder.path()).unwrap();
            let packs = Packs::new(&repository);
            assert_eq!(packs.all().len(), 2);
            let mut ids = ids(folder.path());
            assert!(ids.len() > 100);
            for _ in 0..2 {
                let mut decoder = Decoder::new(&packs);
                for id in &ids {
                    let content = decoder.read(id).unwrap();
                    assert_eq!(*content, repository.find_object(*id).unwrap().data, "{id}");
                }
                assert!(decoder.kept_bytes <= KEPT_BYTES);
                ids.reverse();
            }
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let folder = packed("sha1");
        let repository = gix::open(folder.path()).unwrap();
        let packs = Packs::new(&repository);
        let mut decoder = Decoder::new(&packs);
        for number in 0..64 {
            decoder.keep((0, number), vec![0; KEPT_BYTES / 8]);
            assert!(decoder.kept_bytes <= KEPT_BYTES);
        }
        assert!(decoder.kept.len() <= 8);
        decoder.keep((0, 64), vec![0; KEPT_BYTES]);
        assert!(!decoder.kept.contains_key(&(0, 64)));
    }

    #[test]
    fn a_pack_that_is_cut_or_gone_is_left_to_gix() {
        let folder = packed("sha1");
        let ids = ids(folder.path());
        let pack = indices(&folder.path().join(".git/objects"))
            .map(|path| path.with_extension("pack"))
            .max_by_key(|path| std::fs::metadata(path).unwrap().len())
            .unwrap();
        let whole = std::fs::read(&pack).unwrap();
        std::fs::remove_file(&pack).unwrap();
        std::fs::write(&pack, &whole[..whole.len() / 2]).unwrap();
        let repository = gix::open(folder.path()).unwrap();
        let packs = Packs::new(&repository);
        let mut decoder = Decoder::new(&packs);
        let read = ids.iter().filter(|id| decoder.read(id).is_some()).count();
        assert!(0 < read && read < ids.len());

        std::fs::remove_file(&pack).unwrap();
        let packs = Packs::new(&repository);
        let mut decoder = Decoder::new(&packs);
        let unread = ids.iter().filter(|id| decoder.read(id).is_none()).count();
        assert!(unread > 0);
    }

    #[test]
    fn what_stands_on_an_id_is_left_to_gix() {
        let folder = packed("sha1");
        let root = folder.path();
        git(
            root,
            &[
                "-c",
                "repack.useDeltaBaseOffset=false",
                "repack",
                "-q",
                "-a",
                "-d",
                "-f",
            ],
        );
        let repository = gix::open(root).unwrap();
        let packs = Packs::new(&repository);
        let mut decoder = Decoder::new(&packs);
        let mut left = 0;
        for id in ids(root) {
            match decoder.read(&id) {
                Some(content) => assert_eq!(*content, repository.find_object(id).unwrap().data),
                None => left += 1,
            }
        }
        assert!(left > 0);
    }
}
