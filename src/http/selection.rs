//! Measures what a document asks for once its fragments are expanded, in time linear in the document itself.
//!
//! The schema's own limits on depth and complexity walk a fragment again at every spread, so 24 fragments that each
//! spread the previous one twice (under 900 bytes) keep a core busy for seconds. Everything here is therefore counted
//! once per fragment, and nothing here recurses along a chain of fragments: the chain may be as long as the body.

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use std::collections::{HashMap, HashSet};

/// Brackets of any kind inside each other in the text of a document. The parser recurses on them before it looks at
/// its own limit of 64 selection sets, so deeper text would end the process, not the request.
const NESTING_MAX: usize = 128;

/// Levels of fields and fragments once expanded: what the parser allows within one definition, now across all.
const DEPTH_MAX: u64 = 64;

/// Why a document is not even validated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Brackets inside brackets in the text.
    #[error("The document is nested more than {NESTING_MAX} brackets deep.")]
    Nesting,
    /// Fields and fragments inside each other.
    #[error("The document is more than {DEPTH_MAX} levels deep once its fragments are expanded.")]
    Depth,
    /// Selections in all, fragments expanded at every spread.
    #[error("The document has more than {max} selections once its fragments are expanded.")]
    Selections {
        /// The configured limit.
        max: u64,
    },
    /// A fragment that spreads itself, be it by way of others.
    #[error("The fragments of the document spread each other in a circle.")]
    Cycle,
}

/// Refuses text whose brackets would overflow the parser's stack. Strings and comments are skipped.
pub(super) fn check_nesting(text: &str) -> Result<(), Refusal> {
    let mut rest = text.as_bytes();
    let mut depth = 0_usize;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'#' => skip_comment(tail),
            b'"' => skip_string(tail),
            _ => tail,
        };
        match byte {
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err(Refusal::Nesting);
        }
    }
    Ok(())
}

fn skip_comment(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    &rest[end..]
}

/// `rest` starts behind the opening quote. A plain string ends at its line at the latest, as in the parser.
fn skip_string(rest: &[u8]) -> &[u8] {
    if let Some(mut block) = rest.strip_prefix(b"\"\"") {
        while !block.is_empty() {
            if let Some(tail) = block.strip_prefix(b"\"\"\"") {
                return tail;
            }
            block = block.strip_prefix(b"\\\"\"\"").unwrap_or(&block[1..]);
        }
        return block;
    }
    let mut string = rest;
    while let Some((&byte, tail)) = string.split_first() {
        match byte {
            b'"' | b'\n' | b'\r' => return tail,
            b'\\' => string = tail.get(1..).unwrap_or_default(),
            _ => string = tail,
        }
    }
    string
}

/// Refuses a document whose operations together, fragments expanded, have more than `selections_max` selections, are
/// too deep, or never end. Fragments that no operation reaches count too: validation walks them as well.
pub(super) fn check_document(document: &ExecutableDocument, selections_max: u64) -> Result<(), Refusal> {
    let fragments: HashMap<&str, Definition<'_>> = document
        .fragments
        .iter()
        .map(|(name, fragment)| (Name::as_str(name), Definition::of(&fragment.node.selection_set.node)))
        .collect();
    let mut measures = HashMap::with_capacity(fragments.len());
    let mut total = Measure::default();
    for (_, operation) in document.operations.iter() {
        let operation = Definition::of(&operation.node.selection_set.node);
        for (_, name) in &operation.spreads {
            measure_fragment(name, &fragments, &mut measures)?;
        }
        total = total.beside(operation.expanded(&measures));
    }
    let reached: HashSet<&str> = measures.keys().copied().collect();
    for name in fragments.keys().filter(|name| !reached.contains(*name)) {
        measure_fragment(name, &fragments, &mut measures)?;
        total = total.beside(measures.get(name).copied().unwrap_or_default());
    }
    if total.selections > selections_max {
        return Err(Refusal::Selections { max: selections_max });
    }
    if total.depth > DEPTH_MAX {
        return Err(Refusal::Depth);
    }
    Ok(())
}

/// What a selection set costs with its fragments expanded.
#[derive(Debug, Default, Clone, Copy)]
struct Measure {
    selections: u64,
    depth: u64,
}

impl Measure {
    fn beside(self, other: Self) -> Self {
        Self { selections: self.selections.saturating_add(other.selections), depth: self.depth.max(other.depth) }
    }
}

/// The selections written in one definition, and the fragments it spreads with the level of each spread.
struct Definition<'a> {
    own: Measure,
    spreads: Vec<(u64, &'a str)>,
}

impl<'a> Definition<'a> {
    fn of(set: &'a SelectionSet) -> Self {
        let mut definition = Self { own: Measure::default(), spreads: Vec::new() };
        definition.walk(set, 1);
        definition
    }

    /// Recurses at most 64 times: the parser refuses deeper definitions.
    fn walk(&mut self, set: &'a SelectionSet, level: u64) {
        for selection in &set.items {
            self.own = self.own.beside(Measure { selections: 1, depth: level });
            match &selection.node {
                Selection::Field(field) => self.walk(&field.node.selection_set.node, level + 1),
                Selection::InlineFragment(inline) => self.walk(&inline.node.selection_set.node, level + 1),
                Selection::FragmentSpread(spread) => self.spreads.push((level, &spread.node.fragment_name.node)),
            }
        }
    }

    /// A spread of an unknown fragment costs nothing more: validation will name it.
    fn expanded(&self, measures: &HashMap<&str, Measure>) -> Measure {
        self.spreads.iter().fold(self.own, |sum, (level, name)| {
            let inner = measures.get(name).copied().unwrap_or_default();
            sum.beside(Measure { selections: inner.selections, depth: level.saturating_add(inner.depth) })
        })
    }
}

/// Measures a fragment after all that it spreads, with a stack of its own instead of recursion.
fn measure_fragment<'a>(
    root: &'a str,
    fragments: &HashMap<&'a str, Definition<'a>>,
    measures: &mut HashMap<&'a str, Measure>,
) -> Result<(), Refusal> {
    // Each entry is a fragment and how many of its spreads have been looked into.
    let mut stack: Vec<(&'a str, usize)> = vec![(root, 0)];
    let mut open: HashSet<&'a str> = HashSet::new();
    while let Some((name, looked)) = stack.pop() {
        let Some(definition) = fragments.get(name) else { continue };
        if looked == 0 {
            if measures.contains_key(name) {
                continue;
            }
            if !open.insert(name) {
                return Err(Refusal::Cycle);
            }
        }
        if let Some((_, inner)) = definition.spreads.get(looked) {
            stack.push((name, looked + 1));
            stack.push((inner, 0));
        } else {
            open.remove(name);
            measures.insert(name, definition.expanded(measures));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};

    fn check(text: &str, max: u64) -> Result<(), Refusal> {
        check_nesting(text)?;
        check_document(&parse_query(text).expect("the document parses"), max)
    }

    /// `levels` fragments, each spreading the previous one twice.
    fn bomb(levels: usize) -> String {
        let mut text = format!("query {{ ...F{levels} }} fragment F0 on Query {{ __typename }}");
        for level in 1..=levels {
            write!(text, " fragment F{level} on Query {{ ...F{0} ...F{0} }}", level - 1).expect("a string takes all");
        }
        text
    }

    #[test]
    fn a_plain_query_is_counted_as_written() {
        assert_eq!(check("{ a b { c ... on T { d } } }", 5), Ok(()));
        assert_eq!(check("{ a b { c ... on T { d } } }", 4), Err(Refusal::Selections { max: 4 }));
    }

    #[test]
    fn a_fragment_counts_at_each_spread() {
        let text = "{ ...F ...F } fragment F on Query { a b }";
        assert_eq!(check(text, 6), Ok(()));
        assert_eq!(check(text, 5), Err(Refusal::Selections { max: 5 }));
    }

    #[test]
    fn operations_of_one_document_count_together_and_so_do_unused_fragments() {
        assert_eq!(check("query A { a } query B { b }", 1), Err(Refusal::Selections { max: 1 }));
        assert_eq!(check("{ a } fragment F on Query { a b }", 2), Err(Refusal::Selections { max: 2 }));
    }

    #[test]
    fn the_fragment_bomb_is_refused_in_under_five_milliseconds() {
        let document = parse_query(bomb(24)).expect("the document parses");
        // The best of a few, because a busy machine may stop any one of them in the middle.
        let best = (0..10).map(|_| {
            let began = Instant::now();
            assert_eq!(check_document(&document, 5_000), Err(Refusal::Selections { max: 5_000 }));
            began.elapsed()
        });
        assert!(best.clone().min() < Some(Duration::from_millis(5)), "{:?}", best.min());
    }

    #[test]
    fn a_count_beyond_64_bits_is_still_refused() {
        assert_eq!(check(&bomb(200), 5_000), Err(Refusal::Selections { max: 5_000 }));
    }

    #[test]
    fn circles_of_one_two_and_unused_fragments_are_found() {
        for text in [
            "{ ...A } fragment A on Query { ...A }",
            "{ ...A } fragment A on Query { x ...B } fragment B on Query { y { ...A } }",
            "{ x } fragment A on Query { ...B } fragment B on Query { ...A }",
        ] {
            assert_eq!(check(text, 5_000), Err(Refusal::Cycle), "{text}");
        }
    }

    #[test]
    fn the_same_fragment_by_two_ways_is_no_circle() {
        let text = "{ ...A ...B } fragment A on Query { ...C } fragment B on Query { ...C } fragment C on Query { x }";
        assert_eq!(check(text, 5_000), Ok(()));
    }

    #[test]
    fn a_chain_of_fragments_as_long_as_the_body_is_refused_without_overflowing_the_stack() {
        let mut text = String::from("{ ...F0 }");
        for level in 0..20_000 {
            write!(text, " fragment F{level} on Query {{ ...F{} }}", level + 1).expect("a string takes all");
        }
        text.push_str(" fragment F20000 on Query { a }");
        assert_eq!(check(&text, 1_000_000), Err(Refusal::Depth));
    }

    #[test]
    fn brackets_nested_as_deep_as_the_body_are_refused_before_the_parser_sees_them() {
        for open in ["{a", "[", "{a(b:["] {
            assert_eq!(check_nesting(&open.repeat(300_000)), Err(Refusal::Nesting));
        }
    }

    #[test]
    fn text_at_the_limit_of_nesting_is_parsed_on_a_small_stack() {
        let values = format!("{{ a(b: {}{}) }}", "[".repeat(126), "]".repeat(126));
        let sets = format!("{}{}", "{a".repeat(128), "}".repeat(128));
        let list_type = format!("query($v: {}Int{}) {{ a }}", "[".repeat(126), "]".repeat(126));
        for text in [values, sets, list_type] {
            assert_eq!(check_nesting(&text), Ok(()));
            let parsed = std::thread::Builder::new().stack_size(2 << 20).spawn(move || parse_query(text).is_ok());
            parsed.expect("a thread starts").join().expect("the parser survives");
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "{".repeat(1_000);
        for text in [
            format!("{{ a(b: \"{many}\") }}"),
            format!("{{ a(b: \"\\\"{many}\") }}"),
            format!("{{ a(b: \"\"\"{many} \\\"\"\" {many}\"\"\") }}"),
            format!("# {many}\n{{ a }}"),
            format!("{{ a(b: \"\") }} # {many}"),
        ] {
            assert_eq!(check_nesting(&text), Ok(()), "{text}");
        }
    }
}
