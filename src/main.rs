//! The command line: serve, demo, migrate, schema, config, doctor, and tokens.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use secrecy::ExposeSecret as _;
use wabacus::app::{self, App, Wiring};
use wabacus::config::{self, Config, ConfigError};
use wabacus::doctor::{self, Verdict};
use wabacus::domain::clock::{Instant, SharedClock, SystemClock};
use wabacus::domain::id::{OrganisationId, TokenId};
use wabacus::domain::token::TokenScope;
use wabacus::service::access::{Caller, NewToken};
use wabacus::{demo, graphql, shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Usage metering and billing for WhatsApp and its sibling channels.
///
/// Settings come from the environment, then from the file given with --config, then from defaults; `wabacus config` lists them all.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// A TOML file with settings, by their names in lower case
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (needs `MASTER_KEY`)
    Serve,
    /// Show everything at once: simulated BSPs, three organisations, their usage pulled by the real scheduler
    Demo(Demo),
    /// Bring the database up to date and say what was done
    Migrate,
    /// Print the GraphQL schema
    Schema,
    /// List every setting with its value, its source and its meaning
    Config(Json),
    /// Look at everything that the server stands on, and say what to do; fails where it would not do its work
    Doctor(Doctor),
    /// Make, list and revoke access tokens
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, Args)]
struct Json {
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Doctor {
    /// Ask the server that runs here under the same settings whether it is ready, and nothing else
    #[arg(long, conflicts_with = "json")]
    ready: bool,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Demo {
    /// Print one line of JSON when ready, for scripts: {"url", "adminToken", "organisations": [{"id", "name", "token"}]}
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Make a token and print its secret, which is shown only once
    Create(CreateToken),
    /// List the tokens, without their secrets
    List,
    /// Revoke a token by its id
    Revoke {
        /// As `token list` shows it: tok_...
        id: String,
    },
}

#[derive(Debug, Args)]
struct CreateToken {
    /// A token that belongs to no organisation and reaches all
    #[arg(long, required_unless_present = "organisation", conflicts_with = "organisation")]
    admin: bool,
    /// The organisation that the token belongs to: org_...
    #[arg(long, value_name = "ID")]
    organisation: Option<String>,
    /// What the token is for
    #[arg(long, default_value = "command line")]
    name: String,
    /// READ, RECORD or ADMIN, several with commas; by default all that the kind of token may have
    #[arg(long, value_delimiter = ',', value_parser = scope)]
    scopes: Option<Vec<TokenScope>>,
    /// When it stops being good, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<Instant>,
}

fn scope(text: &str) -> Result<TokenScope, String> {
    TokenScope::from_code(&text.to_ascii_uppercase()).ok_or_else(|| "expected READ, RECORD or ADMIN".to_owned())
}

fn main() -> ExitCode {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("nothing else installed a provider before main began");
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("wabacus-job").build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let causes = std::iter::successors(failure.source(), |error| error.source()).map(ToString::to_string);
            let story: Vec<_> = std::iter::once(failure.to_string()).chain(causes).collect();
            // Where even standard error is closed, the exit code has to say it all.
            let _ = writeln!(std::io::stderr(), "wabacus: {}", story.join(": "));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let load = || Config::load(cli.config.as_deref());
    match cli.command {
        Command::Serve => serve(load()?).await,
        Command::Demo(Demo { json }) => {
            let config = load()?;
            telemetry::start_logging(&config.telemetry)?;
            let metrics = figures()?;
            Ok(demo::run(config, json, metrics).await?)
        }
        Command::Migrate => migrate(&load()?).await,
        Command::Schema => print(&graphql::sdl()),
        Command::Config(Json { json }) => list_settings(&load()?, json),
        Command::Doctor(options) => examine(&options, load()).await,
        Command::Token(token) => {
            let config = load()?;
            telemetry::start_logging(&telemetry::Options { filter: "warn".to_owned(), ..config.telemetry.clone() })?;
            tokens(token, config).await
        }
    }
}

/// Installs the recorder of figures and keeps it tidy; returns what renders them.
fn figures() -> Result<app::RenderMetrics, Failure> {
    let recorder = telemetry::install_recorder()?;
    let upkeep = recorder.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || recorder.render()))
}

async fn serve(config: Config) -> Result<(), Failure> {
    telemetry::start_logging(&config.telemetry)?;
    for config::Misspelt { name, nearest } in &config.misspelt {
        tracing::warn!(variable = name, nearest, "the environment has what looks like a misspelt setting");
    }
    let metrics = figures()?;
    let app = App::start(config, Wiring { metrics, ..Wiring::default() }).await?;
    tracing::info!(address = %app.address(), "ready: GraphQL at /graphql, GraphiQL at /graphiql");
    let signal = shutdown::requested().await?;
    tracing::info!(signal, "stopping");
    app.stop().await;
    Ok(())
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    let applied = app::migrate(config).await?;
    if applied.is_empty() {
        return print("the database is up to date\n");
    }
    print(&applied.iter().fold(String::new(), |text, name| format!("{text}applied {name}\n")))
}

fn list_settings(config: &Config, json: bool) -> Result<(), Failure> {
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&config.listed)?));
    }
    print(&config::listing(&config.listed))
}

async fn examine(options: &Doctor, config: Result<Config, ConfigError>) -> Result<(), Failure> {
    if options.ready {
        return Ok(doctor::ready(&config?).await?);
    }
    let clock: SharedClock = Arc::new(SystemClock);
    let report = match config {
        Ok(config) => doctor::examine(config, &clock).await,
        Err(error) => doctor::of_bad_settings(&error),
    };
    print(&if options.json { format!("{}\n", serde_json::to_string_pretty(&report)?) } else { report.to_string() })?;
    if report.verdict == Verdict::Fail { Err("not everything is well".into()) } else { Ok(()) }
}

async fn tokens(command: Token, config: Config) -> Result<(), Failure> {
    let access = app::open_access(config).await?;
    let caller = Caller::command_line();
    match command {
        Token::Create(CreateToken { admin: _, organisation, name, scopes, expires_at }) => {
            let organisation_id =
                organisation.as_deref().map(|id| OrganisationId::parse("--organisation", id)).transpose()?;
            let (token, secret) =
                access.create_token(&caller, NewToken { name, organisation_id, scopes, expires_at }).await?;
            // The secret alone on standard output, so that a script can take it.
            writeln!(std::io::stderr(), "made {}; this is its secret, shown only now:", token.id)?;
            print(&format!("{}\n", secret.expose_secret()))
        }
        Token::List => {
            let rows = access.list().await?.into_iter().map(|token| {
                let owner = token.organisation_id.map_or_else(|| "admin".to_owned(), |id| id.to_string());
                let scopes = token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                let state = match (token.revoked_at, token.expires_at) {
                    (Some(at), _) => format!("revoked {at}"),
                    (None, Some(at)) => format!("expires {at}"),
                    (None, None) => "good".to_owned(),
                };
                format!("{}  {owner:<36}  {scopes:<17}  {state}  {}\n", token.id, token.name)
            });
            print(&rows.collect::<String>())
        }
        Token::Revoke { id } => {
            let revoked = access.revoke_token(&caller, TokenId::parse("id", &id)?).await?;
            print(if revoked { "revoked\n" } else { "there is no such token that is still good\n" })
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
