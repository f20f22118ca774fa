//! Who mentions whom: every path in a file, in macros and attributes too, and where it leads.

use super::house::{File, House, Path, Place, leaves};
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The crates beside this one whose rows and migrations only the store may name.
pub(crate) const ROWS: [&str; 2] = ["entity", "migration"];

/// One path that was written in a file.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    /// From the root of the crate; one of `ROWS` stands first when it leads there.
    pub(crate) path: Path,
    /// Inside `#[cfg(test)]` or `#[test]`.
    pub(crate) in_test: bool,
    /// A `use` of one name; a glob is none, for it depends on everything in the module.
    pub(crate) import: bool,
    pub(crate) rows: bool,
}

impl Mention {
    /// Where it leads, unless out of the crate.
    pub(crate) fn place(&self, house: &House) -> Option<Place> {
        if self.rows { None } else { house.resolve(&self.path) }
    }
}

/// Every mention in the file of something in the crate, or of the rows.
pub(crate) fn mentions(house: &House, file: &File) -> Vec<Mention> {
    let tests = file.name.ends_with("/tests.rs");
    let mut walk = Walk { house, here: file.module.clone(), in_test: tests, found: Vec::new() };
    walk.visit_file(&file.syntax);
    walk.found
}

struct Walk<'a> {
    house: &'a House,
    here: Path,
    in_test: bool,
    found: Vec<Mention>,
}

impl Walk<'_> {
    fn note(&mut self, path: &[String], line: usize, import: bool) {
        let absolute = self.house.absolute(&self.here, path);
        let rows = absolute.is_none() && path.first().is_some_and(|first| ROWS.contains(&first.as_str()));
        let Some(path) = absolute.or_else(|| rows.then(|| path.to_vec())) else { return };
        self.found.push(Mention { line, path, in_test: self.in_test, import, rows });
    }

    /// Anything like `a::b::c` among tokens that syn does not parse.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let (mut line, mut colons) = (0, 0_u8);
        for token in
            tokens.into_iter().chain([TokenTree::Punct(proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone))])
        {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && colons < 2 && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => {
                    // `crate::a::{b, c}` in a macro: `crate::a` is enough to know the room.
                    self.scan(group.stream());
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            if path.len() > 1 {
                self.note(&path, line, false);
            }
            path.clear();
            colons = 0;
            if let TokenTree::Ident(ident) = &token {
                line = ident.span().start().line;
                path.push(ident.to_string());
            }
        }
    }

    /// `#[serde(with = "crate::domain::x")]` names a path in a text.
    fn scan_texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.scan_texts(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(syn::Lit::Str(text)) = syn::parse_str::<syn::Lit>(&literal.to_string())
                        && let Ok(path) = syn::parse_str::<syn::Path>(&text.value())
                    {
                        self.note_path(&path, literal.span().start().line);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) => {}
            }
        }
    }

    fn note_path(&mut self, path: &syn::Path, line: usize) {
        let segments: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.note(&segments, line, false);
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let outside = self.in_test;
        self.in_test |= attributes(item).iter().any(is_test);
        visit::visit_item(self, item);
        self.in_test = outside;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.here.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for leaf in leaves(&item.tree) {
            self.note(&leaf.path, leaf.line, leaf.name.is_some());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.note_path(path, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.scan(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
            self.scan_texts(list.tokens.clone());
        }
    }

    // `pub(in crate::store)` says who may look, not what is needed.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_test(attribute: &syn::Attribute) -> bool {
    let says_test = |tokens: &TokenStream| {
        let mut tokens = tokens.clone().into_iter();
        matches!((tokens.next(), tokens.next()), (Some(TokenTree::Ident(only)), None) if only == "test")
    };
    match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && says_test(&list.tokens),
        syn::Meta::NameValue(_) => false,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "syn's enum is open: a kind that is not named here is not a test")]
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
