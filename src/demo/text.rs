//! What the demo prints when it is ready: for a person a page with queries to paste, for a script one line.

use chrono::{Days, NaiveDate};

use super::Shown;
use super::ledger::DAYS as TRAFFIC_DAYS;
use super::seed::DAYS;

/// What a script is told.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready<'a> {
    url: &'a str,
    admin_token: &'a str,
    organisations: &'a [Shown],
}

/// One line of JSON.
pub(super) fn json(url: &str, admin_token: &str, organisations: &[Shown]) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n", serde_json::to_string(&Ready { url, admin_token, organisations })?))
}

/// A page for a person.
pub(super) fn page(url: &str, admin_token: &str, organisations: &[Shown], today: NaiveDate) -> String {
    let tokens: Vec<_> = organisations.iter().map(|shown| format!("  {:<20} {}", shown.name, shown.token)).collect();
    let tokens = tokens.join("\n");
    let first = organisations.first();
    let first_token = first.map(|shown| shown.token.as_str()).unwrap_or_default();
    let first_name = first.map(|shown| shown.name.as_str()).unwrap_or_default();
    let queries = queries(url, first, today);
    format!(
        r#"
Wabacus is ready, with {DAYS} days of simulated WhatsApp usage, {TRAFFIC_DAYS} days of traffic on six kinds of channels, what became
of each message, and the invoices of the months that are over. Webhooks go on coming in.

  GraphiQL   {url}/graphiql
             {url}/graphiql#token={first_token}
             (the second address brings the token of {first_name} along)

Any other token goes into the "Headers" pane as {{ "Authorization": "Bearer <token>" }}

  admin                {admin_token}
{tokens}

{queries}
Stop with ctrl-C.
"#
    )
}

/// What to ask about messages.
const MESSAGES: &str = r"4. What came of our messages? (an organisation's token)

  {
    organisation {
      dashboard(days: 30) {
        current {
          messages { total sent delivered read failed replied deliveryRate readRate replyRate failureRate }
          contacts { total new active avgEngagementScore } conversations { total open avgResponseTime }
        }
        growth { messages delivered read replied contacts }
      }
      campaigns(first: 4) { nodes { name state score } }
    }
  }";

/// What to ask about limits, the catalogue, and all organisations.
const LIMITS: &str = r"5. How much is left, where does it lead, and what should somebody know? (an organisation's token)

  {
    organisation {
      allowance { dailyLimit dailyUsed dailyReserved dailyRemaining monthlyLimit monthlyUsed monthlyRemaining overage policy dailyResetsAt }
      forecast { kind percent percentAtEnd reachesLimitOn text }
      alerts(first: 5) { nodes { kind state open threshold used limit message } }
      webhookEndpoints { url eventTypes state pending }
    }
  }

6. What do the first messages of a customer need? (an organisation's token): asked once, kept for three minutes

  {
    organisation {
      catalog {
        unavailable categories { hit fetchedAt items { id name } } branches { hit items { id name data } } templates { name id }
      }
      jobRuns(first: 3, kind: WELCOME_BOOTSTRAP) {
        nodes { trigger state attempt error customer { phone } bootstrap { categories branches templates milliseconds } }
      }
    }
  }

7. Who are they all? (the admin token): by number, 20 a page

  {
    organisations(limit: 20, offset: 0) {
      totalCount hasMore
      nodes {
        name plan { name } allowance { dailyUsed dailyLimit monthlyUsed monthlyLimit policy } alerts(first: 1, open: true) { nodes { message } }
        activity { active conversationsThisMonth lastActivityAt } usageHistory(months: 3) { month conversations }
      }
    }
  }";

/// What to ask of the first organisation.
fn queries(url: &str, first: Option<&Shown>, today: NaiveDate) -> String {
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    // Somewhere it is a day earlier or later; days that were not asked for do not show.
    let (from, to) = (back(DAYS + 1), today);
    let month = to.format("%Y-%m");
    let month_ago = back(29);
    let first_id = first.map(|shown| shown.id.to_string()).unwrap_or_default();
    let first_name = first.map(|shown| shown.name.as_str()).unwrap_or_default();
    let first_token = first.map(|shown| shown.token.as_str()).unwrap_or_default();
    let pdf = first.and_then(|shown| shown.invoice).map(|id| format!("{url}/v1/invoices/{id}.pdf")).unwrap_or_default();
    format!(
        r#"1. What did we use? (an organisation's token)

  {{
    organisation {{
      name timeZone
      channels {{ name bsp status statusReason }}
      dailyUsage(from: "{from}", to: "{to}") {{
        date channel {{ name }} unit complete
        counts {{ marketing utility authentication service total }}
        monthToDate {{ total }} fees {{ amount currency }}
      }}
      monthlyUsage(from: "{month}", to: "{month}") {{ month channel {{ name }} counts {{ total }} fees {{ amount currency }} days }}
    }}
  }}

2. What does it cost? (an organisation's token)

  {{
    organisation {{
      plan {{ name monthlyFee includedCredit currency }}
      currentPeriod {{
        periodStart periodEnd totalCost totalRecords unpricedRecords creditBalance remainingCredits
        byChannel {{ kind totalQuantity totalCost resources {{ resourceType quantity cost records }} }}
      }}
      usageStats(from: "{month_ago}", to: "{to}", top: 3) {{
        totalCost totalRecords averageDailyCost peakHour busiestDay growth
        daily {{ date cost records }}
        topCustomers {{ customer {{ name }} cost records }}
        monthly {{ month cost records }}
      }}
    }}
  }}

3. What was billed? (an organisation's token)

  {{
    organisation {{
      credits {{ balance remaining entries(first: 5) {{ nodes {{ kind amount reason at }} }} }}
      invoices(first: 3) {{
        nodes {{ number state month subtotal creditsApplied total pdfUrl lines {{ description quantity unitPrice amount }} }}
      }}
    }}
  }}

  curl -H "Authorization: Bearer {first_token}" -o invoice.pdf {pdf}

{MESSAGES}

{LIMITS}

8. How are the jobs? (the admin token)

  {{
    scheduler {{ actors running queued limiters {{ bsp account closedUntil }} }}
    jobRuns(first: 20) {{
      nodes {{ organisation {{ name }} kind trigger state attempt error channels {{ channel {{ name }} succeeded days error }} }}
    }}
  }}

9. Watch messages come in (the admin token): webhooks bring one about every second

  subscription {{ realTimeMetrics(organisationId: "{first_id}") {{ cachedAt metrics {{ messages {{ total sent delivered read replied }} }} }} }}

10. Watch it being charged (the admin token): something more is recorded every few seconds

  subscription {{ usageChanged(organisationId: "{first_id}") {{ cursor at changed currentPeriod {{ totalCost totalRecords }} }} }}

11. Watch alerts being raised (the admin token): {first_name} reaches 80, 90 and 100 % of its day while you look

  subscription {{ alertRaised(organisationId: "{first_id}") {{ cursor state alert {{ kind threshold used limit message }} }} }}

12. Watch a job (the admin token): start the subscription in one tab, then pull today's usage in another

  subscription {{ accountUsageChanged(organisationId: "{first_id}") {{ cursor dates days {{ date counts {{ total }} complete }} }} }}

  mutation {{ triggerDailyUsage(organisationId: "{first_id}") {{ id state scheduledFor }} }}
"#
    )
}
