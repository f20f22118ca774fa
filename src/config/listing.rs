//! The settings as a person reads them in a terminal.

use super::reader::Listed;

/// What a line holds at most, as long as a value lets it.
const COLUMNS: usize = 100;

/// How far the meaning of a setting is from the edge.
const INDENT: usize = 6;

/// Every setting, chapter by chapter: its name, its value, where that comes from, and below what it means.
pub fn listing(listed: &[Listed]) -> String {
    let mut text = String::new();
    let mut chapter = None;
    for setting in listed {
        if chapter != Some(setting.chapter) {
            let gap = if chapter.is_some() { "\n" } else { "" };
            text.extend([gap, setting.chapter, "\n"]);
            chapter = Some(setting.chapter);
        }
        let value = if setting.value.is_empty() { "-" } else { &setting.value };
        let begin = format!("  {} = {value}", setting.name);
        let source = format!("({})", setting.source);
        let gap = COLUMNS.saturating_sub(begin.chars().count() + source.len()).max(2);
        text.extend([begin, " ".repeat(gap), source, "\n".to_owned()]);
        for line in wrapped(setting.meaning) {
            text.extend([" ".repeat(INDENT), line, "\n".to_owned()]);
        }
    }
    text
}

/// The words of a sentence in lines that fit.
fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        let line = lines.last_mut().expect("there is a line from the start");
        if !line.is_empty() && INDENT + line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
