//! Strategies from folders, and collectors from elsewhere.

use std::fs;
use std::path::Path;

use codex_review::context::{
    Budget, Catalog, Claims, CollectError, Collector, ContextError, ContextInput, Item, Layer,
    Layers, Piece, PieceDraft, Registry, Room, Rung, Scene, StrategyChoice, build, load_strategy,
};
use codex_review::target::Part;

use super::made::{add, one_liner, working_tree};
use crate::support::Sandbox;

const MINE: &str = r#"
name = "NAME"
description = "Only the status."
rank = 1
[budget]
bytes = 9000
[[section]]
collector = "status"
title = "Status"
"#;

fn write(dir: &Path, name: &str, source: &str) {
    fs::create_dir_all(dir.join(name)).unwrap();
    fs::write(
        dir.join(name).join("strategy.toml"),
        source.replace("NAME", name),
    )
    .unwrap();
}

fn auto(
    catalog: &Catalog,
    registry: &Registry,
) -> Result<codex_review::context::Context, ContextError> {
    let mut changes = working_tree();
    add(&mut changes, one_liner(Part::Staged, "a.rs"));
    build(
        &ContextInput {
            changes: &changes,
            strategy: &StrategyChoice::Auto,
            catalog,
            budget: None,
            claims: Claims::Shown,
        },
        registry,
    )
}

#[test]
fn a_later_layer_replaces_a_strategy_and_says_so() {
    let sandbox = Sandbox::new();
    let (user, repository) = (sandbox.path("user"), sandbox.path("repository"));
    write(&user, "inline", MINE);
    write(&repository, "house-rules", MINE);
    fs::write(
        repository.join("house-rules/guidance.md"),
        "Mind the rules.\n",
    )
    .unwrap();
    let registry = Registry::builtin();
    let mut layers = Layers {
        user: Some(user),
        repository: Some(repository),
        repository_trusted: false,
    };

    let catalog = Catalog::load(&layers, &registry);
    let seen: Vec<_> = catalog
        .entries()
        .map(|entry| (entry.name.as_str(), entry.layer, entry.replaces))
        .collect();
    assert_eq!(
        seen,
        [
            ("deep", Layer::BuiltIn, None),
            ("focused", Layer::BuiltIn, None),
            ("history", Layer::BuiltIn, None),
            ("inline", Layer::User, Some(Layer::BuiltIn)),
            ("security", Layer::BuiltIn, None),
            ("self-collect", Layer::BuiltIn, None)
        ]
    );
    assert_eq!(catalog.untrusted(), ["house-rules"]);
    assert_eq!(auto(&catalog, &registry).unwrap().strategy, "inline");

    layers.repository_trusted = true;
    let catalog = Catalog::load(&layers, &registry);
    assert_eq!(catalog.untrusted(), [] as [&str; 0]);
    let context = auto(&catalog, &registry).unwrap();
    assert_eq!(context.strategy, "house-rules");
    assert!(context.text.contains("\nMind the rules.\n"));
}

#[test]
fn a_broken_strategy_is_listed_and_never_passed_over_where_it_replaces_one() {
    let sandbox = Sandbox::new();
    let registry = Registry::builtin();
    let load = |dir: &str| {
        let layers = Layers {
            user: Some(sandbox.path(dir)),
            ..Layers::default()
        };
        Catalog::load(&layers, &registry)
    };
    write(&sandbox.path("new"), "mine", &MINE.replace("rank", "rnak"));
    let catalog = load("new");
    assert!(catalog.get("mine").unwrap().strategy().is_err());
    assert_eq!(auto(&catalog, &registry).unwrap().strategy, "inline");

    write(
        &sandbox.path("replacing"),
        "inline",
        &MINE.replace("rank", "rnak"),
    );
    let error = auto(&load("replacing"), &registry).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("strategy `inline` (user) is broken: "),
        "{text}"
    );
    assert_eq!(error.hint().as_deref(), Some("did you mean `rank`?"));
}

#[test]
fn what_is_no_regular_file_is_neither_followed_nor_opened() {
    let sandbox = Sandbox::new();
    let registry = Registry::builtin();
    let dir = sandbox.path("odd");
    fs::create_dir_all(&dir).unwrap();
    let check = |what: &str| {
        let error = load_strategy(&dir, Layer::Repository, &registry).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        fs::remove_file(dir.join("strategy.toml")).unwrap();
    };
    fs::write(sandbox.path("secret"), "key").unwrap();
    std::os::unix::fs::symlink("../secret", dir.join("strategy.toml")).unwrap();
    check("is not a regular file");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("strategy.toml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    check("is not a regular file");
    fs::write(dir.join("strategy.toml"), vec![b'#'; 300_000]).unwrap();
    check("is larger than");
    fs::write(dir.join("strategy.toml"), b"name = \"\xff\"").unwrap();
    check("is not UTF-8 text");
}

/// A collector that does what it must not.
struct Bad(&'static str);

impl Collector for Bad {
    fn items(&self, _: &Scene<'_>) -> Result<Vec<Item>, CollectError> {
        if self.0 == "fails" {
            return Err(CollectError("it crashed:\nexit status 3\u{1b}[31m".into()));
        }
        let files = vec![0];
        Ok(vec![Item { key: 0, files }])
    }

    fn render(
        &self,
        scene: &Scene<'_>,
        _: &Item,
        _: &[Rung],
        _: Room,
    ) -> Result<Option<Piece>, CollectError> {
        match self.0 {
            "floods" => {
                let endless = Room::of(Budget {
                    bytes: u64::MAX,
                    tokens: None,
                });
                let flood = "flood\n".repeat(1_000_000);
                Ok(PieceDraft::naming(scene.presenter, &flood, Rung::Full, &[0]).within(endless))
            }
            _ => Err(CollectError("not this one".into())),
        }
    }
}

#[test]
fn a_collector_that_fails_or_floods_costs_its_own_section_alone() {
    let sandbox = Sandbox::new();
    let mut registry = Registry::builtin();
    let info = registry.get("status").copied().unwrap();
    for (name, make) in [
        (
            "fails",
            (|_| Ok(Box::new(Bad("fails")) as _)) as codex_review::context::Factory,
        ),
        ("floods", |_| Ok(Box::new(Bad("floods")))),
        ("refuses", |_| Ok(Box::new(Bad("refuses")))),
    ] {
        registry.register(codex_review::context::CollectorInfo { name, make, ..info });
    }
    let extra: String = ["fails", "floods", "refuses"]
        .map(|name| format!("[[section]]\ncollector = \"{name}\"\ntitle = \"{name}\"\n"))
        .concat();
    write(&sandbox.path("user"), "mine", &(MINE.to_owned() + &extra));
    let layers = Layers {
        user: Some(sandbox.path("user")),
        ..Layers::default()
    };
    let context = auto(&Catalog::load(&layers, &registry), &registry).unwrap();
    assert_eq!(context.strategy, "mine");
    assert!(context.bytes <= 9_000);
    assert!(context.text.contains("M  a.rs\n"), "{}", context.text);
    let word = "(this section could not be made: it crashed: exit status 3<U+001B>[31m)";
    assert!(context.text.contains(word), "{}", context.text);
    let missing: Vec<usize> = context
        .sections
        .iter()
        .map(|section| section.missing)
        .collect();
    assert_eq!(missing, [0, 0, 1, 1]);
}

#[test]
fn a_ladder_that_begins_at_hunks_shows_a_patch_that_fits() {
    let sandbox = Sandbox::new();
    let hunks = MINE
        .replace("\"status\"", "\"staged-diff\"")
        .replace("\"Status\"", "\"Staged\"\nladder = [\"hunks\"]");
    write(&sandbox.path("user"), "mine", &hunks);
    let registry = Registry::builtin();
    let layers = Layers {
        user: Some(sandbox.path("user")),
        ..Layers::default()
    };
    let context = auto(&Catalog::load(&layers, &registry), &registry).unwrap();
    assert_eq!(context.strategy, "mine");
    assert!(context.text.contains("\n@@ "), "{}", context.text);
    assert_eq!(context.ledger.counts(), (1, 0, 0));
    assert!(!context.ledger.is_cut());
}
