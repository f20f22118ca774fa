//! Bad input of every mutation is refused by the name of the field that was wrong, and nothing at all is written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::database::Database;

/// What is asked, and the field that is complained about. `$org`, `$channel`, `$run` and `$token` stand for ids that are good.
type Case = (&'static str, &'static str);

const ORGANISATIONS: &[Case] = &[
    (r#"createOrganisation(input: { name: "", timeZone: "Asia/Kolkata" }) { id }"#, "input.name"),
    (r#"createOrganisation(input: { name: " \t", timeZone: "Asia/Kolkata" }) { id }"#, "input.name"),
    (r#"createOrganisation(input: { name: "a\u0000b", timeZone: "Asia/Kolkata" }) { id }"#, "input.name"),
    (r#"createOrganisation(input: { name: "A", timeZone: "Mars/Olympus" }) { id }"#, "input.timeZone"),
    (r#"createOrganisation(input: { name: "A", timeZone: "" }) { id }"#, "input.timeZone"),
    (r#"createOrganisation(input: { name: "A", timeZone: "Asia/Kolkata", currency: "XYZ" }) { id }"#, "input.currency"),
    (r#"createOrganisation(input: { name: "A", timeZone: "Asia/Kolkata", currency: "" }) { id }"#, "input.currency"),
    (
        r#"createOrganisation(input: { name: "A", timeZone: "Asia/Kolkata", planCode: "gold" }) { id }"#,
        "input.planCode",
    ),
    (
        r#"createOrganisation(input: { name: "A", timeZone: "Asia/Kolkata", externalId: "" }) { id }"#,
        "input.externalId",
    ),
    (r#"updateOrganisation(id: "$channel", input: { name: "A" }) { id }"#, "id"),
    (r#"updateOrganisation(id: "7", input: { name: "A" }) { id }"#, "id"),
    (r#"updateOrganisation(id: "$org", input: { name: "" }) { id }"#, "input.name"),
    (r#"updateOrganisation(id: "$org", input: { timeZone: "Mars/Olympus" }) { id }"#, "input.timeZone"),
    (r#"updateOrganisation(id: "$org", input: { externalId: " " }) { id }"#, "input.externalId"),
];

const CHANNELS: &[Case] = &[
    (r#"createChannel(organisationId: "$channel", input: { kind: SMS, name: "A" }) { id }"#, "organisationId"),
    (r#"createChannel(organisationId: "$org", input: { kind: SMS, name: "" }) { id }"#, "input.name"),
    (
        r#"createChannel(organisationId: "$org", input: { kind: SMS, name: "A", phoneNumber: "12" }) { id }"#,
        "input.phoneNumber",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: SMS, name: "A", phoneNumber: "+62 call me" }) { id }"#,
        "input.phoneNumber",
    ),
    (r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A" }) { id }"#, "input.gupshup"),
    (
        r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A",
            gupshup: { appId: "a", token: "t" }, interakt: { wabaId: "1" } }) { id }"#,
        "input.interakt",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: VOICE, name: "A", gupshup: { appId: "a", token: "t" } }) { id }"#,
        "input.gupshup.appId",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: VOICE, name: "A", interakt: { wabaId: "1" } }) { id }"#,
        "input.interakt.wabaId",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A", gupshup: { appId: "../x", token: "t" } }) { id }"#,
        "input.gupshup.appId",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A", gupshup: { appId: "a", token: "t\nu" } }) { id }"#,
        "input.gupshup.token",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A", interakt: { wabaId: "" } }) { id }"#,
        "input.interakt.wabaId",
    ),
    (
        r#"createChannel(organisationId: "$org", input: { kind: WHATSAPP, name: "A", interakt: { wabaId: "1", accessToken: "" } }) { id }"#,
        "input.interakt.accessToken",
    ),
    (r#"updateChannel(id: "$org", input: { name: "A" }) { id }"#, "id"),
    (r#"updateChannel(id: "$channel", input: { name: "" }) { id }"#, "input.name"),
    (r#"updateChannel(id: "$channel", input: { phoneNumber: "0" }) { id }"#, "input.phoneNumber"),
    (
        r#"updateChannel(id: "$channel", input: { gupshup: { appId: "app-1", token: "t" }, interakt: { wabaId: "1" } }) { id }"#,
        "input.interakt",
    ),
    (
        r#"updateChannel(id: "$channel", input: { gupshup: { appId: "app-1", token: "" } }) { id }"#,
        "input.gupshup.token",
    ),
    (
        r#"updateChannel(id: "$channel", input: { gupshup: { appId: "app-2", token: "t" } }) { id }"#,
        "input.gupshup.appId",
    ),
    (r#"updateChannel(id: "$channel", input: { interakt: { wabaId: "1" } }) { id }"#, "input.interakt.wabaId"),
];

const TOKENS: &[Case] = &[
    (r#"createToken(input: { name: "" }) { secret }"#, "input.name"),
    (r#"createToken(input: { name: "A", organisationId: "$channel" }) { secret }"#, "input.organisationId"),
    (r#"createToken(input: { name: "A", organisationId: "$org", scopes: [ADMIN] }) { secret }"#, "input.scopes"),
    (r#"createToken(input: { name: "A", scopes: [] }) { secret }"#, "input.scopes"),
    (r#"createToken(input: { name: "A", expiresAt: "2026-06-05T06:00:00Z" }) { secret }"#, "input.expiresAt"),
    (r#"createToken(input: { name: "A", expiresAt: "tomorrow" }) { secret }"#, "input.expiresAt"),
    (r#"revokeToken(id: "$org")"#, "id"),
    (r#"revokeToken(id: "")"#, "id"),
];

const SCHEDULES: &[Case] = &[
    (r#"scheduleJob(organisationId: "$channel", kind: DAILY_USAGE) { id }"#, "organisationId"),
    (r#"scheduleJob(organisationId: "$org", kind: BACKFILL) { id }"#, "kind"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, cron: "0 0 9 * * *") { id }"#, "cron"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, cron: "0 0 30 2 *") { id }"#, "cron"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, cron: "61 * * * *") { id }"#, "cron"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, cron: "every morning") { id }"#, "cron"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, cron: "") { id }"#, "cron"),
    (r#"scheduleJob(organisationId: "$org", kind: DAILY_USAGE, timeZone: "IST-5:30") { id }"#, "timeZone"),
    (r#"removeJob(organisationId: "$run", kind: DAILY_USAGE)"#, "organisationId"),
    (r#"pauseJob(organisationId: "$channel", kind: DAILY_USAGE) { id }"#, "organisationId"),
    (r#"resumeJob(organisationId: "org_1", kind: DAILY_USAGE) { id }"#, "organisationId"),
];

const RUNS: &[Case] = &[
    (r#"startWelcomeBootstrap(organisationId: "$channel", customerPhone: "+919800000001") { id }"#, "organisationId"),
    (r#"startWelcomeBootstrap(customerPhone: "+919800000001") { id }"#, "organisationId"),
    (r#"startWelcomeBootstrap(organisationId: "$org", customerPhone: "") { id }"#, "customerPhone"),
    (r#"startWelcomeBootstrap(organisationId: "$org", customerPhone: "call me") { id }"#, "customerPhone"),
    (r#"triggerJob(organisationId: "$channel", kind: DAILY_USAGE) { id }"#, "organisationId"),
    (r#"triggerJob(organisationId: "$org", kind: BACKFILL) { id }"#, "kind"),
    (r#"triggerDailyUsage(organisationId: "$run") { id }"#, "organisationId"),
    (r#"triggerDailyUsage(organisationId: "$org", date: "2026-06-06") { id }"#, "date"),
    (r#"triggerDailyUsage(organisationId: "$org", date: "2026-02-30") { id }"#, "date"),
    (r#"triggerDailyUsage(organisationId: "$org", date: "yesterday") { id }"#, "date"),
    (
        r#"backfillAccountUsage(organisationId: "$token", from: "2026-05-01", to: "2026-05-31") { id }"#,
        "organisationId",
    ),
    (r#"backfillAccountUsage(organisationId: "$org", from: "2026-05-02", to: "2026-05-01") { id }"#, "from"),
    (r#"backfillAccountUsage(organisationId: "$org", from: "2025-04-26", to: "2026-05-31") { id }"#, "from"),
    (r#"backfillAccountUsage(organisationId: "$org", from: "2026-05-01", to: "2026-06-06") { id }"#, "to"),
    (r#"backfillAccountUsage(organisationId: "$org", from: "1.5.2026", to: "2026-05-31") { id }"#, "from"),
    (r#"backfillAccountUsage(organisationId: "$org", from: "2026-05-01", to: "") { id }"#, "to"),
    (r#"retryJobRun(id: "$org") { id }"#, "id"),
    (r#"cancelJobRun(id: "$channel") { id }"#, "id"),
    (r#"createMonthlyUsage(organisationId: "$channel") { month }"#, "organisationId"),
    (r#"createMonthlyUsage(organisationId: "$org", month: "2026-13") { month }"#, "month"),
    (r#"createMonthlyUsage(organisationId: "$org", month: "2026-07") { month }"#, "month"),
];

const LEDGER: &[Case] = &[
    (r#"recordUsage(organisationId: "$channel", records: []) { outcome }"#, "organisationId"),
    (r#"recordUsage(organisationId: "$org", records: []) { outcome }"#, "records"),
    ("recordUsage(records: []) { outcome }", "organisationId"),
    (r#"amendUsage(id: "$org", quantity: "1", reason: "x") { id }"#, "id"),
    (r#"amendUsage(id: "use_0192b7c0f0007000800000000000000a", quantity: "0", reason: "x") { id }"#, "quantity"),
    (r#"amendUsage(id: "use_0192b7c0f0007000800000000000000a", quantity: "1", reason: "") { id }"#, "reason"),
    (r#"voidUsage(id: "$channel", reason: "x") { id }"#, "id"),
    (r#"voidUsage(id: "use_0192b7c0f0007000800000000000000a", reason: " ") { id }"#, "reason"),
    (r#"repriceUsage(organisationId: "$channel") { priced }"#, "organisationId"),
    (r#"repriceUsage(organisationId: "$org", from: "June") { priced }"#, "from"),
    (r#"repriceUsage(organisationId: "$org", to: "June") { priced }"#, "to"),
    (
        r#"repriceUsage(organisationId: "$org", from: "2026-06-02T00:00:00Z", to: "2026-06-01T00:00:00Z") { priced }"#,
        "from",
    ),
];

/// What the recorders refuse of a record itself is its outcome, see `recorder`.
const RECORDERS: &[Case] = &[
    (
        r#"recordCall(organisationId: "$channel", call: { resourceId: "c", direction: OUTBOUND, status: COMPLETED, durationSeconds: 1 }) { outcome }"#,
        "organisationId",
    ),
    (
        r#"recordMessage(organisationId: "$channel", message: { resourceId: "m", direction: OUTBOUND }) { outcome }"#,
        "organisationId",
    ),
    (
        r#"recordEmail(organisationId: "$channel", email: { resourceId: "e", recipients: 1 }) { outcome }"#,
        "organisationId",
    ),
    (
        r#"recordWhatsApp(organisationId: "$channel", message: { resourceId: "w", direction: OUTBOUND }) { outcome }"#,
        "organisationId",
    ),
    (
        r#"recordLlmResponse(organisationId: "$channel", response: { resourceId: "l", text: "Yes" }) { outcome }"#,
        "organisationId",
    ),
    (r#"backfillUsage(organisationId: "$run", from: "2026-05-01", to: "2026-05-31") { id }"#, "organisationId"),
    (r#"backfillUsage(organisationId: "$org", from: "2026-05-02", to: "2026-05-01") { id }"#, "from"),
    (r#"backfillUsage(organisationId: "$org", from: "2026-05-01", to: "") { id }"#, "to"),
    (r#"rotateWebhookSecret(organisationId: "$run") { secret }"#, "organisationId"),
    (r#"rotateChannelSecret(channelId: "$org") { secret }"#, "channelId"),
    (r#"recordMessages(organisationId: "$channel", messages: []) { outcome }"#, "organisationId"),
    (r#"recordMessages(organisationId: "$org", messages: []) { outcome }"#, "messages"),
    (r#"upsertConversations(organisationId: "$channel", conversations: []) { outcome }"#, "organisationId"),
    (r#"upsertConversations(organisationId: "$org", conversations: []) { outcome }"#, "conversations"),
    (r#"upsertCustomers(organisationId: "$org", customers: []) { id }"#, "customers"),
    (r#"upsertCustomers(organisationId: "$org", customers: [{ phone: "twelve" }]) { id }"#, "customers[0].phone"),
];

const PRICES: &[Case] = &[
    (
        r#"publishRates(planCode: "gold", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "1" }]) { id }"#,
        "planCode",
    ),
    (r#"publishRates(planCode: "starter", rates: []) { id }"#, "rates"),
    (
        r#"publishRates(planCode: "starter", rates: [
            { kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "1" }
            { kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "2" }]) { id }"#,
        "rates[1].effectiveFrom",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "Text Message", effectiveFrom: "2026-07-01", unitPrice: "1" }]) { id }"#,
        "rates[0].resourceType",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", country: "IND", effectiveFrom: "2026-07-01", unitPrice: "1" }]) { id }"#,
        "rates[0].country",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "soon", unitPrice: "1" }]) { id }"#,
        "rates[0].effectiveFrom",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01" }]) { id }"#,
        "rates[0].unitPrice",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "0.0000000001" }]) { id }"#,
        "rates[0].unitPrice",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "-1" }]) { id }"#,
        "rates[0].unitPrice",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", model: GRADUATED }]) { id }"#,
        "rates[0].tiers",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", model: GRADUATED,
            tiers: [{ upTo: "10", unitPrice: "1" }, { upTo: "5", unitPrice: "1" }, { unitPrice: "1" }] }]) { id }"#,
        "rates[0].tiers[1].upTo",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", model: VOLUME,
            tiers: [{ unitPrice: "0.1234567891" }] }]) { id }"#,
        "rates[0].tiers[0].unitPrice",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", model: PACKAGE,
            tiers: [{ upTo: "100", unitPrice: "0", flatFee: "0.1234567891" }] }]) { id }"#,
        "rates[0].tiers[0].flatFee",
    ),
    (
        r#"publishRates(planCode: "starter", rates: [{ kind: SMS, resourceType: "message", effectiveFrom: "2026-07-01", unitPrice: "1",
            tiers: [{ unitPrice: "1" }] }]) { id }"#,
        "rates[0].tiers",
    ),
    (r#"publishRatesCsv(planCode: "gold", csv: "x") { added }"#, "planCode"),
    (r#"publishRatesCsv(planCode: "starter", csv: "") { added }"#, "csv line 1"),
    (r#"publishRatesCsv(planCode: "starter", csv: "kind,price\nSMS,1") { added }"#, "csv line 1"),
    (
        r#"publishRatesCsv(planCode: "starter", csv: "kind,resource_type,country,effective_from,unit_price\nSMS,message,IN,2026-07-01,1\nSMS,message,India,2026-07-01,1") { added }"#,
        "csv line 3: country",
    ),
    (
        r#"publishRatesCsv(planCode: "starter", csv: "kind,resource_type,effective_from,unit_price\nSMS,message,2026-07-01,0.0000000001") { added }"#,
        "csv line 2: unit_price",
    ),
    (r#"assignPlan(organisationId: "$channel", planCode: "starter") { id }"#, "organisationId"),
    (r#"assignPlan(organisationId: "$org", planCode: "gold") { id }"#, "planCode"),
];

const INVOICES: &[Case] = &[
    (r#"grantCredit(organisationId: "$channel", amount: "1", reason: "x") { balance }"#, "organisationId"),
    (r#"grantCredit(organisationId: "$org", amount: "0", reason: "x") { balance }"#, "amount"),
    (r#"grantCredit(organisationId: "$org", amount: "1.0000000001", reason: "x") { balance }"#, "amount"),
    (r#"grantCredit(organisationId: "$org", amount: "1", reason: "") { balance }"#, "reason"),
    (r#"grantCredit(organisationId: "$org", amount: "1", reason: "x", expiresAt: "soon") { balance }"#, "expiresAt"),
    (
        r#"grantCredit(organisationId: "$org", amount: "1", reason: "x", expiresAt: "2026-06-05T06:00:00Z") { balance }"#,
        "expiresAt",
    ),
    (r#"generateInvoice(organisationId: "$channel", month: "2026-05") { id }"#, "organisationId"),
    (r#"generateInvoice(organisationId: "$org", month: "May") { id }"#, "month"),
    (r#"generateInvoice(organisationId: "$org", month: "2026-06") { id }"#, "month"),
    (r#"generateInvoice(organisationId: "$org", month: "2026-05") { id }"#, "month"),
    (r#"finalizeInvoice(id: "$org") { id }"#, "id"),
    (r#"payInvoice(id: "$org") { id }"#, "id"),
    (r#"voidInvoice(id: "$org", reason: "x") { id }"#, "id"),
    (r#"voidInvoice(id: "inv_0192b7c0f0007000800000000000000a", reason: " ") { id }"#, "reason"),
];

const SNAPSHOTS: &[Case] = &[
    (r#"generateSnapshot(organisationId: "$channel", type: DAILY, date: "2026-06-04") { id }"#, "organisationId"),
    (r#"generateSnapshot(organisationId: "$org", type: DAILY, date: "2026-02-30") { id }"#, "date"),
    (r#"generateSnapshot(organisationId: "$org", type: DAILY, date: "2026-06-06") { id }"#, "date"),
    (r#"generateSnapshot(organisationId: "$org", type: WEEKLY, date: "2026-06-08") { id }"#, "date"),
    (r#"generateSnapshot(organisationId: "$org", type: MONTHLY, date: "2026-07-01") { id }"#, "date"),
    (
        r#"generateSnapshot(organisationId: "$org", type: DAILY, date: "2026-06-04", channelId: "$org") { id }"#,
        "channelId",
    ),
];

const CAMPAIGNS: &[Case] = &[
    (r#"upsertCampaigns(organisationId: "$channel", campaigns: []) { id }"#, "organisationId"),
    (r#"upsertCampaigns(organisationId: "$org", campaigns: []) { id }"#, "campaigns"),
    ("upsertCampaigns(campaigns: []) { id }", "organisationId"),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [{ externalId: "", name: "A", state: ACTIVE, recipients: 1 }]) { id }"#,
        "campaigns[0].externalId",
    ),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [
            { externalId: "a", name: "A", state: ACTIVE, recipients: 1 } { externalId: "b", name: " ", state: ACTIVE, recipients: 1 }]) { id }"#,
        "campaigns[1].name",
    ),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [{ externalId: "a", name: "A", state: ACTIVE, recipients: -1 }]) { id }"#,
        "campaigns[0].recipients",
    ),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [
            { externalId: "a", name: "A", state: ACTIVE, recipients: 1, channelId: "$org" }]) { id }"#,
        "campaigns[0].channelId",
    ),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [
            { externalId: "a", name: "A", state: ACTIVE, recipients: 1, startedAt: "soon" }]) { id }"#,
        "campaigns[0].startedAt",
    ),
    (
        r#"upsertCampaigns(organisationId: "$org", campaigns: [{ externalId: "a", name: "A", state: COMPLETED, recipients: 1,
            startedAt: "2026-06-05T06:00:00Z", finishedAt: "2026-06-05T05:00:00Z" }]) { id }"#,
        "campaigns[0].finishedAt",
    ),
    (r#"invalidateCache(organisationId: "$channel")"#, "organisationId"),
];

const ALLOWANCES: &[Case] = &[
    (r#"setAlerts(organisationId: "$channel") { thresholds }"#, "organisationId"),
    (r#"setAlerts(organisationId: "$org", thresholds: [0]) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", monthlyBudget: "-1") { thresholds }"#, "monthlyBudget"),
    (r#"setAllowance(organisationId: "$channel") { overage }"#, "organisationId"),
    (r#"setAllowance(organisationId: "$org", dailyLimit: -1) { overage }"#, "dailyLimit"),
    (r#"setAllowance(organisationId: "$org", monthlyLimit: -1) { overage }"#, "monthlyLimit"),
    (r#"setAllowance(organisationId: "$org", gracePercent: 101) { overage }"#, "gracePercent"),
    (r#"setAllowance(organisationId: "$org", gracePercent: -1) { overage }"#, "gracePercent"),
    (r#"setAllowance(organisationId: "$org", resourceType: "Text Message") { overage }"#, "resourceType"),
    (r#"setAllowance(organisationId: "$org", usePlanLimits: true, dailyLimit: 5) { overage }"#, "usePlanLimits"),
    (r#"setAllowance(organisationId: "$org", usePlanLimits: true, monthlyLimit: null) { overage }"#, "usePlanLimits"),
    (
        r#"setAllowance(organisationId: "$org", channelId: "$channel", usePlanLimits: true) { overage }"#,
        "usePlanLimits",
    ),
    (r#"setAllowance(organisationId: "$org", channelId: "$channel", kind: SMS) { overage }"#, "kind"),
    (r#"setAllowance(organisationId: "$org", channelId: "$org") { overage }"#, "channelId"),
    (r#"reserveAllowance(organisationId: "$channel", quantity: 1) { id }"#, "organisationId"),
    ("reserveAllowance(quantity: 1) { id }", "organisationId"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 0) { id }"#, "quantity"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 10000001) { id }"#, "quantity"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 1, ttlSeconds: 0) { id }"#, "ttlSeconds"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 1, ttlSeconds: 86401) { id }"#, "ttlSeconds"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 1, channelId: "$org") { id }"#, "channelId"),
    (r#"reserveAllowance(organisationId: "$org", quantity: 1, channelId: "$channel") { id }"#, "channelId"),
    (r#"commitReservation(id: "$org") { overage }"#, "id"),
    (r#"releaseReservation(id: "$channel") { overage }"#, "id"),
];

const HOOKS: &[Case] = &[
    (r#"createWebhookEndpoint(organisationId: "$channel", url: "https://example.com/") { secret }"#, "organisationId"),
    (r#"createWebhookEndpoint(url: "https://example.com/") { secret }"#, "organisationId"),
    (r#"createWebhookEndpoint(organisationId: "$org", url: "") { secret }"#, "url"),
    (r#"createWebhookEndpoint(organisationId: "$org", url: "http://example.com/") { secret }"#, "url"),
    (r#"createWebhookEndpoint(organisationId: "$org", url: "https://me:pass@example.com/") { secret }"#, "url"),
    (r#"createWebhookEndpoint(organisationId: "$org", url: "https://10.0.0.1/") { secret }"#, "url"),
    (
        r#"createWebhookEndpoint(organisationId: "$org", url: "https://8.8.8.8/", eventTypes: []) { secret }"#,
        "eventTypes",
    ),
    (
        r#"createWebhookEndpoint(organisationId: "$org", url: "https://8.8.8.8/", eventTypes: ["usage.changed", "moon.rose"]) { secret }"#,
        "eventTypes[1]",
    ),
    (r#"deleteWebhookEndpoint(id: "$org")"#, "id"),
    (r#"testWebhookEndpoint(id: "$org") { id }"#, "id"),
    (r#"enableWebhookEndpoint(id: "$org") { id }"#, "id"),
    (r#"replayWebhookEndpoint(id: "$org", after: "ZTow") { id }"#, "id"),
    (r#"replayWebhookEndpoint(id: "whe_0192b7c0f0007000800000000000000a", after: "soon") { id }"#, "after"),
];

const ALERTS: &[Case] = &[
    (r#"setAlerts(organisationId: "$channel", thresholds: [80]) { thresholds }"#, "organisationId"),
    (r#"setAlerts(organisationId: "$org", thresholds: []) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", thresholds: [0]) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", thresholds: [80, 1001]) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", thresholds: [80, 90, 80]) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", thresholds: [1,2,3,4,5,6,7,8,9,10,11]) { thresholds }"#, "thresholds"),
    (r#"setAlerts(organisationId: "$org", monthlyBudget: "0") { thresholds }"#, "monthlyBudget"),
    (r#"setAlerts(organisationId: "$org", monthlyBudget: "much") { thresholds }"#, "monthlyBudget"),
];

/// All of them.
fn cases() -> Vec<Case> {
    let first = [ORGANISATIONS, CHANNELS, TOKENS, SCHEDULES, RUNS, LEDGER, RECORDERS, PRICES, INVOICES, SNAPSHOTS];
    [first.concat(), [CAMPAIGNS, ALLOWANCES, HOOKS, ALERTS].concat()].concat()
}

/// A world with one of everything, and the names of its parts with their ids.
async fn begin() -> (World, [(&'static str, String); 4]) {
    let world = World::begin().await;
    let (organisation, channel) = world.shop("app-1").await;
    let run = world.runs(&organisation).await[0]["id"].as_str().expect("an id").to_owned();
    let tokens = world.ask("{ tokens { nodes { id } } }", json!({})).await;
    let token = tokens["tokens"]["nodes"][0]["id"].as_str().expect("an id").to_owned();
    (world, [("$org", organisation), ("$channel", channel), ("$run", run), ("$token", token)])
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_by_the_name_of_its_field_and_nothing_is_written() {
    let (world, ids) = begin().await;
    let mut database = Database::look_into(world.database()).await;
    let before = database.version().await;
    let mut wrong = Vec::new();
    for (asked, field) in cases() {
        let question = ids.iter().fold(asked.to_owned(), |text, (name, id)| text.replace(name, id));
        let answer = world.ask_as(&world.admin, &format!("mutation {{ {question} }}"), json!({})).await;
        let extensions = &answer["errors"][0]["extensions"];
        if (&extensions["code"], &extensions["field"]) != (&json!("BAD_USER_INPUT"), &json!(field)) {
            wrong.push(format!("{asked}\nis to be refused for {field}, but: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    world.settle().await;
    assert_eq!(database.version().await, before, "nothing was written");

    // The eye sees what is written, or it would prove nothing.
    world.organisation("B", "Asia/Kolkata").await;
    assert_ne!(database.version().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_of_the_schema_is_asked_for_something_bad() {
    let world = World::begin().await;
    let data = world.ask("{ __schema { mutationType { fields { name } } } }", json!({})).await;
    let fields = data["__schema"]["mutationType"]["fields"].as_array().expect("a list of fields");
    let name = |field: &Value| field["name"].as_str().expect("a name").to_owned();
    let mutations: BTreeSet<String> = fields.iter().map(name).collect();
    let name = |(asked, _): Case| asked.split_once('(').map(|(name, _)| name.to_owned());
    let asked: BTreeSet<String> = cases().into_iter().filter_map(name).collect();
    assert_eq!(asked, mutations);
}
