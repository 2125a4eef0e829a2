//! The documentation of a project as one page that needs nothing else: no server, no network, no other file.

mod data;
mod lineage;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

pub use data::{Material, data};
pub use lineage::lineage;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// In the order in which they build on each other.
const SCRIPTS: [&str; 9] = [
    include_str!("element.js"),
    include_str!("markdown.js"),
    include_str!("highlight.js"),
    include_str!("index.js"),
    include_str!("search.js"),
    include_str!("layout.js"),
    include_str!("graph.js"),
    include_str!("pages.js"),
    include_str!("app.js"),
];

/// The page. The browser runs the one script whose digest the page names, and nothing that a description or a name may
/// smuggle in; it loads nothing from elsewhere.
#[must_use]
pub fn page(material: &Material<'_>) -> String {
    let script = format!("(() => {{\n\"use strict\";\n{}}})();\n", SCRIPTS.concat());
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src 'self' data: file:; base-uri 'none'; form-action 'none'",
        digest(&script),
        digest(STYLE)
    );
    // Inside a script element only `<` could end it.
    let data = data(material).to_string().replace('<', "\\u003c");
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + script.len() + data.len());
    let mut rest = PAGE;
    while let Some((before, (name, after))) = rest
        .split_once("{{")
        .and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        page.push_str(before);
        match name {
            "title" => page.push_str(&escaped(material.project)),
            "policy" => page.push_str(&policy),
            "style" => page.push_str(STYLE),
            "script" => page.push_str(&script),
            "data" => page.push_str(&data),
            _ => {}
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_the_data_ends_the_script_that_holds_it() {
        let id = "model.p.</script><script>alert(1)</script>";
        let manifest = json!({ "nodes": { id: { "resource_type": "model", "name": "</script>{{script}}" } } });
        let nothing = json!({});
        let page = page(&Material::new("a <b> & {{data}}", &manifest, &nothing));
        // The page has two: the data and the program.
        assert_eq!(page.matches("</script").count(), 2);
        assert!(page.contains("<title>a &lt;b&gt; &amp; {{data}}"));
        assert!(page.contains(r#""name":"\u003c/script>{{script}}""#));
        assert!(!page.contains("{{title}}") && !page.contains("{{policy}}"));
    }

    #[test]
    fn the_page_names_the_digest_of_its_script() {
        let nothing = json!({});
        let page = page(&Material::new("p", &nothing, &nothing));
        let script = page
            .split("<script>")
            .nth(1)
            .expect("a script")
            .split("</script>")
            .next();
        assert!(page.contains(&format!("script-src '{}'", digest(script.expect("its end")))));
    }

    #[test]
    fn asks_nothing_of_the_network() {
        let text = [PAGE, STYLE, &SCRIPTS.concat()].concat();
        for call in [
            "fetch(",
            "XMLHttpRequest",
            "@import",
            "url(http",
            "src=\"http",
            "innerHTML",
            "eval(",
        ] {
            assert!(!text.contains(call), "{call}");
        }
    }
}
