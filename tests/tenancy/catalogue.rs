//! Every question that the schema allows, made from the schema: each root field, and each place that takes an id.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// What stands for the id in a question until it is asked.
const ID: &str = "\"<id>\"";

/// What stands for a channel of the asker's own, beside the id that a question is about.
pub(crate) const OWN_CHANNEL: &str = "<own channel>";

/// How deep the answers are read.
const DEPTH: usize = 3;

/// One question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// What it is about, such as `Query.node(id)`.
    pub(crate) place: String,
    text: String,
}

impl Question {
    pub(crate) fn with_id(&self, id: &str) -> String {
        self.text.replace(ID, &format!("\"{id}\""))
    }

    /// With ids that belong to nobody, where one is required.
    pub(crate) fn without_id(&self) -> String {
        let channel = "chn_0192b7c0f0007000800000000000000a";
        self.with_id("org_0192b7c0f0007000800000000000000a").replace(OWN_CHANNEL, channel)
    }

    pub(crate) fn is_query(&self) -> bool {
        self.text.starts_with("query")
    }

    pub(crate) fn is_subscription(&self) -> bool {
        self.text.starts_with("subscription")
    }

    /// Whether it is asked of an object and not of a root.
    pub(crate) fn is_nested(&self) -> bool {
        !["Query.", "Mutation.", "Subscription."].iter().any(|root| self.place.starts_with(root))
    }
}

/// The types of the schema.
#[derive(Debug)]
pub(crate) struct Catalogue {
    types: BTreeMap<String, TypeDefinition>,
}

fn named(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => named(inner),
    }
}

fn is_required(value: &InputValueDefinition) -> bool {
    !value.ty.node.nullable && value.default_value.is_none()
}

impl Catalogue {
    pub(crate) fn of_schema() -> Self {
        let document = parse_schema(wabacus::graphql::sdl()).expect("the schema in its own language");
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self { types: types.map(|definition| (definition.name.node.to_string(), definition)).collect() }
    }

    fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        match self.types.get(name).map(|definition| &definition.kind) {
            Some(TypeKind::Object(object)) => object.fields.iter().map(|field| &field.node).collect(),
            Some(TypeKind::Interface(interface)) => interface.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.types.iter().filter(|(_, definition)| matches!(definition.kind, TypeKind::Object(_)));
        objects.map(|(name, _)| name.as_str())
    }

    /// Each root field with what it requires and no more.
    pub(crate) fn roots(&self) -> Vec<Question> {
        let roots = ["Query", "Mutation", "Subscription"];
        let fields = roots.into_iter().flat_map(|root| self.fields(root).into_iter().map(move |field| (root, field)));
        fields.map(|(root, field)| self.question(root, field, None)).collect()
    }

    /// Each place that takes an id, an argument or a field of an input, with an id there.
    pub(crate) fn with_ids(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for object in self.objects() {
            for field in self.fields(object) {
                for path in field.arguments.iter().flat_map(|argument| self.id_paths(&argument.node)) {
                    questions.push(self.question(object, field, Some(&path)));
                }
            }
        }
        questions
    }

    /// The ways into an argument that end at an id: itself, or a field of the input object that it is.
    fn id_paths(&self, value: &InputValueDefinition) -> Vec<Vec<String>> {
        let name = value.name.node.to_string();
        let of = named(&value.ty.node);
        if of == "ID" && name == "planId" {
            return Vec::new();
        }
        if of == "ID" {
            return vec![vec![name]];
        }
        let Some(TypeKind::InputObject(input)) = self.types.get(&of).map(|definition| &definition.kind) else {
            return Vec::new();
        };
        let inner = input.fields.iter().flat_map(|field| self.id_paths(&field.node));
        inner.map(|path| std::iter::once(name.clone()).chain(path).collect()).collect()
    }

    fn question(&self, object: &str, field: &FieldDefinition, id_at: Option<&[String]>) -> Question {
        let at = id_at.map(|path| format!("({})", path.join("."))).unwrap_or_default();
        let place = format!("{object}.{}{at}", field.name.node);
        let arguments: Vec<_> = field
            .arguments
            .iter()
            .filter_map(|argument| {
                let path =
                    id_at.and_then(|path| path.split_first()).filter(|(first, _)| **first == *argument.node.name.node);
                self.argument(&argument.node, path.map(|(_, rest)| rest))
            })
            .collect();
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let asked = format!("{}{arguments} {}", field.name.node, self.selection(&named(&field.ty.node), DEPTH));
        let text = match object {
            "Query" => format!("query {{ {asked} }}"),
            "Mutation" => format!("mutation {{ {asked} }}"),
            "Subscription" => format!("subscription {{ {asked} }}"),
            object => self.inside(object, &asked),
        };
        Question { place, text }
    }

    /// An argument or input field with a value, if it is required or leads to the id.
    fn argument(&self, value: &InputValueDefinition, id_at: Option<&[String]>) -> Option<String> {
        // A record without it is refused for that, whatever else it names; and full pages of everything would be too much to ask for.
        if id_at.is_none() && !is_required(value) && !["resourceId", "first"].contains(&value.name.node.as_str()) {
            return None;
        }
        Some(format!("{}: {}", value.name.node, self.value(&value.ty.node, &value.name.node, id_at)))
    }

    fn value(&self, of: &Type, name: &str, id_at: Option<&[String]>) -> String {
        if let BaseType::List(inner) = &of.base {
            return format!("[{}]", self.value(inner, name, id_at));
        }
        let of = named(of);
        match (of.as_str(), name) {
            // A plan belongs to nobody, so its id is one that every installation has.
            ("ID", "planId") => return "\"pln_00000000000070008000000003000000\"".to_owned(),
            // What belongs to a campaign belongs to a channel as well.
            ("ID", "channelId") if id_at.is_none() => return format!("\"{OWN_CHANNEL}\""),
            ("ID", _) => return ID.to_owned(),
            ("Int", "first") => return "5".to_owned(),
            ("Int", _) => return "1".to_owned(),
            ("Boolean", _) => return "true".to_owned(),
            ("Date", _) => return "\"2026-06-01\"".to_owned(),
            ("Month", _) => return "\"2026-06\"".to_owned(),
            // What is told of has happened.
            ("DateTime", "createdAt" | "openedAt") => return "\"2026-06-04T00:00:00.000Z\"".to_owned(),
            ("DateTime", _) => return "\"2030-06-01T00:00:00.000Z\"".to_owned(),
            ("Decimal", _) => return "\"1\"".to_owned(),
            ("JSON", _) => return "{}".to_owned(),
            ("String", "after") => return "\"ZTow\"".to_owned(),
            ("String", "customerPhone") => return "\"+919800000001\"".to_owned(),
            ("String", "timeZone") => return "\"Asia/Kolkata\"".to_owned(),
            ("String", _) => return "\"x\"".to_owned(),
            _ => {}
        }
        match &self.types[&of].kind {
            TypeKind::Enum(values) => values.values[0].node.value.node.to_string(),
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter().map(|field| &field.node).filter_map(|field| {
                    let path = id_at.and_then(|path| path.split_first());
                    let path = path.filter(|(first, _)| **first == *field.name.node).map(|(_, rest)| rest);
                    self.argument(field, path)
                });
                format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
            }
            TypeKind::Scalar | TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_) => {
                panic!("no value is known for {of}")
            }
        }
    }

    /// Everything of an object that can be asked without arguments, some way down.
    fn selection(&self, of: &str, depth: usize) -> String {
        let fields = self.fields(of);
        if fields.is_empty() {
            return String::new();
        }
        let plain = fields.into_iter().filter(|field| !field.arguments.iter().any(|value| is_required(&value.node)));
        let selections = plain.filter_map(|field| {
            let inner = named(&field.ty.node);
            if self.fields(&inner).is_empty() {
                return Some(field.name.node.to_string());
            }
            (depth > 0).then(|| format!("{} {}", field.name.node, self.selection(&inner, depth - 1)))
        });
        format!("{{ __typename {} }}", selections.collect::<Vec<_>>().join(" "))
    }

    /// `asked` inside an object of the type, by the shortest way that leads there without arguments.
    fn inside(&self, object: &str, asked: &str) -> String {
        let mut ways = VecDeque::from([("Query".to_owned(), Vec::new())]);
        let mut seen = BTreeSet::new();
        while let Some((at, way)) = ways.pop_front() {
            if at == object {
                let (open, close) = (way.join(" { "), "} ".repeat(way.len()));
                return format!("query {{ {open} {{ {asked} {close}}}");
            }
            for field in self.fields(&at) {
                let next = named(&field.ty.node);
                if !field.arguments.iter().any(|value| is_required(&value.node)) && seen.insert(next.clone()) {
                    ways.push_back((
                        next,
                        way.iter().cloned().chain([field.name.node.to_string()]).collect::<Vec<_>>(),
                    ));
                }
            }
        }
        panic!("no way leads to {object}: say here how it is reached");
    }
}
