//! What the demo prints when it is ready: for a person a page with queries to paste, for a script one line.

use chrono::{Days, NaiveDate};

use super::Shown;
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
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    // Somewhere it is a day earlier or later; days that were not asked for do not show.
    let (from, to) = (back(DAYS + 1), today);
    let tokens: Vec<_> = organisations.iter().map(|shown| format!("  {:<20} {}", shown.name, shown.token)).collect();
    let tokens = tokens.join("\n");
    let first = organisations.first();
    let first_token = first.map(|shown| shown.token.as_str()).unwrap_or_default();
    let first_name = first.map(|shown| shown.name.as_str()).unwrap_or_default();
    let first = first.map(|shown| shown.id.to_string()).unwrap_or_default();
    let month = to.format("%Y-%m");
    format!(
        r#"
Wabacus is ready, with {DAYS} days of simulated WhatsApp usage.

  GraphiQL   {url}/graphiql
             {url}/graphiql#token={first_token}
             (the second address brings the token of {first_name} along)

Any other token goes into the "Headers" pane as {{ "Authorization": "Bearer <token>" }}

  admin                {admin_token}
{tokens}

1. What did we use? (an organisation's token)

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

2. How are the jobs? (the admin token)

  {{
    scheduler {{ actors running queued limiters {{ bsp account closedUntil }} }}
    jobRuns(first: 20) {{
      nodes {{ organisation {{ name }} kind trigger state attempt error channels {{ channel {{ name }} succeeded days error }} }}
    }}
  }}

3. Watch it happen (the admin token): start the subscription in one tab, then pull today's usage in another

  subscription {{ accountUsageChanged(organisationId: "{first}") {{ cursor dates days {{ date counts {{ total }} complete }} }} }}

  mutation {{ triggerDailyUsage(organisationId: "{first}") {{ id state scheduledFor }} }}

Stop with ctrl-C.
"#
    )
}
