//! Collaboration tools.

use super::{RuleText, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "linear-api-key",
        "Linear API key",
        &["lin_api_", "lin_oauth_"],
        regex(r"\b(lin_api_[A-Za-z0-9]{40}|lin_oauth_[0-9a-f]{64})\b"),
    )
    .entropy(3.0),
    rule(
        "notion-token",
        "Notion integration token",
        &["ntn_"],
        regex(r"\b(ntn_[0-9]{8,14}[A-Za-z0-9]{32,38})\b"),
    )
    .entropy(3.0),
    rule(
        "figma-token",
        "Figma personal access token",
        &["figd_", "figo_"],
        regex(r"\b(fig[do]_[\w-]{40})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "airtable-token",
        "Airtable personal access token",
        &["pat"],
        regex(r"\b(pat[A-Za-z0-9]{14}\.[0-9a-f]{64})\b"),
    )
    .entropy(3.5),
    rule(
        "postman-api-key",
        "Postman API key",
        &["pmak-"],
        regex(r"\b(PMAK-[0-9a-f]{24}-[0-9a-f]{34})\b"),
    )
    .entropy(3.0),
    rule(
        "mapbox-secret-token",
        "Mapbox secret token",
        &["sk.eyj"],
        regex(r"\b(sk\.eyJ[\w-]{30,200}\.[\w-]{20,40})"),
    )
    .entropy(3.5),
    rule(
        "dropbox-token",
        "Dropbox access token",
        &["sl."],
        regex(r"\b(sl\.(?:u\.)?[\w-]{120,1500})"),
    )
    .entropy(3.8),
    rule(
        "facebook-access-token",
        "Facebook or Instagram access token",
        &["eaa"],
        regex(r"\b(EAA[MC][A-Za-z0-9]{80,300})\b"),
    )
    .entropy(3.8),
    rule(
        "twitter-bearer-token",
        "X (Twitter) bearer token",
        &["aaaaaaaaaaaaaaaaaaaa"],
        regex(r"\bA{20,22}([A-Za-z0-9%]{70,110})\b"),
    )
    .entropy(3.5),
];
