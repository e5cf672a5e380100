//! The survival table: what scripted edits do to the fingerprints of findings on every line of real code, beside what they
//! do to `file:line:title`. `CODEX_REVIEW_UPDATE_DOCS=1 cargo test --test it survival` writes docs/fingerprints.md again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use codex_review::review::{Finding, FindingOrigin, LineRange, Placement, Severity, identify};

use crate::support::package_root;

const UPDATE: &str = "CODEX_REVIEW_UPDATE_DOCS";
const SOURCES: [&str; 3] = ["charge.rs", "store.py", "cart.js"];

/// A file with a finding on one of its lines, before or after an edit.
#[derive(Clone)]
struct Scene {
    file: String,
    lines: Vec<String>,
    /// From 0.
    at: usize,
    title: String,
    severity: Severity,
}

/// What ought to become of a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The code is the same: every fingerprint stays.
    Stays,
    /// Most stay; the text says which do not.
    Mostly,
    /// Nobody can tell: equal code changes places with its copy. The table shows how often.
    Limit,
    /// The code is another one: none stays.
    Ends,
}

struct Edit {
    about: &'static str,
    wanted: Wanted,
    /// `None` where the edit makes no sense for the line.
    make: fn(&Scene) -> Option<Scene>,
}

const EDITS: &[Edit] = &[
    Edit {
        about: "twelve lines inserted above",
        wanted: Wanted::Stays,
        make: |scene| Some(inserted_above(scene)),
    },
    Edit {
        about: "file renamed and moved",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            scene.file = format!("moved/renamed-{}", scene.file);
            Some(scene)
        },
    },
    Edit {
        about: "whole file indented by four more",
        wanted: Wanted::Stays,
        make: |scene| Some(each_line(scene, |line| format!("    {line}"))),
    },
    Edit {
        about: "tabs for blanks at the beginning of lines",
        wanted: Wanted::Stays,
        make: |scene| {
            Some(each_line(scene, |line| {
                let code = line.trim_start();
                format!("{}{code}", "\t".repeat((line.len() - code.len()) / 2))
            }))
        },
    },
    Edit {
        about: "line ends of Windows, and blanks evened out",
        wanted: Wanted::Stays,
        make: |scene| {
            Some(each_line(scene, |line| {
                let code = line.trim_start();
                let indent = &line[..line.len() - code.len()];
                format!("{indent}{}\r", code.replace(' ', "  "))
            }))
        },
    },
    Edit {
        about: "title reworded",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            scene.title = "In other words, the same".to_owned();
            Some(scene)
        },
    },
    Edit {
        about: "severity judged otherwise",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            scene.severity = Severity::Low;
            Some(scene)
        },
    },
    Edit {
        about: "the lines above and below edited (not what encloses it)",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut edited = scene.clone();
            let indent = |at: usize| indent(&scene.lines[at]);
            for at in [scene.at.checked_sub(1), Some(scene.at + 1)]
                .into_iter()
                .flatten()
            {
                let is_code = scene.lines.get(at).is_some_and(|line| is_code(line));
                if is_code && indent(at) >= indent(scene.at) {
                    edited.lines[at] = format!("{} + edited", scene.lines[at]);
                }
            }
            Some(edited)
        },
    },
    Edit {
        about: "a marker added on a line above",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            let marker = "    # codex-review: ignore review -- a reason";
            scene.lines.insert(scene.at, marker.to_owned());
            scene.at += 1;
            Some(scene)
        },
    },
    Edit {
        about: "a marker added at the end of the line",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            scene.lines[scene.at].push_str(" // codex-review: ignore review -- a reason");
            Some(scene)
        },
    },
    Edit {
        about: "the same code once more at the end of the file",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = scene.clone();
            let line = scene.lines[scene.at].clone();
            scene.lines.push(line);
            Some(scene)
        },
    },
    Edit {
        about: "all of these at once: lines above, file renamed, indented, reworded",
        wanted: Wanted::Stays,
        make: |scene| {
            let mut scene = each_line(&inserted_above(scene), |line| format!("\t{line}"));
            scene.file = "other/place.txt".to_owned();
            scene.title = "In other words, the same".to_owned();
            Some(scene)
        },
    },
    Edit {
        about: "the line moved to the end of the file (short code is known by what encloses it, and of equal lines the last is another)",
        wanted: Wanted::Mostly,
        make: |scene| {
            let mut scene = scene.clone();
            let line = scene.lines.remove(scene.at);
            scene.lines.push(line);
            scene.at = scene.lines.len() - 1;
            Some(scene)
        },
    },
    Edit {
        about: "the enclosing line edited (short code is known by it)",
        wanted: Wanted::Mostly,
        make: |scene| {
            let own = indent(&scene.lines[scene.at]);
            let encloses = |line: &String| is_code(line) && indent(line) < own;
            let at = scene.lines[..scene.at].iter().rposition(encloses)?;
            let mut scene = scene.clone();
            scene.lines[at].push_str(" + edited");
            Some(scene)
        },
    },
    Edit {
        about: "the line wrapped in a condition (short code is known by what encloses it)",
        wanted: Wanted::Mostly,
        make: |scene| {
            let mut scene = scene.clone();
            let line = scene.lines[scene.at].clone();
            let before = " ".repeat(indent(&line));
            scene.lines[scene.at] = format!("    {line}");
            scene
                .lines
                .insert(scene.at, format!("{before}if (condition) {{"));
            scene.lines.insert(scene.at + 2, format!("{before}}}"));
            scene.at += 1;
            Some(scene)
        },
    },
    Edit {
        about: "the same code once more above it, at the top of the file (equal long lines are numbered from the top)",
        wanted: Wanted::Limit,
        make: |scene| {
            let mut scene = scene.clone();
            let line = scene.lines[scene.at].trim_start().to_owned();
            scene.lines.insert(0, line);
            scene.at += 1;
            Some(scene)
        },
    },
    Edit {
        about: "the code itself mended",
        wanted: Wanted::Ends,
        make: |scene| {
            let mut scene = scene.clone();
            let line = &scene.lines[scene.at];
            scene.lines[scene.at] = format!("{}mended({})", " ".repeat(indent(line)), line.trim());
            Some(scene)
        },
    },
    Edit {
        about: "the code gone, and other code on its line number",
        wanted: Wanted::Ends,
        make: |scene| {
            let mut after = scene.clone();
            after.lines.remove(scene.at);
            let next = after.lines.get(scene.at)?;
            let same = next.trim() == scene.lines[scene.at].trim();
            (is_code(next) && !same).then_some(after)
        },
    },
];

fn inserted_above(scene: &Scene) -> Scene {
    let mut scene = scene.clone();
    let above = (1..=12).map(|number| format!("// a new line at the top, number {number}"));
    scene.lines.splice(0..0, above);
    scene.at += 12;
    scene
}

fn each_line(scene: &Scene, edit: impl Fn(&str) -> String) -> Scene {
    let mut scene = scene.clone();
    for line in &mut scene.lines {
        if !line.is_empty() {
            *line = edit(line);
        }
    }
    scene
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_code(line: &str) -> bool {
    line.chars().any(char::is_alphanumeric)
}

/// A finding on every line of code of every source.
fn scenes() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for source in SOURCES {
        let path = package_root().join("fixtures/survival").join(source);
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for at in (0..lines.len()).filter(|at| is_code(&lines[*at])) {
            scenes.push(Scene {
                file: source.to_owned(),
                lines: lines.clone(),
                at,
                title: "Something is wrong here".to_owned(),
                severity: Severity::High,
            });
        }
    }
    scenes
}

impl Scene {
    fn line(&self) -> u32 {
        u32::try_from(self.at + 1).unwrap()
    }

    fn fingerprint(&self) -> String {
        let mut findings = [Finding {
            severity: self.severity,
            title: self.title.clone(),
            body: String::new(),
            file: self.file.clone(),
            lines: Some(LineRange::new(self.line(), self.line())),
            confidence: None,
            recommendation: None,
            origin: FindingOrigin::Model,
            placement: Placement::OnChange,
            carried_from: None,
            fingerprint: None,
            exclusion: None,
        }];
        let content = self.lines.join("\n");
        identify(&mut findings, &mut |_| Some(content.clone().into_bytes()));
        findings[0].fingerprint.unwrap().to_string()
    }

    fn file_line_title(&self) -> String {
        format!("{}:{}:{}", self.file, self.line(), self.title)
    }
}

struct Row {
    edit: &'static Edit,
    tried: usize,
    kept: usize,
    kept_by_line: usize,
}

fn rows() -> Vec<Row> {
    let scenes = scenes();
    EDITS
        .iter()
        .map(|edit| {
            let mut row = Row {
                edit,
                tried: 0,
                kept: 0,
                kept_by_line: 0,
            };
            for before in &scenes {
                let Some(after) = (edit.make)(before) else {
                    continue;
                };
                row.tried += 1;
                row.kept += usize::from(before.fingerprint() == after.fingerprint());
                row.kept_by_line +=
                    usize::from(before.file_line_title() == after.file_line_title());
            }
            row
        })
        .collect()
}

#[test]
fn fingerprints_outlive_what_leaves_the_code_alone_and_end_with_it() {
    let rows = rows();
    for row in &rows {
        let about = row.edit.about;
        assert!(row.tried > 50, "{about}: tried on {} lines", row.tried);
        match row.edit.wanted {
            Wanted::Stays => assert_eq!(row.kept, row.tried, "{about}"),
            Wanted::Mostly => assert!(row.kept * 2 > row.tried, "{about}: {}", row.kept),
            Wanted::Limit => assert!(row.kept < row.tried, "{about}: no limit any more"),
            Wanted::Ends => assert_eq!(row.kept, 0, "{about}"),
        }
    }
    let document = document(&rows);
    let path = package_root().join("docs/fingerprints.md");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        document,
        "docs/fingerprints.md is out of date: run {UPDATE}=1 cargo test --test it survival"
    );
}

#[test]
fn every_line_of_a_file_has_a_fingerprint_of_its_own() {
    for source in SOURCES {
        let of_source: Vec<Scene> = scenes()
            .into_iter()
            .filter(|scene| scene.file == source)
            .collect();
        let distinct: BTreeSet<String> = of_source.iter().map(Scene::fingerprint).collect();
        assert_eq!(distinct.len(), of_source.len(), "{source}");
    }
}

fn document(rows: &[Row]) -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str("| Edit | Wanted | Fingerprints that stay | `file:line:title` that stays |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let wanted = match row.edit.wanted {
            Wanted::Stays => "all stay",
            Wanted::Mostly => "most stay",
            Wanted::Limit => "known limit",
            Wanted::Ends => "none stays",
        };
        writeln!(
            text,
            "| {} | {wanted} | {} of {} | {} of {} |",
            row.edit.about, row.kept, row.tried, row.kept_by_line, row.tried
        )
        .unwrap();
    }
    text
}

const INTRODUCTION: &str = "\
# Fingerprints

A finding's fingerprint says who it is from one review to the next: the baseline, inline markers, `merge` and code scanning
speak of findings by it. `review --format json` shows it as `fingerprint`, SARIF under `codexReviewFinding/v1`.

It is a SHA-256 (cut to 128 bits, and versioned: `v1:…`) over the finding's class (its rule, or `review` for what a model
found), the code of its lines without indentation, and a number among equal code in the same file. Code of fewer than 14
letters and digits (`return err`) is taken together with the line that encloses it. Path, line number, title, text and
severity are not in it. Two findings of a model on the very same lines are numbered by severity, then title. A finding
about a whole file is known by its path, one about the whole change by its class; a model's also by the words of its title.
The same code in two files has one fingerprint, of which the second one shows `-2`; an acceptance in the baseline belongs to
one file, and goes to another one only when its own file is gone.

What edits do to fingerprints, counted over a finding on every line of code of the files in `fixtures/survival/`. The table is
written by `CODEX_REVIEW_UPDATE_DOCS=1 cargo test --test it survival`, and a test holds it true.

";
