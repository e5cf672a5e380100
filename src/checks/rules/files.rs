//! Files that do not belong into a history.

use super::super::examine::{Note, Sink};
use super::super::view::FileView;
use super::{Check, Rule};
use crate::review::Severity;
use crate::target::Status;

/// `large-file-added`
pub(super) static LARGE_FILE_ADDED: Rule = Rule {
    id: "large-file-added",
    severity: Severity::Low,
    confidence: 0.8,
    title: "A large file was added",
    why: "Every clone carries it from now on, even after it is deleted. Large data also hides what else a change does.",
    advice: "Keep it in large-file storage or an artifact store, or generate it during the build.",
    check: Check::File(large_file),
};

/// `binary-added`
pub(super) static BINARY_ADDED: Rule = Rule {
    id: "binary-added",
    severity: Severity::Low,
    confidence: 0.7,
    title: "A binary file was added",
    why: "Nobody can review what is in it, and every version of it stays in the history. A program or library of \
          unknown origin runs with the rights of whoever builds the project.",
    advice: "Build it from source, or fetch a pinned version by checksum during the build.",
    check: Check::File(binary),
};

const LARGE: u64 = 1024 * 1024;
const VERY_LARGE: u64 = 10 * 1024 * 1024;
/// Pictures, fonts and documents up to this size are an ordinary part of a project.
const SMALL_ASSET: u64 = 512 * 1024;

fn large_file(view: &FileView<'_>, sink: &mut Sink) {
    let Some(size) = view.file.new_size.filter(|size| *size > LARGE) else {
        return;
    };
    if view.file.status != Status::Added {
        return;
    }
    sink.whole_file(Note {
        severity: (size > VERY_LARGE).then_some(Severity::Medium),
        ..Note::titled(format!("A file of {} was added", mebibytes(size)))
    });
}

fn mebibytes(size: u64) -> String {
    let tenths = size.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

fn binary(view: &FileView<'_>, sink: &mut Sink) {
    if !view.file.binary || view.file.status != Status::Added {
        return;
    }
    let lower = view.path.to_ascii_lowercase();
    let extension = lower
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    let extension = extension.map_or("", |(_, extension)| extension);
    let size = view.file.new_size.unwrap_or(0);
    let runs = PROGRAMS.contains(&extension);
    if !runs && ASSETS.contains(&extension) && size <= SMALL_ASSET {
        return;
    }
    sink.whole_file(Note {
        severity: runs.then_some(Severity::Medium),
        ..Note::titled(if runs {
            format!("A compiled or packed file (`.{extension}`) was added")
        } else {
            "A binary file was added".to_owned()
        })
    });
}

const PROGRAMS: [&str; 24] = [
    "exe", "dll", "so", "dylib", "a", "o", "obj", "lib", "jar", "war", "class", "pyc", "pyd",
    "whl", "gem", "apk", "msi", "deb", "rpm", "dmg", "wasm", "bin", "elf", "node",
];
const ASSETS: [&str; 17] = [
    "png", "jpg", "jpeg", "gif", "webp", "ico", "icns", "bmp", "avif", "woff", "woff2", "ttf",
    "otf", "eot", "pdf", "mp3", "wav",
];
