//! Where commands take passwords from: a prompt, standard input or a file, never from arguments, which every user of the machine can see.

use anyhow::{Context, bail};
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

/// The ways to hand over a password.
#[derive(Debug, clap::Args)]
pub struct PasswordInput {
    /// Read the password from standard input instead of asking for it
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Read the password from a file instead of asking for it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordInput {
    /// Gets the password. A line end at its end does not belong to it.
    pub fn get(&self) -> anyhow::Result<String> {
        let text = if let Some(path) = &self.password_file {
            std::fs::read_to_string(path).with_context(|| format!("cannot read the password from {}", path.display()))?
        } else if self.password_stdin {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("cannot read the password from standard input")?;
            text
        } else {
            return ask();
        };
        let password = without_line_end(&text);
        if password.contains('\n') {
            bail!("the password has several lines; it must be one");
        }
        Ok(password.to_owned())
    }
}

fn ask() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a password; use --password-stdin or --password-file");
    }
    let password = rpassword::prompt_password("Password: ").context("cannot read the password")?;
    if rpassword::prompt_password("The same again: ").context("cannot read the password")? != password {
        bail!("the two passwords differ; nothing has been changed");
    }
    Ok(password)
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_cut_off() {
        for (text, want) in [("pw\n", "pw"), ("pw\r\n", "pw"), ("pw", "pw"), (" p w \n", " p w "), ("pw\n\n", "pw\n")] {
            assert_eq!(without_line_end(text), want, "{text:?}");
        }
    }

    #[test]
    fn a_file_with_several_lines_is_refused() -> anyhow::Result<()> {
        let path = std::env::temp_dir().join(format!("djankiserv-password-{}", std::process::id()));
        let input = PasswordInput { password_stdin: false, password_file: Some(path.clone()) };
        std::fs::write(&path, "pw\nuser2:pw\n")?;
        assert!(input.get().is_err_and(|e| e.to_string().contains("several lines")));
        std::fs::write(&path, "pässword\n")?;
        assert_eq!(input.get()?, "pässword");
        std::fs::remove_file(&path)?;
        assert!(input.get().is_err());
        Ok(())
    }
}
