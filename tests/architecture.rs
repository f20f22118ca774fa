//! The rules of the house, read from its sources: direction, circles, captions, and what no file may hold.
//!
//! Paths are collected from the syntax tree (uses, expressions, types), and from the tokens of macros and attributes,
//! and followed through re-exports to the file that defines what they name. Each rule has a twin that is given a
//! small made-up house in which the rule is broken: a check that cannot fail is none.

#[path = "architecture/circle.rs"]
mod circle;
#[path = "architecture/house.rs"]
mod house;
#[path = "architecture/mention.rs"]
mod mention;
#[path = "architecture/repository.rs"]
mod repository;

use house::{House, Place};
use mention::mentions;

/// Each room with the rooms that it may name. A new room is not allowed anywhere until it stands here.
///
/// `app` puts the house together and so may name every room; `main` may name what `app` is asked with.
const DIRECTION: [(&str, &[&str]); 21] = [
    ("domain", &[]),
    ("telemetry", &[]),
    ("shutdown", &[]),
    ("remote", &["domain"]),
    ("store", &["domain"]),
    // Limits that nodes share are kept in Redis.
    ("bsp", &["domain", "remote"]),
    ("catalog", &["domain"]),
    ("hook", &["domain"]),
    ("cache", &["domain", "remote"]),
    ("bus", &["domain", "remote"]),
    ("service", &["domain", "store", "bsp", "catalog", "hook", "cache", "bus"]),
    ("scheduler", &["domain", "service"]),
    // The bus beside the services: a resolver of a subscription listens to it.
    ("graphql", &["domain", "service", "bus"]),
    ("http", &["domain", "service", "scheduler", "graphql", "telemetry"]),
    ("sim", &["domain"]),
    (
        "config",
        &[
            "domain",
            "remote",
            "store",
            "bsp",
            "catalog",
            "hook",
            "cache",
            "bus",
            "service",
            "scheduler",
            "graphql",
            "http",
            "telemetry",
        ],
    ),
    // It changes nothing, and so may look at everything that is stored.
    ("doctor", &["domain", "store", "service", "config"]),
    ("app", &EVERY_ROOM_BUT_APP),
    // A script that plays on the whole house, as a person would.
    ("demo", &["domain", "service", "http", "config", "shutdown", "sim", "app"]),
    // `schema` prints the API and `token` makes the first token; what is concrete is `app`'s.
    ("main", &["app", "config", "demo", "doctor", "telemetry", "shutdown", "sim", "domain", "service", "graphql"]),
    ("", &[]),
];

const EVERY_ROOM_BUT_APP: [&str; 16] = [
    "domain",
    "remote",
    "telemetry",
    "shutdown",
    "store",
    "bsp",
    "catalog",
    "hook",
    "cache",
    "bus",
    "service",
    "scheduler",
    "graphql",
    "http",
    "sim",
    "config",
];

/// Beside `DIRECTION`, what tests inside a file may name: the stand-in for the BSPs.
const FOR_TESTS: &str = "sim";

/// The types of the API point at each other because the contract says so (an organisation has job runs, a job run has its
/// organisation), and there is a file for each: in this room alone the parts may need each other.
const CIRCULAR_BY_CONTRACT: &str = "graphql";

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "manager", "util", "utils"];

#[test]
fn imports_follow_the_direction() {
    let sources = repository::sources("src");
    expect_none(&against_the_direction(&read(&sources)));
}

#[test]
fn only_the_store_names_the_rows() {
    let sources = repository::sources("src");
    expect_none(&rows_outside_the_store(&read(&sources)));
}

#[test]
fn no_parts_of_a_module_need_each_other_in_a_circle() {
    let sources = repository::sources("src");
    expect_none(&circle::circles(&read(&sources), CIRCULAR_BY_CONTRACT));
}

#[test]
fn every_file_has_a_caption() {
    let sources = repository::rust();
    expect_none(&without_a_caption(&sources));
}

#[test]
fn every_module_has_a_name_that_says_what_is_in_it() {
    let sources = repository::sources("src");
    expect_none(&without_a_name(&read(&sources)));
}

#[test]
fn no_file_holds_a_machine_path_an_open_end_or_a_skipped_test() {
    expect_none(&repository::forbidden(&repository::texts()));
}

#[test]
fn the_direction_itself_has_no_circle() {
    expect_none(&circles_of_the_table(&DIRECTION));
}

fn against_the_direction(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for file in &house.files {
        let room = file.room();
        let Some((_, allowed)) = DIRECTION.iter().find(|(name, _)| *name == room) else {
            broken.push(format!("{}: the room `{room}` has no place in DIRECTION", file.name));
            continue;
        };
        for mention in mentions(house, file) {
            // What leads through a re-export of an allowed room is that room's business.
            let Some(other) = mention.path.first().filter(|_| !mention.rows && mention.place(house).is_some()) else {
                continue;
            };
            let known = house.files.iter().any(|file| file.room() == other.as_str());
            let fine = other == room || allowed.contains(&other.as_str()) || (mention.in_test && other == FOR_TESTS);
            if known && !fine {
                broken.push(format!(
                    "{}:{}: `{room}` may not name `{}`",
                    file.name,
                    mention.line,
                    mention.path.join("::")
                ));
            }
        }
    }
    tidy(broken)
}

fn rows_outside_the_store(house: &House) -> Vec<String> {
    let mut broken = Vec::new();
    for file in house.files.iter().filter(|file| file.room() != "store") {
        for mention in mentions(house, file).into_iter().filter(|mention| mention.rows) {
            let path = mention.path.join("::");
            broken.push(format!("{}:{}: only `store` may name `{path}`", file.name, mention.line));
        }
    }
    tidy(broken)
}

/// One sentence, on line 1, that ends there.
fn without_a_caption(sources: &[(String, String)]) -> Vec<String> {
    let has_one = |text: &str| {
        let caption = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        let inner = caption.and_then(|caption| caption.trim_end().strip_suffix('.'));
        let starts_anew = |rest: &str| rest.starts_with(char::is_uppercase);
        inner.is_some_and(|inner| inner.len() > 10 && !inner.split(". ").skip(1).any(starts_anew))
    };
    let bare = sources.iter().filter(|(_, text)| !has_one(text));
    bare.map(|(name, _)| format!("{name}:1: no `//!` caption of one sentence that ends on the line")).collect()
}

fn without_a_name(house: &House) -> Vec<String> {
    let empty = |module: &String| EMPTY_NAMES.contains(&module.as_str());
    let broken = house.files.iter().filter(|file| file.module.iter().any(empty));
    broken.map(|file| format!("{}: the name says nothing about what is inside", file.name)).collect()
}

fn circles_of_the_table(table: &[(&str, &[&str])]) -> Vec<String> {
    // Rooms leave the table one by one, each after all that it may name; what cannot leave is in a circle.
    let mut left: Vec<_> = table.to_vec();
    loop {
        let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
        let stays = |(_, allowed): &(&str, &[&str])| allowed.iter().any(|room| names.contains(room));
        let next: Vec<_> = left.iter().copied().filter(stays).collect();
        if next.len() == left.len() {
            return left.iter().map(|(name, _)| format!("`{name}` is in a circle")).collect();
        }
        left = next;
    }
}

fn read(sources: &[(String, String)]) -> House {
    let sources = sources.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    House::read(sources).unwrap_or_else(|error| panic!("{error}"))
}

fn tidy(mut broken: Vec<String>) -> Vec<String> {
    broken.sort();
    broken.dedup();
    broken
}

#[track_caller]
fn expect_none(broken: &[String]) {
    assert!(broken.is_empty(), "{} against the rules of the house:\n{}", broken.len(), broken.join("\n"));
}

mod caught {
    //! Each rule, broken on purpose in a made-up house.

    use super::*;

    fn house(files: &[(&str, &str)]) -> House {
        House::read(files.iter().copied()).expect("the made-up house is Rust")
    }

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        circle::circles(&house(files), CIRCULAR_BY_CONTRACT)
    }

    /// The rooms that the made-up files point at.
    const ROOMS: [(&str, &str); 5] = [
        ("src/lib.rs", "//! Map.\npub mod domain; pub mod store; pub mod service; pub mod graphql; pub mod sim;"),
        ("src/domain/mod.rs", "pub mod money;\npub struct Money;"),
        ("src/domain/money.rs", "pub fn parse() {}"),
        ("src/service/mod.rs", "pub use crate::store::Filter;\npub struct Core;"),
        ("src/sim/mod.rs", "pub struct Sim;"),
    ];

    fn with(files: &[(&str, &str)]) -> House {
        house(&ROOMS.iter().chain(files).copied().collect::<Vec<_>>())
    }

    #[test]
    fn an_import_against_the_direction_in_any_guise() {
        for (line, text) in [
            (1, "use crate::service::Core;"),
            (1, "use {crate::domain::Money, crate::{service as s}};"),
            (2, "use std::fmt;\nuse super::super::service;"),
            (1, "fn f() -> crate::service::Core { loop {} }"),
            (1, "fn f() { let _ = crate::service::Core; }"),
            (1, "fn f() { println!(\"{}\", crate::service::Core.name); }"),
            (1, "macro_rules! m { () => { $crate::service::Core } }"),
            (1, "#[serde(with = \"crate::service::text\")] struct S;"),
            (1, "#[derive(crate::service::Core)] struct S;"),
            (1, "mod inner { use super::super::super::service::Core; }"),
            (1, "pub use crate::service::*;"),
            (2, "#[cfg(test)] mod tests {\nuse crate::service::Core; }"),
        ] {
            let found = against_the_direction(&with(&[("src/store/mod.rs", ""), ("src/store/usage.rs", text)]));
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].starts_with(&format!("src/store/usage.rs:{line}: `store` may not name `service")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_none() {
        for text in [
            "//! See [`crate::service::Core`].\n/// And `crate::service`.\nfn f() {}",
            "fn f() { let text = \"crate::service::Core\"; }",
            "mod service { pub struct Core; } fn f() { let _ = service::Core; }",
            "use other::service::Core;",
            "#[cfg(test)] mod tests { use crate::sim::Sim; }",
            "use crate::domain::{self, money}; fn f() { domain::money::parse(); money::parse() }",
        ] {
            let found = against_the_direction(&with(&[("src/store/usage.rs", text)]));
            assert_eq!(found, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_sibling_the_stand_in_and_a_room_without_a_place() {
        let found = against_the_direction(&with(&[
            ("src/store/mod.rs", "use crate::sim::Sim; pub struct Filter;"),
            ("src/graphql/mod.rs", "use crate::store::Filter; use crate::service::Filter as Fine;"),
            ("src/attic.rs", "fn f() {}"),
        ]));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("src/attic.rs: the room `attic`"));
        assert!(found[1].contains("`graphql` may not name `store::Filter`"));
        assert!(found[2].contains("`store` may not name `sim::Sim`"));
    }

    #[test]
    fn a_binary_that_reaches_past_app() {
        let found = against_the_direction(&with(&[
            ("src/main.rs", "use wabacus::{domain, store::Store};"),
            ("src/store/mod.rs", ""),
        ]));
        assert_eq!(found, ["src/main.rs:1: `main` may not name `store::Store`"]);
    }

    #[test]
    fn rows_in_a_service_but_not_a_module_of_that_name() {
        let text = "use entity::organisation;\nfn f() { migration::Migrator::up(); }";
        let own = ("src/graphql/mod.rs", "mod entity { pub struct E; }\nuse entity::E;");
        let found = rows_outside_the_store(&with(&[("src/service/usage.rs", text), own, ("src/store/mod.rs", text)]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|line| line.starts_with("src/service/usage.rs:")));
    }

    #[test]
    fn a_circle_of_three_files_is_named() {
        let found = circles(&[
            ("src/store/mod.rs", "mod a; mod b; mod c; pub use a::A; pub use b::B;"),
            ("src/store/a.rs", "use super::B;\npub struct A;"),
            ("src/store/b.rs", "use crate::store::c;\npub struct B; fn f() { c::go() }"),
            ("src/store/c.rs", "pub fn go() {}\nfn f(_: super::a::A) {}"),
        ]);
        let circle =
            ["store::a -> store::b (src/store/a.rs:1)", "store::c (src/store/b.rs:2)", "store::a (src/store/c.rs:2)"];
        assert_eq!(found, [circle.join(" -> ")]);
    }

    #[test]
    fn a_circle_in_the_one_room_whose_types_point_at_each_other_by_contract() {
        let files = [
            ("src/graphql/mod.rs", "mod a; mod b;"),
            ("src/graphql/a.rs", "use super::b::B; pub struct A;"),
            ("src/graphql/b.rs", "use super::a::A; pub struct B;"),
        ];
        assert_eq!(circles(&files), Vec::<String>::new());
        let elsewhere = files.map(|(name, text)| (name.replace("graphql", "store"), text));
        assert_eq!(circles(&elsewhere.each_ref().map(|(name, text)| (name.as_str(), *text))).len(), 1);
    }

    #[test]
    fn a_circle_through_what_is_inside_two_parts() {
        let found = circles(&[
            ("src/store/mod.rs", "mod a; mod b;"),
            ("src/store/a/mod.rs", "mod x; pub struct A;"),
            ("src/store/a/x.rs", "use crate::store::b::B;"),
            ("src/store/b/mod.rs", "mod y; pub struct B;"),
            ("src/store/b/y.rs", "fn f(_: crate::store::a::A) {}"),
        ]);
        assert_eq!(found, ["store::a -> store::b (src/store/a/x.rs:1) -> store::a (src/store/b/y.rs:1)"]);
    }

    #[test]
    fn a_module_and_its_own_parts_are_one_thing() {
        let found = circles(&[
            ("src/store/mod.rs", "mod a; mod b; pub use b::B; pub struct Db { a: a::A }"),
            ("src/store/a.rs", "use super::{Db, B}; pub struct A;"),
            ("src/store/b.rs", "use super::Db; pub struct B;"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn tests_inside_a_file_make_no_circle() {
        let found = circles(&[
            ("src/store/mod.rs", "mod a; mod b;"),
            ("src/store/a.rs", "use super::b::B; pub struct A;"),
            ("src/store/b.rs", "pub struct B; #[cfg(test)] mod tests { use super::super::a::A; }"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_file_without_a_caption() {
        let wrong = [
            "",
            "// Not a doc.\n",
            "\n//! On the second line.\n",
            "//!\n",
            "//! No end\n",
            "//! Two of them. Not one.\n",
        ];
        for text in wrong {
            assert_eq!(without_a_caption(&[("a.rs".to_owned(), text.to_owned())]).len(), 1, "{text}");
        }
        let fine = ("a.rs".to_owned(), "//! Rows in and out: v1.2 of `a.b`, e.g. of usage.\n".to_owned());
        assert_eq!(without_a_caption(&[fine]), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_says_nothing() {
        assert_eq!(without_a_name(&house(&[("src/store/utils.rs", ""), ("src/store/usage.rs", "")])).len(), 1);
    }

    #[test]
    fn a_table_with_a_circle() {
        assert_eq!(circles_of_the_table(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]).len(), 2);
    }

    #[test]
    fn a_path_of_a_machine_an_open_end_and_a_skipped_test() {
        let text = |parts: &[&str]| ("docs/a.md".to_owned(), parts.concat());
        for parts in [["see /wo", "rk/main"], ["/ro", "ot/x"], ["// TO", "DO: later"], ["FIX", "ME"], ["#[igno", "re]"]]
        {
            assert_eq!(repository::forbidden(&[text(&parts)]).len(), 1, "{parts:?}");
        }
        let fine = text(&["mastodons work / root", " and ignore"]);
        assert_eq!(repository::forbidden(&[fine]), Vec::<String>::new());
    }

    #[test]
    fn a_place_is_followed_through_re_exports_and_globs() {
        let house = house(&[
            ("src/store/mod.rs", "mod a; pub use a::*;"),
            ("src/store/a.rs", "pub struct A;"),
            ("src/bus.rs", "pub use crate::store::A as Other;"),
        ]);
        let path = ["bus", "Other"].map(str::to_owned).to_vec();
        assert_eq!(house.resolve(&path), Some(Place::Item(1)));
    }
}
