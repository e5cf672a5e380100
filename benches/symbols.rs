//! The symbol index: cold, from its cache, and for one changed file.
//!
//! `cargo bench --bench symbols` outlines 1,200 files: this crate's own sources, each as often as needed, with a line of
//! its own at the end. Cold must stay below 1.2 s (1,000 files a second), from the cache below 50 ms, one file below
//! 10 ms.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use codex_review::symbols::{
    CacheKey, FileOutline, Language, OutlineCache, Source, outline, outline_all,
};
use divan::Bencher;

fn main() {
    divan::main();
}

const FILES: usize = 1_200;

static SOURCES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut paths = Vec::new();
    list(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut paths,
    );
    paths.sort();
    let texts: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a source can be read"))
        .collect();
    let each = |number: usize| {
        let mut text = texts[number % texts.len()].clone();
        text.extend_from_slice(format!("fn file_{number}() {{}}\n").as_bytes());
        text
    };
    (0..FILES).map(each).collect()
});

fn list(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the package is there") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            list(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

fn all(threads: usize) -> Vec<(usize, FileOutline)> {
    let sources = SOURCES.iter().enumerate().map(|(key, bytes)| Source {
        key,
        language: Some(Language::Rust),
        bytes: bytes.clone(),
    });
    outline_all(sources, threads)
}

fn key(number: usize) -> CacheKey {
    CacheKey::of(&format!("{number:040x}"), Some(Language::Rust))
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn cold_1200_files(bencher: Bencher<'_, '_>) {
    LazyLock::force(&SOURCES);
    let bytes: usize = SOURCES.iter().map(Vec::len).sum();
    bencher
        .counter(divan::counter::ItemsCount::new(FILES))
        .counter(divan::counter::BytesCount::new(bytes))
        .bench_local(|| all(0));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn warm_1200_files_from_the_cache(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut cache = OutlineCache::open(folder.path());
    for (number, outline) in all(0) {
        cache.insert(&key(number), &outline);
    }
    cache.save(&[]).expect("the cache can be written");
    bencher.bench_local(|| {
        let cache = OutlineCache::open(folder.path());
        let found = (0..FILES).filter(|number| cache.get(&key(*number)).is_some());
        assert_eq!(found.count(), FILES);
    });
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn one_changed_file(bencher: Bencher<'_, '_>) {
    let largest = SOURCES.iter().max_by_key(|source| source.len());
    let largest = largest.expect("there are sources");
    bencher.bench_local(|| outline(Some(Language::Rust), largest));
}
