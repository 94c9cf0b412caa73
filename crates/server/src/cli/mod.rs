//! The command line. One file per command; what they share is in `support`.
//!
//! Exit codes: 0 for done, 1 for failed, 2 for a wrong use: unknown arguments, or settings that cannot be used. `check` has its own.

mod acme;
mod backup;
mod check;
mod collection;
mod config;
mod createsuperuser;
mod database;
mod doctor;
mod export;
mod health;
mod housekeeping;
mod import;
mod migrate;
mod serve;
mod support;
mod user;

use crate::config::{Config, ConfigErrors, Source};
use crate::logging;
use clap::{Parser, Subcommand};
use nix::sys::stat::Mode;
use std::path::PathBuf;
use std::process::ExitCode;
use support::output;

/// A sync server for Anki that keeps collections in PostgreSQL, MariaDB or MySQL.
///
/// `djankiserv serve` runs it; without any configuration it starts a private PostgreSQL of its own in the data folder.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true, max_term_width = 100, after_help = FIRST_STEPS)]
struct Cli {
    /// The folder for media, the embedded database and generated secrets [env: DJANKISERV_DATA_ROOT]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  djankiserv serve              run the server; it prints the address to type into Anki
  djankiserv user add ann       make a user, while the server runs or not
  djankiserv config docs        all settings, with their defaults";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Migrate(migrate::Args),
    #[command(subcommand)]
    User(user::Command),
    Createsuperuser(createsuperuser::Args),
    #[command(subcommand)]
    Collection(collection::Command),
    #[command(subcommand)]
    Database(database::Command),
    #[command(subcommand)]
    Export(export::Command),
    #[command(subcommand)]
    Import(import::Command),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Check(check::Args),
    Doctor(doctor::Args),
    Health(health::Args),
    Housekeeping(housekeeping::Args),
    #[command(subcommand)]
    Acme(acme::Command),
    #[command(subcommand)]
    Config(config::Command),
}

/// Runs the program with the process's arguments and environment.
pub fn run() -> ExitCode {
    // Whatever is written from here on is nobody else's to read. Folders that others must enter get their mode by name.
    nix::sys::stat::umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let cli = Cli::parse();
    let mut source = Source::from_env();
    if let Some(folder) = &cli.data_root {
        let Some(folder) = folder.to_str() else { return fail(&anyhow::anyhow!("--data-root must be UTF-8 text")) };
        source.set("DJANKISERV_DATA_ROOT", folder);
    }
    match dispatch(cli.command, source) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    output::error(&format!("{error:#}"));
    ExitCode::from(if error.is::<ConfigErrors>() { 2 } else { 1 })
}

fn dispatch(command: Command, mut source: Source) -> anyhow::Result<ExitCode> {
    if let Command::Serve(args) = &command {
        args.apply(&mut source);
    }
    if let Command::Config(config::Command::Docs) = command {
        config::docs();
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(&source)?;
    let is_serve = matches!(command, Command::Serve(_));
    let recent = if is_serve { logging::start(&config.log) } else { logging::start_quietly(&config.log) };
    // A health check comes twice a minute.
    for warning in config.warnings.iter().filter(|_| !matches!(command, Command::Health(_))) {
        tracing::warn!("{warning}");
    }
    let mut runtime = if is_serve { tokio::runtime::Builder::new_multi_thread() } else { tokio::runtime::Builder::new_current_thread() };
    runtime.enable_all().build()?.block_on(async {
        let done = match command {
            Command::Check(args) => return check::run(config, &args).await,
            Command::Doctor(args) => return doctor::run(&config, args).await,
            Command::Health(args) => health::run(&config, &args).await,
            Command::Serve(args) => serve::run(config, &args, recent).await,
            Command::Migrate(args) => migrate::run(&config, &args).await,
            Command::User(command) => user::run(&config, command).await,
            Command::Createsuperuser(args) => createsuperuser::run(&config, args).await,
            Command::Collection(command) => collection::run(&config, command).await,
            Command::Database(command) => database::run(&config, command).await,
            Command::Export(command) => export::run(config, command).await,
            Command::Backup(args) => backup::backup(config, args).await,
            Command::Restore(args) => backup::restore(config, args).await,
            Command::Import(command) => import::run(config, command).await,
            Command::Housekeeping(args) => housekeeping::run(config, &args).await,
            Command::Acme(command) => acme::run(&config, command).await,
            Command::Config(config::Command::Show) => {
                config::show(&config);
                Ok(())
            }
            Command::Config(config::Command::Docs) => Ok(()),
        };
        done.map(|()| ExitCode::SUCCESS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The commands in a help text: those that begin with our name, up to a comment in a column of its own.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let words = |line: &str| {
            // What stands around it is the shell's: variables, pipes, where output goes.
            let command = line.split(" | ").find(|part| part.contains("djankiserv "))?;
            let (_, command) = command.split_once("djankiserv ")?;
            let command = command.split(" > ").next()?.trim_end_matches(')');
            let command = command.split("  ").next()?;
            // Every other part is in quotation marks.
            let parts = command.split('"').enumerate();
            let words = parts.flat_map(|(n, part)| if n % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
            Some(std::iter::once("djankiserv").chain(words).map(str::to_owned).collect())
        };
        help.lines().filter(|line| line.starts_with("  ")).filter_map(words).collect()
    }

    #[test]
    fn the_examples_in_help_texts_are_accepted() {
        fn check(command: &clap::Command, seen: &mut usize) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for words in examples(&help) {
                let parsed = Cli::command().try_get_matches_from(&words);
                let wrong = parsed.err().map(|error| error.to_string());
                assert_eq!(wrong, None, "the help of `{}`: {}", command.get_name(), words.join(" "));
                *seen += 1;
            }
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|c| check(c, seen));
        }
        let mut seen = 0;
        check(&Cli::command(), &mut seen);
        assert!(seen > 30, "{seen}");
        assert!(Cli::command().try_get_matches_from(["djankiserv", "user", "add", "--nonsense", "ann"]).is_err());
    }

    #[test]
    fn the_arguments_are_consistent_and_explained() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` has no help", command.get_name());
            for argument in command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
                assert!(argument.get_help().is_some(), "`{}` of `{}` has no help", argument.get_id(), command.get_name());
                // What stands in arguments is visible to every user of the machine.
                let takes_password = argument.get_id().as_str().contains("password") && argument.get_action().takes_values();
                assert!(!takes_password || argument.get_id() == "password_file", "`{}` takes a password", command.get_name());
            }
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(check);
        }
        Cli::command().debug_assert();
        check(&Cli::command());
    }
}
