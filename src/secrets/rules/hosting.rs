//! Source hosting and package registries.

use super::{RuleText, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "github-pat",
        "GitHub personal access token (classic)",
        &["ghp_"],
        regex(r"\b(ghp_[A-Za-z0-9]{36})\b"),
    )
    .entropy(3.0),
    rule(
        "github-fine-grained-pat",
        "GitHub fine-grained personal access token",
        &["github_pat_"],
        regex(r"\b(github_pat_[A-Za-z0-9_]{82})\b"),
    )
    .entropy(3.0),
    rule(
        "github-oauth-token",
        "GitHub OAuth access token",
        &["gho_"],
        regex(r"\b(gho_[A-Za-z0-9]{36})\b"),
    )
    .entropy(3.0),
    rule(
        "github-app-token",
        "GitHub app user or installation token",
        &["ghu_", "ghs_"],
        regex(r"\b(gh[us]_[A-Za-z0-9]{36})\b"),
    )
    .entropy(3.0),
    rule(
        "github-refresh-token",
        "GitHub refresh token",
        &["ghr_"],
        regex(r"\b(ghr_[A-Za-z0-9]{36,76})\b"),
    )
    .entropy(3.0),
    rule(
        "gitlab-pat",
        "GitLab personal, project or group access token",
        &["glpat-"],
        regex(r"\b(glpat-[\w-]{20,50}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?)(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "gitlab-trigger-token",
        "GitLab pipeline trigger token",
        &["glptt-"],
        regex(r"\b(glptt-[0-9a-f]{40})\b"),
    )
    .entropy(3.0),
    rule(
        "gitlab-runner-token",
        "GitLab runner token",
        &["glrt-", "gr1348941"],
        regex(r"\b(glrt-[\w-]{20,40}|GR1348941[\w-]{20})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "gitlab-deploy-token",
        "GitLab deploy or feed token",
        &["gldt-", "glft-", "glcbt-", "glsoat-", "glimt-", "glagent-"],
        regex(r"\b((?:gldt|glft|glcbt|glsoat|glimt|glagent)-[\w-]{20,64})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "bitbucket-app-password",
        "Bitbucket app password",
        &["atbb"],
        regex(r"\b(ATBB[A-Za-z0-9]{32})\b"),
    )
    .entropy(3.0),
    rule(
        "atlassian-api-token",
        "Atlassian API token",
        &["atatt3"],
        regex(r"\b(ATATT3[\w=-]{150,240})"),
    )
    .entropy(3.5),
    rule(
        "npm-token",
        "npm access token",
        &["npm_"],
        regex(r"\b(npm_[A-Za-z0-9]{36})\b"),
    )
    .entropy(3.0),
    rule(
        "npmrc-auth",
        "registry credential in an .npmrc line",
        &["_authtoken", "_auth", "_password"],
        regex(r#"(?:^|[/:\s+-])(?i:_authToken|_auth|_password)\s{0,4}=\s{0,4}["']?([A-Za-z0-9+/_.=-]{16,400})"#),
    )
    .entropy(3.0),
    rule(
        "pypi-token",
        "PyPI upload token",
        &["pypi-ageichlwas5vcmc", "pypi-agentzxn0lnb5cgkub3jn"],
        regex(r"\b(pypi-[\w-]{70,300})"),
    )
    .entropy(3.5),
    rule(
        "rubygems-token",
        "RubyGems API key",
        &["rubygems_"],
        regex(r"\b(rubygems_[0-9a-f]{48})\b"),
    )
    .entropy(3.0),
    rule(
        "crates-io-token",
        "crates.io API token",
        &["cio"],
        regex(r"\b(cio[A-Za-z0-9]{32})\b"),
    )
    .entropy(3.8),
    rule(
        "nuget-api-key",
        "NuGet API key",
        &["oy2"],
        regex(r"\b(oy2[a-z0-9]{43})\b"),
    )
    .entropy(3.5),
    rule(
        "clojars-token",
        "Clojars deploy token",
        &["clojars_"],
        regex(r"\b(CLOJARS_[a-z0-9]{60})\b"),
    )
    .entropy(3.5),
    rule(
        "dockerhub-token",
        "Docker Hub access token",
        &["dckr_pat_", "dckr_oat_"],
        regex(r"\b(dckr_[po]at_[\w-]{27,36})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "docker-config-auth",
        "registry login in a Docker config file",
        &[r#""auth""#],
        regex(r#""auth"\s{0,4}:\s{0,4}"([A-Za-z0-9+/]{20,400}={0,2})""#),
    )
    .entropy(3.5),
];
