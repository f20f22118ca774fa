//! The sources as a tree of modules: which file holds which module, and what each module brings into its scope.

use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A path from the root of the crate, without `crate`: `["store", "usage", "upsert"]`.
pub(crate) type Path = Vec<String>;

/// One parsed file.
pub(crate) struct File {
    /// From the root of the repository: `src/store/usage.rs`.
    pub(crate) name: String,
    pub(crate) module: Path,
    pub(crate) syntax: syn::File,
}

impl File {
    /// The top-level module that the file belongs to; empty for `src/lib.rs`.
    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }
}

/// What a name stands for that a `use` brought into a module.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) names: BTreeMap<String, Path>,
    globs: Vec<Path>,
    items: BTreeSet<String>,
}

/// Every file of `src`, and every module in them, those written inside a file included.
pub(crate) struct House {
    pub(crate) files: Vec<File>,
    /// The module's file, as an index into `files`.
    modules: BTreeMap<Path, usize>,
    scopes: BTreeMap<Path, Scope>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A module itself, held by the file with this index.
    Module(usize),
    /// Something that the file with this index defines.
    Item(usize),
}

impl House {
    /// Reads the sources given as (name, text). Fails on the first one that is not Rust.
    pub(crate) fn read<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut house = Self { files: Vec::new(), modules: BTreeMap::new(), scopes: BTreeMap::new() };
        for (name, text) in sources {
            let syntax = syn::parse_file(text).map_err(|error| format!("{name} is not Rust: {error}"))?;
            house.files.push(File { name: name.to_owned(), module: module_of(name), syntax });
        }
        for (index, file) in house.files.iter().enumerate() {
            house.modules.insert(file.module.clone(), index);
        }
        // Names are looked up once the modules that are written inside files are known too.
        let mut survey = Survey { here: Path::new(), found: Vec::new(), uses: Vec::new(), items: Vec::new() };
        for (index, file) in house.files.iter().enumerate() {
            survey.here.clone_from(&file.module);
            survey.visit_file(&file.syntax);
            house.modules.extend(survey.found.drain(..).map(|module| (module, index)));
        }
        for (module, item) in survey.items {
            house.scopes.entry(module).or_default().items.insert(item);
        }
        for (module, leaf) in survey.uses {
            house.bring(&module, leaf);
        }
        Ok(house)
    }

    fn bring(&mut self, module: &Path, leaf: Leaf) {
        if let [only] = leaf.path.as_slice()
            && leaf.name.as_ref() == Some(only)
        {
            // `pub(crate) use a_macro;` gives a macro of this module a path.
            self.scopes.entry(module.clone()).or_default().items.insert(only.clone());
            return;
        }
        let Some(target) = self.absolute(module, &leaf.path) else { return };
        let scope = self.scopes.entry(module.clone()).or_default();
        match leaf.name {
            Some(name) => drop(scope.names.insert(name, target)),
            None => scope.globs.push(target),
        }
    }

    /// The path from the root of the crate, or nothing when it leads out of the crate or to something local.
    pub(crate) fn absolute(&self, module: &Path, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let base = match first.as_str() {
            "wabacus" => Path::new(),
            "crate" => {
                module.iter().take(usize::from(module.first().is_some_and(|room| room == "main"))).cloned().collect()
            }
            "self" => module.clone(),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                let parent = module.get(..module.len().checked_sub(ups)?)?;
                return Some(parent.iter().chain(path.get(ups..)?).cloned().collect());
            }
            name => {
                let child: Path = module.iter().chain([first]).cloned().collect();
                if self.modules.contains_key(&child) {
                    child
                } else {
                    self.scopes.get(module)?.names.get(name)?.clone()
                }
            }
        };
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// Where the path leads, through as many re-exports as it takes.
    pub(crate) fn resolve(&self, path: &Path) -> Option<Place> {
        self.follow(path, 0)
    }

    fn follow(&self, path: &Path, hops: usize) -> Option<Place> {
        let mut here = Path::new();
        for (index, segment) in path.iter().enumerate() {
            let child: Path = here.iter().chain([segment]).cloned().collect();
            if self.modules.contains_key(&child) {
                here = child;
                continue;
            }
            let scope = self.scopes.get(&here);
            // A circle of re-exports does not compile; the bound keeps a made-up one from hanging the test.
            if hops < 16
                && let Some(target) = scope.and_then(|scope| self.imported(scope, segment))
            {
                let rest = path.get(index + 1..).unwrap_or_default();
                return self.follow(&target.into_iter().chain(rest.iter().cloned()).collect(), hops + 1);
            }
            return self.modules.get(&here).copied().map(Place::Item);
        }
        self.modules.get(&here).copied().map(Place::Module)
    }

    fn imported(&self, scope: &Scope, name: &str) -> Option<Path> {
        if scope.items.contains(name) {
            return None;
        }
        scope.names.get(name).cloned().or_else(|| {
            let glob = scope.globs.iter().find(|target| {
                let theirs = self.scopes.get(*target);
                theirs.is_some_and(|theirs| theirs.items.contains(name) || theirs.names.contains_key(name))
            })?;
            Some(glob.iter().cloned().chain([name.to_owned()]).collect())
        })
    }
}

/// `src/store/usage.rs` and `src/store/usage/mod.rs` are both `store::usage`; `src/bin/x.rs` counts as `main`.
fn module_of(name: &str) -> Path {
    let inner = name.strip_prefix("src/").unwrap_or(name).trim_end_matches(".rs");
    let mut module: Path = inner.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    if module.first().is_some_and(|first| first == "bin") {
        "main".clone_into(&mut module[0]);
    }
    module
}

/// One name at the end of a `use`; a glob has none.
pub(crate) struct Leaf {
    pub(crate) path: Path,
    pub(crate) name: Option<String>,
    pub(crate) line: usize,
}

/// Takes `use a::{b, c as d, e::*, f::{self}};` apart.
pub(crate) fn leaves(tree: &syn::UseTree) -> Vec<Leaf> {
    let mut found = Vec::new();
    descend(tree, &mut Path::new(), &mut found);
    found
}

fn descend(tree: &syn::UseTree, above: &mut Path, found: &mut Vec<Leaf>) {
    let mut push = |ident: &syn::Ident, name: &syn::Ident| {
        let mut path = above.clone();
        // `{self}` names what stands before the brace; a leading `self` is a real segment.
        if ident != "self" || path.is_empty() {
            path.push(ident.to_string());
        }
        let name = if name == "self" { path.last().cloned() } else { Some(name.to_string()) };
        found.push(Leaf { path, name, line: ident.span().start().line });
    };
    match tree {
        syn::UseTree::Name(leaf) => push(&leaf.ident, &leaf.ident),
        syn::UseTree::Rename(leaf) => push(&leaf.ident, &leaf.rename),
        syn::UseTree::Glob(leaf) => {
            let line = leaf.star_token.spans.first().map_or(0, |span| span.start().line);
            found.push(Leaf { path: above.clone(), name: None, line });
        }
        syn::UseTree::Path(step) => {
            above.push(step.ident.to_string());
            descend(&step.tree, above, found);
            above.pop();
        }
        syn::UseTree::Group(group) => {
            for inner in &group.items {
                descend(inner, above, found);
            }
        }
    }
}

/// The first walk: inner modules, what is defined, what is brought in.
struct Survey {
    here: Path,
    found: Vec<Path>,
    uses: Vec<(Path, Leaf)>,
    items: Vec<(Path, String)>,
}

impl<'ast> Visit<'ast> for Survey {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.here.push(item.ident.to_string());
        if item.content.is_some() {
            self.found.push(self.here.clone());
            visit::visit_item_mod(self, item);
        }
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.uses.extend(leaves(&item.tree).into_iter().map(|leaf| (self.here.clone(), leaf)));
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if let Some(name) = defined(item) {
            self.items.push((self.here.clone(), name.to_string()));
        }
        visit::visit_item(self, item);
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "syn's enum is open: only the kinds that define a name matter")]
fn defined(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}
