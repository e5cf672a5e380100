//! Generated histories: each commit, and each state of the working tree before it, equals git's.

use super::oracle::{check_range, check_working_tree};
use super::random::Random;
use super::sandbox::Sandbox;

/// Few different lines, so that they repeat and slide.
const LINES: [&str; 14] = [
    "fn one() {",
    "}",
    "",
    "    let x = 1;",
    "    if x {",
    "    }",
    "\treturn;",
    "static int y;",
    "  // a comment",
    "$perl = 1;",
    "_private",
    "    x += 1;\r",
    "end",
    "    \u{e4}\u{f6}\u{fc}",
];

fn content(random: &mut Random, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| match random.below(3) {
            0 => format!("unique line {}", random.below(100_000)),
            _ => (*random.pick(&LINES)).to_owned(),
        })
        .collect()
}

fn edit(random: &mut Random, lines: &mut Vec<String>) {
    for _ in 0..=random.below(4) {
        let at = random.below(lines.len() + 1);
        match random.below(4) {
            0 if !lines.is_empty() => {
                let count = random.below(4).min(lines.len() - at.min(lines.len()));
                lines.drain(at.min(lines.len())..at.min(lines.len()) + count);
            }
            1 => {
                let length = random.below(6);
                let new = content(random, length);
                lines.splice(at..at, new);
            }
            2 if at < lines.len() => lines[at].push('x'),
            _ => {
                let from = random.below(lines.len() + 1);
                let block: Vec<String> = lines[from..].iter().take(5).cloned().collect();
                lines.splice(at..at, block);
            }
        }
    }
}

/// One step of a history; files are kept as lines, a missing newline at the end as a flag in the name's length.
fn step(random: &mut Random, sandbox: &Sandbox, files: &mut Vec<(String, Vec<String>)>) {
    for _ in 0..=random.below(5) {
        match random.below(10) {
            0..=1 => {
                let name = format!(
                    "d{}/f{} {}",
                    random.below(4),
                    random.below(9),
                    random.below(1_000)
                );
                let length = random.below(60);
                let lines = content(random, length);
                write(sandbox, &name, &lines);
                files.push((name, lines));
            }
            2 if files.len() > 3 => {
                let at = random.below(files.len());
                let (name, _) = files.swap_remove(at);
                std::fs::remove_file(sandbox.path(&name)).unwrap();
            }
            3 | 4 if !files.is_empty() => {
                let at = random.below(files.len());
                let (old, lines) = &mut files[at];
                std::fs::remove_file(sandbox.path(&*old)).unwrap();
                if random.below(2) == 0 {
                    edit(random, lines);
                }
                let base = old.rsplit('/').next().unwrap().to_owned();
                *old = match random.below(2) {
                    0 => format!("m{}/{base} {}", random.below(5), random.below(1_000)),
                    _ => format!("n{}/{base}", random.below(1_000)),
                };
                write(sandbox, old, lines);
            }
            5 if !files.is_empty() => {
                let at = random.below(files.len());
                sandbox.chmod(
                    &files[at].0,
                    if random.below(2) == 0 { 0o755 } else { 0o644 },
                );
            }
            _ if !files.is_empty() => {
                let at = random.below(files.len());
                let (name, lines) = &mut files[at];
                edit(random, lines);
                write(sandbox, name, lines);
            }
            _ => {}
        }
    }
}

fn write(sandbox: &Sandbox, name: &str, lines: &[String]) {
    let mut text = lines.join("\n");
    if !name.len().is_multiple_of(5) && !lines.is_empty() {
        text.push('\n');
    }
    sandbox.write(name, text);
}

fn check_history(seed: u64) {
    let mut random = Random::new(seed);
    let sandbox = Sandbox::new();
    let mut files = Vec::new();
    for _ in 0..12 {
        step(&mut random, &sandbox, &mut files);
    }
    sandbox.commit("start");
    for number in 0..10 {
        step(&mut random, &sandbox, &mut files);
        if number % 2 == 0 {
            sandbox.git(&["add", "-A"]);
            step(&mut random, &sandbox, &mut files);
        }
        check_working_tree(&sandbox);
        sandbox.commit("next");
        check_range(&sandbox, "HEAD~1", "HEAD");
    }
    check_range(&sandbox, "HEAD~10", "HEAD");
    check_range(&sandbox, "HEAD", "HEAD~10");
}

macro_rules! seeds {
    ($($name:ident => $seed:expr;)*) => { $(#[test] fn $name() { check_history($seed); })* };
}

seeds! {
    history_one => 1;
    history_two => 2;
    history_three => 3;
    history_four => 4;
    history_five => 5;
    history_six => 6;
}
