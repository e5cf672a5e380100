//! Chat and mail.

use super::{RuleText, assigned, regex, rule};

pub(super) static RULES: &[RuleText] = &[
    rule(
        "slack-bot-token",
        "Slack bot token",
        &["xoxb-"],
        regex(r"\b(xoxb-[0-9]{8,14}-[0-9A-Za-z-]{16,80})"),
    )
    .entropy(2.5),
    rule(
        "slack-user-token",
        "Slack user, refresh or legacy token",
        &["xoxp-", "xoxe-", "xoxa-", "xoxo-", "xoxr-", "xoxs-", "xoxe."],
        regex(r"\b(xox[paeors](?:[.-][0-9A-Za-z]{1,20}){1,4}-[0-9A-Za-z-]{20,200})"),
    )
    .entropy(2.8),
    rule(
        "slack-app-token",
        "Slack app-level token",
        &["xapp-"],
        regex(r"\b(xapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{8,14}-[0-9a-f]{40,80})\b"),
    )
    .entropy(2.8),
    rule(
        "slack-webhook",
        "Slack incoming webhook or workflow address",
        &["hooks.slack.com"],
        regex(r"hooks\.slack\.com/((?:services|workflows|triggers)/[A-Za-z0-9+/]{36,64})"),
    )
    .entropy(3.0),
    rule(
        "discord-webhook",
        "Discord webhook address",
        &["/api/webhooks/"],
        regex(r"discord(?:app)?\.com/api/webhooks/([0-9]{17,20}/[\w-]{60,72})"),
    )
    .entropy(3.5),
    rule(
        "discord-bot-token",
        "Discord bot token",
        &["discord"],
        regex(r"(?i:discord)[^\n]{0,80}?\b([MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,40})"),
    )
    .entropy(3.5),
    rule(
        "telegram-bot-token",
        "Telegram bot token",
        &[":aa"],
        regex(r"\b([0-9]{8,10}:AA[\w-]{33})(?:[^\w-]|$)"),
    )
    .entropy(3.5),
    rule(
        "teams-webhook",
        "Microsoft Teams incoming webhook",
        &["webhook.office.com"],
        regex(r"webhook\.office\.com/webhookb2/([0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36})"),
    )
    .entropy(3.0),
    rule(
        "twilio-api-key",
        "Twilio API key",
        &["sk"],
        regex(r"\b(SK[0-9a-f]{32})\b"),
    )
    .entropy(3.0),
    rule(
        "twilio-auth-token",
        "Twilio auth token",
        &["twilio"],
        assigned(r"twilio[\w.-]{0,10}(?:auth|token|secret)[\w.-]{0,10}", "[0-9a-f]{32}"),
    )
    .entropy(3.0),
    rule(
        "sendgrid-api-key",
        "SendGrid API key",
        &["sg."],
        regex(r"\b(SG\.[\w-]{22}\.[\w-]{43})(?:[^\w-]|$)"),
    )
    .entropy(3.5),
    rule(
        "mailgun-api-key",
        "Mailgun private key",
        &["key-", "mailgun"],
        regex(r#"(?:\b(key-[0-9a-f]{32})\b|(?i:mailgun)[\w.-]{0,20}["']?\s{0,4}[:=]\s{0,4}["']?([0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b)"#),
    )
    .entropy(3.0),
    rule(
        "mailchimp-api-key",
        "Mailchimp API key",
        &["-us"],
        regex(r"\b([0-9a-f]{32}-us[0-9]{1,2})\b"),
    )
    .entropy(3.0),
    rule(
        "brevo-api-key",
        "Brevo (Sendinblue) API or SMTP key",
        &["xkeysib-", "xsmtpsib-"],
        regex(r"\b(x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16})\b"),
    )
    .entropy(3.0),
    rule(
        "resend-api-key",
        "Resend API key",
        &["re_"],
        regex(r"\b(re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24})\b"),
    )
    .entropy(3.8),
    rule(
        "postmark-token",
        "Postmark server token",
        &["postmark"],
        assigned(r"postmark[\w.-]{0,10}token", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    )
    .entropy(3.0),
];
