//! Circles among the parts of a module: which part needs which, and the shortest way round.
//!
//! The parts of a module are its children, each with everything inside it. A part needs another when a file in it names
//! what a file of the other defines. A module and its own parts are one thing: the parts may use what the module
//! defines, and the module puts its parts together or shows them to others. Tests inside a file do not count.

use super::house::{House, Path, Place};
use super::mention::mentions;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// For each part the other parts of the same module that it needs, with the first place that says so.
type Needs = BTreeMap<Path, BTreeMap<Path, String>>;

/// One line for each circle, as `a -> b (src/a.rs:3) -> a (src/b.rs:7)`: each once, from its first part in the alphabet.
/// The room `but` is left out.
pub(crate) fn circles(house: &House, but: &str) -> Vec<String> {
    let needs = needs(house, but);
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for start in needs.keys() {
        if told.contains(start) {
            continue;
        }
        if let Some(circle) = shortest(&needs, start) {
            let steps = circle.iter().map(|(part, at)| format!("{} ({at})", part.join("::")));
            found.push([start.join("::")].into_iter().chain(steps).collect::<Vec<_>>().join(" -> "));
            told.extend(circle.into_iter().map(|(part, _)| part));
        }
    }
    found
}

fn needs(house: &House, but: &str) -> Needs {
    let mut needs = Needs::new();
    for file in house.files.iter().filter(|file| file.room() != but) {
        for mention in mentions(house, file).into_iter().filter(|mention| !mention.in_test) {
            let other = match mention.place(house) {
                Some(Place::Item(other)) => other,
                // An imported module is needed where something in it is named, and a glob needs it at once.
                Some(Place::Module(other)) if !mention.import => other,
                Some(Place::Module(_)) | None => continue,
            };
            let (ours, theirs) = (&file.module, &house.files[other].module);
            let common = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
            // Between rooms the direction decides.
            if common > 0
                && let (Some(part), Some(needed)) = (ours.get(..=common), theirs.get(..=common))
            {
                let at = format!("{}:{}", file.name, mention.line);
                needs.entry(part.to_vec()).or_default().entry(needed.to_vec()).or_insert(at);
            }
        }
    }
    needs
}

/// The shortest way from the part back to itself, as (next part, what leads there).
fn shortest(needs: &Needs, start: &Path) -> Option<Vec<(Path, String)>> {
    let mut came_from: BTreeMap<&Path, (&Path, &String)> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(here) = waiting.pop_front() {
        for (next, at) in needs.get(here).into_iter().flatten() {
            if came_from.contains_key(next) {
                continue;
            }
            came_from.insert(next, (here, at));
            if next == start {
                return Some(way_back(&came_from, start));
            }
            waiting.push_back(next);
        }
    }
    None
}

fn way_back(came_from: &BTreeMap<&Path, (&Path, &String)>, start: &Path) -> Vec<(Path, String)> {
    let mut way = Vec::new();
    let mut part = start;
    while let Some((before, at)) = came_from.get(part) {
        way.push((part.clone(), (*at).clone()));
        part = before;
        if part == start {
            break;
        }
    }
    way.reverse();
    way
}
