//! GraphiQL as a person uses it: opened in a real browser, a token in its header editor, a document typed and run.

use std::path::Path;

use serde_json::{Value, json};

use super::node::script;

/// Opens GraphiQL in a real browser and runs the documents with a token; what it shows for each.
pub async fn run(url: &str, token: &str, folder: &Path, documents: &[&str]) -> Vec<Value> {
    let mut arguments = vec![url.to_owned(), token.to_owned()];
    for (place, document) in documents.iter().enumerate() {
        let file = folder.join(format!("{place}.graphql"));
        std::fs::write(&file, document).expect("a file for a document");
        arguments.push(file.display().to_string());
    }
    let mut report = script("graphiql.mjs", arguments).await;
    assert_eq!((&report["foreign"], &report["violations"]), (&json!([]), &json!([])));
    serde_json::from_value(report["results"].take()).expect("a list of results")
}
