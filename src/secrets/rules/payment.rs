//! Payment and commerce.

use super::{RuleText, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "stripe-secret-key",
        "Stripe secret or restricted key",
        &[
            "sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_",
        ],
        regex(r"\b([sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,120})\b"),
    )
    .entropy(3.0),
    rule(
        "stripe-webhook-secret",
        "Stripe (or Svix) webhook signing secret",
        &["whsec_"],
        regex(r"\b(whsec_[A-Za-z0-9+/]{24,64}={0,2})"),
    )
    .entropy(3.5),
    rule(
        "square-token",
        "Square access token or secret",
        &["sq0atp-", "sq0csp-"],
        regex(r"\b(sq0(?:atp-[\w-]{22}|csp-[\w-]{43}))(?:[^\w-]|$)"),
    )
    .entropy(3.0),
    rule(
        "braintree-token",
        "Braintree production access token",
        &["access_token$"],
        regex(r"(access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32})"),
    )
    .entropy(3.0),
    rule(
        "shopify-token",
        "Shopify access token or shared secret",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        regex(r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b"),
    )
    .entropy(3.0),
    rule(
        "flutterwave-key",
        "Flutterwave secret key",
        &["flwseck"],
        regex(r"\b(FLWSECK(?:_TEST)?-[0-9a-z]{32,48}-X)\b"),
    )
    .entropy(3.0),
];
