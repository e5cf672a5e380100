//! Cryptography that is none.

use std::sync::LazyLock;

use regex::Regex;

use super::super::language::Language::{
    CSharp, Go, Java, JavaScript, Kotlin, Php, Python, Ruby, Rust,
};
use super::super::view::AddedLine;
use super::pattern::{On, Patterns, case, compile};
use super::{Check, Rule};
use crate::review::Severity;

/// `weak-hash`
pub(super) static WEAK_HASH: Rule = Rule {
    id: "weak-hash",
    severity: Severity::Low,
    confidence: 0.6,
    title: "A broken hash protects a secret",
    why: "Collisions of MD5 and SHA-1 can be made at will, and both are so fast that a stolen table of passwords falls \
          in hours. They are fine as checksums, not where somebody may cheat.",
    advice: "Use a password hash (argon2, scrypt, bcrypt) for passwords, and SHA-256 or an HMAC for the rest.",
    check: Check::Patterns(&HASHES),
};

/// `weak-random`
pub(super) static WEAK_RANDOM: Rule = Rule {
    id: "weak-random",
    severity: Severity::Medium,
    confidence: 0.6,
    title: "A secret is made with a predictable random generator",
    why: "The generator is made for games and samples: from a few outputs all others can be computed. A token made \
          with it can be guessed.",
    advice: "Use the system's cryptographic generator (`secrets`, `crypto.randomUUID`, `SecureRandom`, `crypto/rand`).",
    check: Check::Patterns(&RANDOM),
};

/// The line speaks of something that must not be guessed or forged.
fn is_sensitive(line: &AddedLine) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)passw|secret|token|session_?id|signature|nonce|\bsalt|_salt|\botp\b|_otp|csrf|api_?key|credential|reset_?code",
        )
    });
    WORDS.is_match(&line.code)
}

static HASHES: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("A broken hash protects a secret: `{what}`"),
        vec![
            case(
                &[Python],
                On::Code,
                r#"\bhashlib\.(?:md5|sha1)\s*\(|\bhashlib\.new\s*\(\s*["'](?:md5|sha1)"#,
                "hashlib.md5",
            )
            .unless(r"usedforsecurity\s*=\s*False"),
            case(
                &[JavaScript],
                On::Code,
                r#"\bcreateHash\s*\(\s*["'`](?:md5|sha1)"#,
                "createHash",
            ),
            case(
                &[Java, Kotlin],
                On::Code,
                r#"\bMessageDigest\.getInstance\s*\(\s*"(?:MD5|SHA-?1)""#,
                "MessageDigest",
            ),
            case(&[Go], On::Bare, r"\b(?:md5|sha1)\.(?:Sum|New)\b", "md5"),
            case(&[Php], On::Bare, r"(?:^|[^>:\w$])(?:md5|sha1)\s*\(", "md5"),
            case(
                &[Ruby],
                On::Bare,
                r"\bDigest::(?:MD5|SHA1)\b",
                "Digest::MD5",
            ),
            case(
                &[CSharp],
                On::Bare,
                r"\b(?:MD5|SHA1)\.(?:Create|HashData)\s*\(",
                "MD5",
            ),
            case(
                &[Rust],
                On::Bare,
                r"\b(?:md5::compute|Md5::(?:new|digest)|Sha1::(?:new|digest))\b",
                "md5",
            ),
        ],
    )
    .adjusted(|view, line, note| (!view.is_test && is_sensitive(line)).then_some(note))
});

static RANDOM: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(
        |what| format!("A secret is made with a predictable random generator: `{what}`"),
        vec![
            case(&[JavaScript], On::Code, r"\bMath\.random\s*\(", "Math.random"),
            case(&[Python], On::Bare, r"(?:^|[^.\w])random\.(?:random|randint|choices?|randrange|sample|getrandbits|randbytes)\s*\(", "random"),
            case(&[Java, Kotlin], On::Bare, r"\bnew\s+(?:java\.util\.)?Random\s*\(|\bThreadLocalRandom\b|\bMath\.random\s*\(|(?:^|[^.\w])Random\.next", "Random"),
            case(&[Go], On::Bare, r"\brand\.(?:Intn?|Int31n?|Int63n?|Uint32|Float64|Read)\s*\(", "math/rand"),
            case(&[Php], On::Bare, r"(?:^|[^>:\w$])(?:mt_rand|rand|uniqid|lcg_value)\s*\(", "mt_rand"),
            case(&[Ruby], On::Bare, r"(?:^|[^.\w:])rand\s*[( ]|\bRandom\.rand\b", "rand"),
            case(&[CSharp], On::Bare, r"\bnew\s+Random\s*\(|\bRandom\.Shared\b", "Random"),
        ],
    )
    .adjusted(|view, line, note| {
        // In Go both generators are called `rand`; the import says which.
        let crypto = view.content.as_deref().is_some_and(|content| content.contains("\"crypto/rand\""));
        (!view.is_test && is_sensitive(line) && !crypto).then_some(note)
    })
});
