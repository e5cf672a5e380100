//! Infrastructure, data and observability.

use super::{RuleText, assigned, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "vault-token",
        "HashiCorp Vault token",
        &["hvs.", "hvb.", "hvr."],
        regex(r"\b(hv[sbr]\.[\w-]{24,300})"),
    )
    .entropy(3.5),
    rule(
        "terraform-cloud-token",
        "Terraform Cloud API token",
        &[".atlasv1."],
        regex(r"\b([A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70})"),
    )
    .entropy(3.5),
    rule(
        "pulumi-token",
        "Pulumi access token",
        &["pul-"],
        regex(r"\b(pul-[0-9a-f]{40})\b"),
    )
    .entropy(3.0),
    rule(
        "doppler-token",
        "Doppler token",
        &[
            "dp.pt.",
            "dp.st.",
            "dp.ct.",
            "dp.sa.",
            "dp.scim.",
            "dp.audit.",
        ],
        regex(r"\b(dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{2,35}\.)?[A-Za-z0-9]{40,44})\b"),
    )
    .entropy(3.5),
    rule(
        "databricks-token",
        "Databricks access token",
        &["dapi"],
        regex(r"\b(dapi[0-9a-f]{32}(?:-[0-9])?)\b"),
    )
    .entropy(3.0),
    rule(
        "grafana-token",
        "Grafana service account or cloud token",
        &["glsa_", "glc_"],
        regex(r"\b(glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{32,400}={0,3})"),
    )
    .entropy(3.0),
    rule(
        "newrelic-key",
        "New Relic user or ingest key",
        &["nrak-", "nrii-", "nraa-", "nrjs-"],
        regex(r"\b(NR(?:AK|AA)-[A-Z0-9]{27}|NRII-[\w-]{32}|NRJS-[0-9a-f]{19})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "datadog-key",
        "Datadog API or application key",
        &["datadog", "dd_api_key", "dd_app_key"],
        assigned(
            r"(?:datadog[\w.-]{0,12}key|dd_(?:api|app)_key)",
            "(?:[0-9a-f]{40}|[0-9a-f]{32})",
        ),
    )
    .entropy(3.0),
    rule(
        "sentry-token",
        "Sentry organisation or user token",
        &["sntrys_", "sntryu_"],
        regex(r"\b(sntrys_[A-Za-z0-9+/=_-]{60,400}|sntryu_[0-9a-f]{64})"),
    )
    .entropy(3.0),
    rule(
        "dynatrace-token",
        "Dynatrace API token",
        &["dt0c01.", "dt0s01."],
        regex(r"\b(dt0[cs]01\.[A-Z0-9]{24}\.[A-Z0-9]{64})\b"),
    )
    .entropy(3.5),
    rule(
        "planetscale-token",
        "PlanetScale password or token",
        &["pscale_"],
        regex(r"\b(pscale_(?:tkn|pw|oauth)_[\w=.-]{32,64})"),
    )
    .entropy(3.0),
    rule(
        "supabase-token",
        "Supabase access token or secret key",
        &["sbp_", "sb_secret_"],
        regex(r"\b(sbp_[0-9a-f]{40}|sb_secret_[\w-]{22,64})\b"),
    )
    .entropy(3.0),
    rule(
        "circleci-token",
        "CircleCI token",
        &["ccipat_", "ccipro_"],
        regex(r"\b(cci(?:pat|pro)_[A-Za-z0-9]{22}_[0-9a-f]{40})\b"),
    )
    .entropy(3.0),
    rule(
        "buildkite-token",
        "Buildkite API or agent token",
        &["bkua_", "bkat_"],
        regex(r"\b(bk(?:ua|at)_[0-9A-Za-z]{40})\b"),
    )
    .entropy(3.0),
    rule(
        "sonarqube-token",
        "SonarQube or SonarCloud token",
        &["squ_", "sqp_", "sqa_"],
        regex(r"\b(sq[upa]_[0-9a-f]{40})\b"),
    )
    .entropy(3.0),
    rule(
        "artifactory-token",
        "JFrog Artifactory API key or reference token",
        &["akcp", "cmvmdgtu"],
        regex(r"\b(AKCp[A-Za-z0-9]{60,80}|cmVmdGtu[A-Za-z0-9]{50,70})\b"),
    )
    .entropy(3.5),
    rule(
        "tailscale-key",
        "Tailscale auth or API key",
        &["tskey-"],
        regex(r"\b(tskey-[a-z]{3,12}-[A-Za-z0-9]{8,24}(?:CNTRL)?-[A-Za-z0-9]{20,40})\b"),
    )
    .entropy(3.0),
];
