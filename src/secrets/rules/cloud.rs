//! Cloud providers.

use super::{RuleText, assigned, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "aws-access-key-id",
        "AWS access key id",
        &["akia", "asia", "abia", "acca"],
        regex(r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b"),
    )
    .entropy(2.8),
    rule(
        "aws-secret-access-key",
        "AWS secret access key",
        &["aws"],
        assigned(r"aws[\w.-]{0,20}(?:secret|sk)[\w.-]{0,20}", "[A-Za-z0-9/+]{40}"),
    )
    .entropy(4.0),
    rule(
        "aws-session-token",
        "AWS session token",
        &["session_token", "sessiontoken", "security_token"],
        assigned(r"aws[\w.-]{0,10}(?:session|security)[_-]?token", "[A-Za-z0-9/+]{100,1500}={0,2}"),
    )
    .entropy(4.0),
    rule(
        "aws-bedrock-api-key",
        "Amazon Bedrock API key",
        &["absk"],
        regex(r"\b(ABSK[A-Za-z0-9+/]{109,269}={0,2})"),
    )
    .entropy(3.5),
    rule(
        "gcp-api-key",
        "Google API key",
        &["aiza"],
        regex(r"\b(AIza[\w-]{35})(?:[^\w-]|$)"),
    )
    .entropy(3.5),
    rule(
        "google-oauth-client-secret",
        "Google OAuth client secret",
        &["gocspx-"],
        regex(r"\b(GOCSPX-[\w-]{28})(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "google-oauth-access-token",
        "Google OAuth access token",
        &["ya29."],
        regex(r"\b(ya29\.[\w-]{30,400})"),
    )
    .entropy(3.5),
    rule(
        "azure-storage-key",
        "Azure storage account key",
        &["accountkey"],
        regex(r"(?i:AccountKey)\s{0,4}=\s{0,4}([A-Za-z0-9+/]{86}==)"),
    )
    .entropy(4.0),
    rule(
        "azure-client-secret",
        "Azure application (client) secret",
        &["q~"],
        regex(r#"(?:^|[\s"'`=:>(,])([\w~.]{3}[0-9]Q~[\w~.-]{31,34})(?:$|[\s"'`<),;\\])"#),
    )
    .entropy(3.5),
    rule(
        "azure-sas-signature",
        "Azure shared access signature",
        &["sig="],
        regex(r#"[?&;](?:sv|se|sp|sr|st|ss)=[^\s"'<>]{1,300}&sig=([A-Za-z0-9%+/]{40,80}(?:%3D|=)?)"#),
    )
    .entropy(3.5),
    rule(
        "azure-connection-key",
        "Azure Service Bus, Event Hub or IoT shared access key",
        &["sharedaccesskey"],
        regex(r"(?i:SharedAccessKey)\s{0,4}=\s{0,4}([A-Za-z0-9+/]{43}=)"),
    )
    .entropy(3.5),
    rule(
        "digitalocean-token",
        "DigitalOcean access, OAuth or refresh token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        regex(r"\b(do[opr]_v1_[0-9a-f]{64})\b"),
    )
    .entropy(3.0),
    rule(
        "alibaba-access-key",
        "Alibaba Cloud access key id",
        &["ltai"],
        regex(r"\b(LTAI[A-Za-z0-9]{17,21})\b"),
    )
    .entropy(3.5),
    rule(
        "cloudflare-api-token",
        "Cloudflare API token or key",
        &["cloudflare", "cf_api"],
        assigned(r"(?:cloudflare|cf_api)[\w.-]{0,20}", "(?:[A-Za-z0-9_-]{40}|[0-9a-f]{37})"),
    )
    .entropy(3.4),
    rule(
        "cloudflare-origin-ca-key",
        "Cloudflare origin CA key",
        &["v1.0-"],
        regex(r"\b(v1\.0-[0-9a-f]{24}-[0-9a-f]{146})\b"),
    )
    .entropy(3.0),
    rule(
        "heroku-api-key",
        "Heroku API key",
        &["hrku-aa", "heroku"],
        regex(r#"(?:\b(HRKU-AA[\w-]{58})\b|(?i:heroku)[\w.-]{0,20}["']?\s{0,4}[:=]\s{0,4}["']?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}))"#),
    )
    .entropy(3.0),
    rule(
        "netlify-token",
        "Netlify personal access token",
        &["nfp_"],
        regex(r"\b(nfp_[A-Za-z0-9]{36,46})\b"),
    )
    .entropy(3.0),
    rule(
        "vercel-token",
        "Vercel access token",
        &["vercel"],
        assigned(r"vercel[\w.-]{0,10}token", "[A-Za-z0-9]{24}"),
    )
    .entropy(3.5),
    rule(
        "flyio-token",
        "Fly.io access token",
        &["fo1_", "fm1r_", "fm1a_", "fm2_"],
        regex(r"\b(fo1_[\w-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,600}={0,3}|fm2_[A-Za-z0-9+/]{100,600}={0,3})"),
    )
    .entropy(3.5),
];
