//! Claims about the dependency tree: licences, sources and bans, as `deny.toml` has them.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::support::package_root;

/// With this set, crates of every platform are looked at, which may fetch those that are not here yet.
const REQUIRE_ALL: &str = "CODEX_REVIEW_REQUIRE_E2E";

#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    sources: Sources,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: BTreeSet<String>,
    allow_git: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

fn deny() -> Deny {
    let text = fs::read_to_string(package_root().join("deny.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// What cargo resolved, without this package itself.
fn packages() -> Vec<Package> {
    let cargo = env!("CARGO");
    let mut metadata = Command::new(cargo);
    metadata
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(package_root());
    if env::var_os(REQUIRE_ALL).is_none() {
        metadata.args(["--offline", "--filter-platform", &host(cargo)]);
    }
    let output = metadata.output().unwrap();
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages: Vec<Package> = serde_json::from_value(document["packages"].clone()).unwrap();
    let (own, others): (Vec<_>, Vec<_>) = packages
        .into_iter()
        .partition(|package| package.source.is_none());
    assert_eq!(
        own.len(),
        1,
        "the only package without a source is this one"
    );
    assert!(others.len() > 50, "cargo metadata lists the whole tree");
    others
}

fn host(cargo: &str) -> String {
    let output = Command::new(cargo).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo -vV names its host")
        .to_owned()
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    let answer = alternatives(&mut rest, allowed)?;
    match rest {
        [] => Ok(answer),
        [token, ..] => Err(format!("`{token}` is one too many")),
    }
}

fn alternatives(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut answer = requirements(rest, allowed)?;
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        answer |= requirements(rest, allowed)?;
    }
    Ok(answer)
}

fn requirements(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut answer = licence(rest, allowed)?;
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        answer &= licence(rest, allowed)?;
    }
    Ok(answer)
}

fn licence(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let answer = alternatives(rest, allowed)?;
            match *rest {
                [")", tail @ ..] => {
                    *rest = tail;
                    Ok(answer)
                }
                _ => Err("a parenthesis is not closed".to_owned()),
            }
        }
        ["AND" | "OR" | "WITH" | ")", ..] | [] => Err("a licence is missing".to_owned()),
        [name, "WITH", exception, tail @ ..] => {
            *rest = tail;
            Ok(allowed.contains(&format!("{name} WITH {exception}")))
        }
        [name, tail @ ..] => {
            *rest = tail;
            Ok(allowed.contains(*name))
        }
    }
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let allowed = deny().licenses.allow;
    let mut offences = Vec::new();
    let mut needed = BTreeSet::new();
    for package in packages() {
        let Package {
            name,
            version,
            license,
            ..
        } = package;
        let expression = license.unwrap_or_default();
        match satisfied(&expression, &allowed) {
            Ok(true) => {}
            Ok(false) => offences.push(format!("{name} {version}: {expression}")),
            Err(problem) => offences.push(format!("{name} {version}: `{expression}`: {problem}")),
        }
        for one in &allowed {
            let without: BTreeSet<String> = allowed
                .iter()
                .filter(|other| *other != one)
                .cloned()
                .collect();
            if satisfied(&expression, &without) == Ok(false) {
                needed.insert(one.clone());
            }
        }
    }
    assert!(
        offences.is_empty(),
        "licences that deny.toml does not allow:\n{}",
        offences.join("\n")
    );
    assert_eq!(
        needed, allowed,
        "deny.toml allows licences that nothing needs"
    );
}

#[test]
fn every_dependency_comes_from_an_allowed_source_and_none_is_banned() {
    let Deny { sources, bans, .. } = deny();
    assert_eq!(sources.unknown_registry, "deny");
    assert_eq!(sources.unknown_git, "deny");
    let mut offences = Vec::new();
    for package in packages() {
        let source = package.source.unwrap();
        let allowed = if let Some(registry) = source.strip_prefix("registry+") {
            sources.allow_registry.contains(registry)
        } else if let Some(repository) = source.strip_prefix("git+") {
            let address = repository.split(['?', '#']).next().unwrap();
            sources.allow_git.contains(address)
        } else {
            false
        };
        if !allowed {
            offences.push(format!(
                "{} {} from {source}",
                package.name, package.version
            ));
        }
        if bans.deny.iter().any(|ban| ban.name == package.name) {
            offences.push(format!("{} {} is banned", package.name, package.version));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[track_caller]
fn check(expression: &str, expected: Result<bool, &str>) {
    let allowed = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    let answer = satisfied(expression, &BTreeSet::from(allowed));
    assert_eq!(answer, expected.map_err(str::to_owned), "{expression}");
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    check("MIT", Ok(true));
    check("GPL-3.0", Ok(false));
    check("GPL-3.0 OR MIT", Ok(true));
    check("GPL-3.0/MIT", Ok(true));
    check("GPL-3.0 AND MIT", Ok(false));
    check("MIT AND Zlib", Ok(true));
    check("GPL-3.0 OR MIT AND GPL-2.0", Ok(false));
    check("(GPL-3.0 OR MIT) AND Zlib", Ok(true));
    check("Apache-2.0 WITH LLVM-exception", Ok(true));
    check("Apache-2.0", Ok(false));
    check("", Err("a licence is missing"));
    check("MIT OR", Err("a licence is missing"));
    check("(MIT", Err("a parenthesis is not closed"));
    check("MIT Zlib", Err("`Zlib` is one too many"));
}
