//! The schema as clients hold on to it: printed by the binary, described throughout, and with nothing missing that was promised.

use std::collections::BTreeMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    InputValueDefinition, ServiceDocument, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use wabacus::graphql::sdl;

/// What was promised, of what is built so far.
const CONTRACT: &str = include_str!("schema/contract.graphql");

fn types(document: ServiceDocument) -> BTreeMap<String, TypeDefinition> {
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
    });
    types.map(|definition| (definition.name.node.to_string(), definition)).collect()
}

/// An argument or input field as `name: Type = default`.
fn value(definition: &InputValueDefinition) -> String {
    let default = definition.default_value.as_ref().map_or(String::new(), |value| format!(" = {}", value.node));
    format!("{}: {}{default}", definition.name.node, definition.ty.node)
}

/// Everything that a client can hold on to, a line each, with the description if there is one.
fn parts(definition: &TypeDefinition) -> Vec<(String, Option<String>)> {
    let name = &definition.name.node;
    let described = |text: &Option<async_graphql::Positioned<String>>| text.as_ref().map(|text| text.node.clone());
    let mut parts = vec![(format!("type {name}"), described(&definition.description))];
    let (fields, implements) = match &definition.kind {
        TypeKind::Object(object) => (object.fields.as_slice(), object.implements.as_slice()),
        TypeKind::Interface(interface) => (interface.fields.as_slice(), interface.implements.as_slice()),
        TypeKind::Enum(values) => {
            let values = values.values.iter().map(|value| &value.node);
            parts.extend(values.map(|value| (format!("{name}.{}", value.value.node), described(&value.description))));
            return parts;
        }
        TypeKind::InputObject(input) => {
            let fields = input.fields.iter().map(|field| &field.node);
            parts.extend(fields.map(|field| (format!("{name}.{}", value(field)), described(&field.description))));
            return parts;
        }
        TypeKind::Scalar | TypeKind::Union(_) => return parts,
    };
    parts.extend(implements.iter().map(|node| (format!("{name} implements {}", node.node), Some(String::new()))));
    for field in fields.iter().map(|field| &field.node) {
        let path = format!("{name}.{}", field.name.node);
        parts.push((format!("{path}: {}", field.ty.node), described(&field.description)));
        let arguments = field.arguments.iter().map(|argument| &argument.node);
        parts.extend(
            arguments.map(|argument| (format!("{path}({})", value(argument)), described(&argument.description))),
        );
    }
    parts
}

fn all_parts(sdl: &str) -> Vec<(String, Option<String>)> {
    let document = parse_schema(sdl).expect("a schema in its own language");
    types(document).values().flat_map(parts).collect()
}

#[test]
fn the_printed_schema_is_the_one_in_the_repository() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept == sdl(), "schema.graphql is stale; write it anew with: cargo run -- schema > schema.graphql");
}

#[test]
fn everything_is_described() {
    let parts = all_parts(&sdl());
    assert!(parts.len() > 300, "only {} parts were found", parts.len());
    let silent: Vec<_> = parts.iter().filter(|(_, text)| text.is_none()).map(|(part, _)| part).collect();
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

#[test]
fn what_was_promised_is_there_as_it_was_promised() {
    let there: Vec<_> = all_parts(&sdl()).into_iter().map(|(part, _)| part).collect();
    let promised = all_parts(CONTRACT);
    assert!(promised.len() > 250, "only {} parts were promised", promised.len());
    let missing: Vec<_> = promised.into_iter().map(|(part, _)| part).filter(|part| !there.contains(part)).collect();
    assert!(missing.is_empty(), "missing, or otherwise than promised: {missing:#?}");
}

#[test]
fn the_instant_says_where_its_form_is_specified() {
    assert!(sdl().contains("scalar DateTime @specifiedBy(url: \"https://scalars.graphql.org/andimarek/date-time\")"));
}
