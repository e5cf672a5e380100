//! Which language a file is written in, by its name.

/// A family of languages that rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// C and C++.
    C,
    /// C#.
    CSharp,
    /// Style sheets.
    Css,
    /// Dockerfiles.
    Docker,
    /// Elixir.
    Elixir,
    /// Go.
    Go,
    /// HTML and XML.
    Html,
    /// Java, Groovy and Scala.
    Java,
    /// JavaScript and TypeScript, with their component files.
    JavaScript,
    /// JSON.
    Json,
    /// Kotlin.
    Kotlin,
    /// Makefiles.
    Make,
    /// PHP.
    Php,
    /// Prose: Markdown, reStructuredText, plain text, translations.
    Prose,
    /// Python.
    Python,
    /// Ruby.
    Ruby,
    /// Rust.
    Rust,
    /// Shell scripts.
    Shell,
    /// SQL.
    Sql,
    /// Swift.
    Swift,
    /// TOML, INI and property files.
    Toml,
    /// YAML.
    Yaml,
    /// Anything else.
    Other,
}

impl Language {
    /// The language of a path, in shown form. A name without a known ending is judged by `first_line` when it is a
    /// `#!` line.
    #[must_use]
    pub fn of(path: &str, first_line: Option<&str>) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        by_name(&name)
            .or_else(|| {
                let (_, extension) = name.rsplit_once('.')?;
                by_extension(extension)
            })
            .or_else(|| by_interpreter(first_line?))
            .unwrap_or(Language::Other)
    }
}

fn by_name(name: &str) -> Option<Language> {
    Some(match name {
        "dockerfile" | "containerfile" => Language::Docker,
        "makefile" | "gnumakefile" => Language::Make,
        "gemfile" | "rakefile" | "vagrantfile" | "podfile" | "fastfile" => Language::Ruby,
        "jenkinsfile" => Language::Java,
        ".bashrc" | ".zshrc" | ".profile" | ".envrc" | "pre-commit" | "pre-push" | "commit-msg" => {
            Language::Shell
        }
        ".npmrc" | ".gitconfig" | ".editorconfig" => Language::Toml,
        _ if name.starts_with("dockerfile.") => Language::Docker,
        _ if name == ".env" || name.starts_with(".env.") => Language::Shell,
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Option<Language> {
    Some(match extension {
        "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "m" | "mm" => Language::C,
        "cs" => Language::CSharp,
        "css" | "scss" | "less" => Language::Css,
        "dockerfile" => Language::Docker,
        "ex" | "exs" => Language::Elixir,
        "go" => Language::Go,
        "html" | "htm" | "xml" | "xhtml" | "svg" => Language::Html,
        "java" | "groovy" | "gradle" | "scala" => Language::Java,
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" | "vue" | "svelte"
        | "astro" => Language::JavaScript,
        "json" | "jsonc" | "json5" => Language::Json,
        "kt" | "kts" => Language::Kotlin,
        "mk" => Language::Make,
        "php" | "phtml" => Language::Php,
        "md" | "markdown" | "rst" | "txt" | "adoc" | "po" | "pot" | "tex" => Language::Prose,
        "py" | "pyi" | "pyw" => Language::Python,
        "rb" | "rake" | "gemspec" | "ru" => Language::Ruby,
        "rs" => Language::Rust,
        "sh" | "bash" | "zsh" | "ksh" | "fish" | "env" | "ps1" => Language::Shell,
        "sql" => Language::Sql,
        "swift" => Language::Swift,
        "toml" | "ini" | "cfg" | "conf" | "properties" => Language::Toml,
        "yml" | "yaml" => Language::Yaml,
        _ => return None,
    })
}

fn by_interpreter(line: &str) -> Option<Language> {
    let command = line.strip_prefix("#!")?;
    let names = [
        ("python", Language::Python),
        ("node", Language::JavaScript),
        ("deno", Language::JavaScript),
        ("ruby", Language::Ruby),
        ("php", Language::Php),
        ("sh", Language::Shell),
    ];
    names
        .into_iter()
        .find_map(|(name, language)| command.contains(name).then_some(language))
}

/// Whether a path, in shown form, is a test by the customs of its language.
#[must_use]
pub fn is_test_path(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let folder = |part: &str| {
        matches!(
            part,
            "test" | "tests" | "spec" | "specs" | "__tests__" | "testing" | "e2e" | "testdata"
        )
    };
    parts.any(folder)
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || stem.ends_with("tests")
        || name.contains(".test.")
        || name.contains(".spec.")
        || path
            .rsplit('/')
            .next()
            .and_then(|name| name.split('.').next())
            .is_some_and(|stem| stem.ends_with("Test") || stem.ends_with("Spec"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_name_ending_and_interpreter() {
        for (path, first, expected) in [
            ("src/main.rs", None, Language::Rust),
            ("web/App.TSX", None, Language::JavaScript),
            ("Dockerfile.dev", None, Language::Docker),
            (".github/workflows/ci.yml", None, Language::Yaml),
            ("bin/run", Some("#!/usr/bin/env python3"), Language::Python),
            ("bin/run", Some("#!/bin/bash -e"), Language::Shell),
            ("bin/run", Some("hello"), Language::Other),
            ("archive.tar.zst", None, Language::Other),
        ] {
            assert_eq!(Language::of(path, first), expected, "{path}");
        }
    }

    #[test]
    fn tests_are_told_from_code() {
        for path in [
            "tests/it/a.rs",
            "a/b_test.go",
            "x.spec.ts",
            "src/FooTest.java",
            "test_x.py",
        ] {
            assert!(is_test_path(path), "{path}");
        }
        for path in [
            "src/contest.rs",
            "latest/x.py",
            "src/attestation.go",
            "spectrum.js",
        ] {
            assert!(!is_test_path(path), "{path}");
        }
    }
}
