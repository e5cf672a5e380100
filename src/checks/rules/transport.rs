//! Trust in what comes over the network.

use std::sync::LazyLock;

use super::super::examine::Note;
use super::super::language::Language::{
    CSharp, Docker, Go, Java, JavaScript, Kotlin, Make, Php, Python, Ruby, Rust, Shell, Toml, Yaml,
};
use super::pattern::{On, Patterns, case};
use super::{Check, Rule};
use crate::review::Severity;

/// `tls-verification-off`
pub(super) static TLS_VERIFICATION_OFF: Rule = Rule {
    id: "tls-verification-off",
    severity: Severity::High,
    confidence: 0.85,
    title: "Certificate verification is switched off",
    why: "Without it, anybody on the path can pose as the server and read or change what is sent, credentials \
          included. Such a line written for a test machine tends to reach production.",
    advice: "Leave verification on. For a private authority, add its certificate to the trusted ones instead.",
    check: Check::Patterns(&TLS),
};

static TLS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("Certificate verification is switched off: `{what}`"),
        vec![
            case(&[Python], On::Bare, r"\bverify\s*=\s*False\b", "verify=False"),
            case(&[Python], On::Bare, r"\b_create_unverified_context\b", "_create_unverified_context"),
            case(&[Python], On::Bare, r"\bCERT_NONE\b", "CERT_NONE")
                .unless(r"[!=]=\s*(?:\w+\.)*CERT_NONE|^\s*def\s|^\s*CERT_NONE\s*="),
            case(&[Python], On::Bare, r"\bcheck_hostname\s*=\s*False\b", "check_hostname = False"),
            case(&[JavaScript], On::Code, r#"\brejectUnauthorized["']?\s*:\s*false\b"#, "rejectUnauthorized: false")
                .unless(r"\?[^:?]*\brejectUnauthorized\s*:"),
            case(&[Go], On::Bare, r"\bInsecureSkipVerify\s*[:=]+\s*true\b", "InsecureSkipVerify"),
            case(
                &[Rust],
                On::Bare,
                r"\bdanger_accept_invalid_(?:certs|hostnames)\s*\(\s*true\s*\)",
                "danger_accept_invalid_certs",
            ),
            case(&[Rust], On::Bare, r"\bSslVerifyMode::NONE\b", "SslVerifyMode::NONE"),
            case(&[Ruby], On::Bare, r"\bVERIFY_NONE\b", "VERIFY_NONE"),
            case(
                &[Php],
                On::Code,
                r"\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\s*(?:,|=>)\s*(?:false|0)\b",
                "CURLOPT_SSL_VERIFYPEER",
            ),
            case(&[Php], On::Code, r#"["']verify_peer(?:_name)?["']\s*=>\s*false"#, "verify_peer"),
            case(
                &[Java, Kotlin],
                On::Bare,
                r"\b(?:NoopHostnameVerifier|TrustAllStrategy|ALLOW_ALL_HOSTNAME_VERIFIER|InsecureTrustManagerFactory)\b",
                "a verifier that accepts everything",
            )
            .unless(r"^\s*import\b"),
            case(
                &[CSharp],
                On::Bare,
                r"\bServer(?:Certificate(?:Custom)?ValidationCallback)\b.*=>\s*true\b|\bDangerousAcceptAnyServerCertificateValidator\b",
                "a callback that accepts everything",
            ),
            case(
                &[],
                On::Code,
                r#"\bNODE_TLS_REJECT_UNAUTHORIZED\b["'\]]*\s*[:=]\s*["']?0"#,
                "NODE_TLS_REJECT_UNAUTHORIZED=0",
            ),
            case(
                &[Shell, Docker, Make, Yaml],
                On::Code,
                r"\bcurl\s(?:[^|;&]*\s)?(?:-[a-zA-Z]*k[a-zA-Z]*|--insecure)(?:\s|$)",
                "curl --insecure",
            ),
            case(&[Shell, Docker, Make, Yaml], On::Code, r"\bwget\b.*\s--no-check-certificate\b", "wget --no-check-certificate"),
            case(
                &[Shell, Docker, Make, Yaml, Toml],
                On::Code,
                r"(?i)\bhttp\.sslVerify[\s=]+false\b|\bGIT_SSL_NO_VERIFY\s*[:=]|^\s*sslVerify\s*=\s*false\b|\bstrict-ssl[\s=]+false\b",
                "TLS verification of git or npm",
            ),
        ],
    )
    .adjusted(|view, _, note| {
        Some(Note {
            severity: view.is_test.then_some(Severity::Low),
            ..note
        })
    })
});

/// `curl-pipe-shell`
pub(super) static CURL_PIPE_SHELL: Rule = Rule {
    id: "curl-pipe-shell",
    severity: Severity::Medium,
    confidence: 0.85,
    title: "A download is run unseen",
    why: "Whatever the server sends is executed at once, today and at every later run. A changed or cut-off script runs \
          with the rights of whoever called this.",
    advice: "Download a pinned version to a file, verify its checksum, then run it.",
    check: Check::Patterns(&PIPE),
};

static PIPE: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |_| "A download is piped into an interpreter".to_owned(),
        vec![
            case(
                &[Shell, Docker, Make, Yaml],
                On::Code,
                r"\b(?:curl|wget)\b[^|;]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+(?:\S+=\S*\s+)*)?(?:(?:/usr)?/bin/)?(?:ba|z|da|k)?sh\b|\b(?:curl|wget)\b[^|;]*\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:python3?|node|perl|ruby)(?:\s+-)?\s*(?:$|[;&|])",
                "",
            ),
            case(
                &[Shell, Docker, Make, Yaml],
                On::Code,
                r#"\b(?:ba|z|da|k)?sh\s+(?:-\w+\s+)*["']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b|\b(?:source|eval|\.)\s+["']?(?:<\(|\$\()\s*(?:curl|wget)\b"#,
                "",
            ),
            case(
                &[Shell, Docker, Yaml],
                On::Code,
                r"(?i)\b(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\b[^|]*\|\s*(?:iex|Invoke-Expression)\b",
                "",
            ),
        ],
    )
});
