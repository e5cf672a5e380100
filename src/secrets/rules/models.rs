//! Model providers.

use super::{RuleText, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "anthropic-api-key",
        "Anthropic API or admin key",
        &["sk-ant-"],
        regex(r"\b(sk-ant-(?:api|admin|oat|sid)[0-9]{2}-[\w-]{60,160})"),
    )
    .entropy(3.5),
    rule(
        "openai-api-key",
        "OpenAI API key",
        &["t3blbkfj", "sk-proj-", "sk-svcacct-", "sk-admin-"],
        regex(r"\b(sk-(?:[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|(?:proj|svcacct|admin|None)-[\w-]{40,200}))"),
    )
    .entropy(3.5),
    rule(
        "openrouter-api-key",
        "OpenRouter API key",
        &["sk-or-v1-"],
        regex(r"\b(sk-or-v1-[0-9a-f]{64})\b"),
    )
    .entropy(3.0),
    rule(
        "huggingface-token",
        "Hugging Face access token",
        &["hf_", "api_org_"],
        regex(r"\b(hf_[A-Za-z0-9]{34}|api_org_[A-Za-z0-9]{34})\b"),
    )
    .entropy(3.5),
    rule(
        "replicate-token",
        "Replicate API token",
        &["r8_"],
        regex(r"\b(r8_[A-Za-z0-9]{37})\b"),
    )
    .entropy(3.5),
    rule(
        "groq-api-key",
        "Groq API key",
        &["gsk_"],
        regex(r"\b(gsk_[A-Za-z0-9]{52})\b"),
    )
    .entropy(3.5),
    rule(
        "xai-api-key",
        "xAI API key",
        &["xai-"],
        regex(r"\b(xai-[A-Za-z0-9]{70,90})\b"),
    )
    .entropy(3.5),
    rule(
        "perplexity-api-key",
        "Perplexity API key",
        &["pplx-"],
        regex(r"\b(pplx-[A-Za-z0-9]{48})\b"),
    )
    .entropy(3.5),
    rule(
        "langsmith-api-key",
        "LangSmith API key",
        &["lsv2_"],
        regex(r"\b(lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10})\b"),
    )
    .entropy(3.0),
];
