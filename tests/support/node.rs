//! Real clients of the API, from npm: scripts of `tests/node` run by Node.js.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

/// Runs a script with these arguments; what it printed, which is JSON.
pub async fn script(name: &str, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Value {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    assert!(
        scripts.join("node_modules").exists(),
        "the npm clients are not installed; run: npm ci --ignore-scripts --prefix tests/node"
    );
    let mut command = Command::new("node");
    command.arg(scripts.join(name)).args(arguments).kill_on_drop(true);
    let output = command.output().await.expect("node runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
