//! Files that hold secrets by their nature, judged by name alone.

/// Whether a file of this name is a secret as a whole, so that it should be listed but never shown.
///
/// `path` is relative to a repository root, in bytes, with forward slashes. The case of ASCII letters does not
/// matter. Files that *may* hold a secret among ordinary settings (`.npmrc`, `settings.xml`) are not meant here: what
/// they hold is found by [`scan`](super::scan).
#[must_use]
pub fn is_secret_name(path: impl AsRef<[u8]>) -> bool {
    let lower = path.as_ref().to_ascii_lowercase();
    let mut parts = lower.rsplit(|byte| *byte == b'/');
    let name = parts.next().unwrap_or_default();
    let folder = parts.next().unwrap_or_default();
    is_environment(name)
        || is_key(name)
        || NAMES.contains(&name)
        || IN_FOLDER.contains(&(folder, name))
        || is_credentials(name)
}

/// `.env`, `.env.local`, `prod.env`; but not the example that a project shares on purpose.
fn is_environment(name: &[u8]) -> bool {
    let variant = if name == b".env" || name == b".envrc" {
        return true;
    } else if let Some(variant) = name.strip_prefix(b".env.") {
        variant
    } else if let Some(variant) = name.strip_suffix(b".env") {
        variant
    } else {
        return false;
    };
    !variant
        .split(|byte| matches!(byte, b'.' | b'-' | b'_'))
        .any(|word| SHARED.contains(&word))
}

const SHARED: [&[u8]; 10] = [
    b"example",
    b"examples",
    b"sample",
    b"template",
    b"tmpl",
    b"dist",
    b"defaults",
    b"default",
    b"schema",
    b"d",
];

/// Key files and key stores; a public key is none.
fn is_key(name: &[u8]) -> bool {
    let ssh = [
        &b"id_rsa"[..],
        b"id_dsa",
        b"id_ecdsa",
        b"id_ed25519",
        b"id_ecdsa_sk",
        b"id_ed25519_sk",
    ];
    if ssh.contains(&name) {
        return true;
    }
    let Some(dot) = name.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    let (stem, extension) = (&name[..dot], &name[dot + 1..]);
    match extension {
        b"pem" => {
            let public = [
                &b"cert"[..],
                b"chain",
                b"ca",
                b"public",
                b"pub",
                b"fullchain",
                b"crt",
            ];
            !stem
                .split(|byte| matches!(byte, b'.' | b'-' | b'_'))
                .any(|word| public.contains(&word) || word.starts_with(b"cacert"))
        }
        b"key" | b"p12" | b"pfx" | b"jks" | b"keystore" | b"ppk" | b"p8" | b"kdbx" | b"gpg-key"
        | b"pkcs12" | b"tfstate" | b"ovpn" | b"agekey" => true,
        _ => false,
    }
}

const NAMES: [&[u8]; 20] = [
    b".netrc",
    b"_netrc",
    b".pgpass",
    b".my.cnf",
    b".htpasswd",
    b".git-credentials",
    b".pypirc",
    b".dockercfg",
    b"kubeconfig",
    b"master.key",
    b"secring.gpg",
    b".s3cfg",
    b".boto",
    b".vault-token",
    b".terraformrc",
    b"terraform.rc",
    b"secrets.yml",
    b"secrets.yaml",
    b"secrets.json",
    b"secrets.toml",
];

const IN_FOLDER: [(&[u8], &[u8]); 6] = [
    (b".aws", b"credentials"),
    (b".docker", b"config.json"),
    (b".kube", b"config"),
    (b".cargo", b"credentials.toml"),
    (b".cargo", b"credentials"),
    (b".ssh", b"identity"),
];

/// What cloud consoles hand out: `credentials.json`, `service-account.json`, `client_secret_….json`, `…-kubeconfig.yaml`.
fn is_credentials(name: &[u8]) -> bool {
    const STEMS: [&[u8]; 6] = [
        b"credentials",
        b"service-account",
        b"service_account",
        b"serviceaccount",
        b"accesskeys",
        b"application_default_credentials",
    ];
    let data = [&b".json"[..], b".yml", b".yaml", b".csv", b".ini"];
    let Some(stem) = data
        .iter()
        .find_map(|extension| name.strip_suffix(*extension))
    else {
        return name == b"credentials";
    };
    STEMS.contains(&stem)
        || stem.starts_with(b"client_secret")
        || stem.starts_with(b"service-account-")
        || stem.starts_with(b"service_account_")
        || stem.ends_with(b"kubeconfig")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names_are_known() {
        for path in [
            ".env",
            "app/.env.production",
            "deploy/prod.env",
            ".ENV",
            "home/.ssh/id_rsa",
            "id_ed25519",
            "tls/server.key",
            "server.pem",
            "release.jks",
            "cert.p12",
            "a.pfx",
            ".netrc",
            ".aws/credentials",
            "config/master.key",
            "kubeconfig",
            "eu-kubeconfig.yaml",
            ".kube/config",
            "credentials.json",
            "client_secret_1234.apps.json",
            "terraform.tfstate",
            ".git-credentials",
        ] {
            assert!(is_secret_name(path), "`{path}`");
        }
    }

    #[test]
    fn ordinary_names_are_not() {
        for path in [
            ".env.example",
            ".env.sample",
            ".env.local.template",
            "sample.env",
            "src/env.rs",
            "environment.ts",
            "id_rsa.pub",
            "ca-cert.pem",
            "fullchain.pem",
            "src/key.rs",
            "keys.md",
            ".npmrc",
            "config",
            "docs/credentials.md",
            "src/credentials.rs",
            ".env.d",
            "",
        ] {
            assert!(!is_secret_name(path), "`{path}`");
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_is_judged_too() {
        assert!(is_secret_name(b"caf\xe9/.env"));
        assert!(!is_secret_name(b"\xff\xfe"));
    }
}
