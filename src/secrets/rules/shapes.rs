//! Shapes that many systems share.

use super::{RuleText, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "age-secret-key",
        "age identity (secret key)",
        &["age-secret-key-1"],
        regex(r"\b(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})\b"),
    )
    .entropy(3.5),
    rule(
        "onepassword-token",
        "1Password service account token",
        &["ops_eyj"],
        regex(r"\b(ops_eyJ[A-Za-z0-9+/_-]{100,1500}={0,3})"),
    )
    .entropy(3.5),
    rule(
        "jwt",
        "JSON Web Token",
        &["eyj"],
        regex(r"\b(eyJ[\w-]{10,1000}\.eyJ[\w-]{10,3000}\.[\w-]{16,700})"),
    )
    .entropy(3.5),
    rule(
        "url-credentials",
        "password inside a URL",
        &["://"],
        regex(r#"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@"'`<>{}$|\\]{0,80}:([^\s/@"'`<>{}$|\\]{3,200})@[A-Za-z0-9\[_-]"#),
    )
    .entropy(2.0)
    .allow(&["(?i)^(?:pass(?:word)?|pw|pwd|secret|token|postgres|root|admin|guest|user(?:name)?|mysql|redis|test|1234|12345|123456|api_?key|foo|bar|baz|port)$"]),
    rule(
        "basic-auth-header",
        "credentials in a Basic authorization header",
        &["basic"],
        regex(r#"(?i:authorization)["']?\s{0,4}[:=,]\s{0,4}["'`]?\s{0,2}(?i:basic)\s{1,4}([A-Za-z0-9+/]{12,300}={0,2})"#),
    )
    .entropy(3.0),
    rule(
        "bearer-header",
        "token in a Bearer authorization header",
        &["bearer"],
        regex(r#"(?i:authorization)["']?\s{0,4}[:=,]\s{0,4}["'`]?\s{0,2}(?i:bearer|token)\s{1,4}([A-Za-z0-9_.~+/-]{20,2000}={0,2})"#),
    )
    .entropy(3.5)
    .generic(),
    rule(
        "curl-user-password",
        "user name and password on a curl command line",
        &["curl"],
        regex(r#"\bcurl\b[^\n]{0,300}?\s(?:-u|--user)[ =]["']?[^\s:"'$]{1,80}:([^\s"'$<{]{6,200})"#),
    )
    .entropy(2.5),
    rule(
        "generic-secret",
        "random-looking value assigned to a key, token or secret",
        &["key", "token", "secret", "credential"],
        regex(r#"(?i:api[_.-]?key|access[_.-]?key|auth[_.-]?key|private[_.-]?key|encryption[_.-]?key|signing[_.-]?key|master[_.-]?key|secret|token|credential)[\w.-]{0,30}["'\]]{0,2}\s{0,8}(?:=>|:=|=|:)\s{0,8}["'`]([^\s"'`]{12,300})["'`]"#),
    )
    .entropy(3.3)
    .generic(),
    rule(
        "generic-password",
        "random-looking password",
        &["passw", "passphrase", "pwd"],
        regex(r#"(?i:passw(?:or)?d|passphrase|pwd)[\w.-]{0,20}["'\]]{0,2}\s{0,8}(?:=>|:=|=|:)\s{0,8}["'`]([^\s"'`]{8,200})["'`]"#),
    )
    .entropy(2.8)
    .generic(),
    rule(
        "env-secret",
        "unquoted secret in an environment file",
        &["key", "token", "secret", "passw", "pwd", "credential"],
        regex(r#"(?:^|[\s+-])[A-Z][A-Z0-9_]{0,60}(?:SECRET|TOKEN|PASSWORD|PASSWD|PWD|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|CREDENTIALS?)[A-Z0-9_]{0,20}=([^\s"'`;&|]{10,300})(?:$|\s)"#),
    )
    .entropy(3.0)
    .generic(),
];
