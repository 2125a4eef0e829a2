//! Reads an expression with Jinja2's precedence and notes the edits that give it Python's meaning under minijinja.
//!
//! A construct that this reader does not know makes it give up on the tag, so that minijinja reports the error itself.

use std::ops::Range;

use super::edit::Edits;
use super::token::{Token, TokenKind};

/// minijinja gives up at 150 levels.
const DEPTH: usize = 160;

/// What an expression is, as far as statements care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A literal or a name: nothing new is made.
    Plain,
    /// A list or dict literal, made mutable already.
    Collection,
    Call,
    Other,
}

/// An expression that was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) span: Range<usize>,
    pub(super) shape: Shape,
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
    pub(super) edits: &'a mut Edits,
    /// `varargs` was mentioned.
    pub(super) varargs: bool,
    /// `kwargs` was mentioned.
    pub(super) kwargs: bool,
    depth: usize,
}

const KEYWORDS: [&str; 9] = ["if", "else", "or", "and", "not", "in", "is", "recursive", "for"];

const COMPARISONS: [(&str, &str); 6] = [
    ("==", "|_eq("),
    ("!=", "|_ne("),
    ("<", "|_lt("),
    (">", "|_gt("),
    ("<=", "|_le("),
    (">=", "|_ge("),
];

const PRODUCTS: [(&str, &str); 4] = [("*", "|_mul("), ("/", "|_div("), ("//", "|_floor("), ("%", "|_mod(")];

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, tokens: &'a [Token], edits: &'a mut Edits) -> Self {
        Self {
            text,
            tokens,
            at: 0,
            edits,
            varargs: false,
            kwargs: false,
            depth: 0,
        }
    }

    /// The text of the token `ahead` of the current one.
    pub(super) fn peek(&self, ahead: usize) -> Option<&'a str> {
        self.tokens.get(self.at + ahead).map(|t| &self.text[t.span.clone()])
    }

    pub(super) fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.tokens
            .get(self.at)
            .is_some_and(|t| t.kind == kind && &self.text[t.span.clone()] == text)
    }

    pub(super) fn sign(&self, text: &str) -> bool {
        self.is(TokenKind::Sign, text)
    }

    pub(super) fn word(&self, text: &str) -> bool {
        self.is(TokenKind::Name, text)
    }

    pub(super) fn take(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    pub(super) fn take_sign(&mut self, text: &str) -> Option<Range<usize>> {
        if self.sign(text) {
            self.take().map(|t| t.span.clone())
        } else {
            None
        }
    }

    pub(super) fn take_word(&mut self, text: &str) -> bool {
        let is = self.word(text);
        self.at += usize::from(is);
        is
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn last_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |i| self.tokens[i].span.end)
    }

    /// `a if b else c` and all below it.
    pub(super) fn expression(&mut self) -> Option<Read> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut read = self.or()?;
        while self.take_word("if") {
            self.or()?;
            if self.take_word("else") {
                self.expression()?;
            }
            read = self.other(read.span.start);
        }
        self.depth -= 1;
        Some(read)
    }

    /// An expression without a conditional, as the iterable of `for` and the condition of `if` take.
    pub(super) fn or(&mut self) -> Option<Read> {
        self.words("or", |r| r.words("and", Self::not))
    }

    fn words(&mut self, word: &str, next: impl Fn(&mut Self) -> Option<Read>) -> Option<Read> {
        let mut read = next(self)?;
        while self.take_word(word) {
            next(self)?;
            read = self.other(read.span.start);
        }
        Some(read)
    }

    fn other(&self, start: usize) -> Read {
        Read {
            span: start..self.last_end(),
            shape: Shape::Other,
        }
    }

    fn not(&mut self) -> Option<Read> {
        let start = self.tokens.get(self.at)?.span.start;
        if self.take_word("not") {
            self.depth += 1;
            if self.depth > DEPTH {
                return None;
            }
            self.not()?;
            self.depth -= 1;
            return Some(self.other(start));
        }
        self.compare()
    }

    /// One comparison of values becomes a filter call, and `a < b <= c` becomes `((a, b, c)|_chain("<,<="))`.
    fn compare(&mut self) -> Option<Read> {
        let left = self.sum()?;
        let mut links: Vec<(Range<usize>, &str)> = Vec::new();
        let mut right = left.span.clone();
        loop {
            let sign = COMPARISONS
                .iter()
                .find(|(sign, _)| self.sign(sign))
                .map(|(sign, _)| *sign);
            let (sign, words) = match sign {
                Some(sign) => (sign, 1),
                None if self.word("in") => ("in", 1),
                None if self.word("not") && self.peek(1) == Some("in") => ("not in", 2),
                None => break,
            };
            let start = self.tokens.get(self.at)?.span.start;
            self.at += words;
            links.push((start..self.last_end(), sign));
            right = self.sum()?.span;
        }
        let filter = |sign: &str| COMPARISONS.iter().find(|(known, _)| *known == sign);
        match &links[..] {
            [] => return Some(left),
            [(span, sign)] => {
                if let Some((_, filter)) = filter(sign) {
                    let mut chained = false;
                    self.chain(&left.span, &mut chained, span.clone(), filter, &right);
                    return Some(self.end_of_chain(left, chained));
                }
            }
            _ => {
                self.edits.open(left.span.start, "((");
                let mut signs = Vec::new();
                for (span, sign) in links {
                    self.edits.replace(span, ", ");
                    signs.push(sign);
                }
                self.edits
                    .close(right.end, &format!(")|_chain(\"{}\"))", signs.join(",")));
            }
        }
        Some(self.other(left.span.start))
    }

    /// `a + b - c` becomes `((a)|_add(b)|_sub(c))`.
    fn sum(&mut self) -> Option<Read> {
        let left = self.concatenation()?;
        let mut chained = false;
        loop {
            let filter = match self.peek(0) {
                Some("+") if self.sign("+") => "|_add(",
                Some("-") if self.sign("-") => "|_sub(",
                _ => break,
            };
            let sign = self.take()?.span.clone();
            let right = self.concatenation()?;
            self.chain(&left.span, &mut chained, sign, filter, &right.span);
        }
        Some(self.end_of_chain(left, chained))
    }

    fn concatenation(&mut self) -> Option<Read> {
        let mut read = self.product()?;
        while self.take_sign("~").is_some() {
            self.product()?;
            read = self.other(read.span.start);
        }
        Some(read)
    }

    /// `a * b % c` becomes `((a)|_mul(b)|_mod(c))`.
    fn product(&mut self) -> Option<Read> {
        let left = self.power()?;
        let mut chained = false;
        while let Some((_, filter)) = PRODUCTS.iter().find(|(sign, _)| self.sign(sign)) {
            let sign = self.take()?.span.clone();
            let right = self.power()?;
            self.chain(&left.span, &mut chained, sign, filter, &right.span);
        }
        Some(self.end_of_chain(left, chained))
    }

    fn chain(
        &mut self,
        left: &Range<usize>,
        chained: &mut bool,
        sign: Range<usize>,
        filter: &str,
        right: &Range<usize>,
    ) {
        if !*chained {
            self.edits.open(left.start, "((");
            self.edits.close(left.end, ")");
            *chained = true;
        }
        self.edits.replace(sign, filter);
        self.edits.close(right.end, ")");
    }

    fn end_of_chain(&mut self, left: Read, chained: bool) -> Read {
        if !chained {
            return left;
        }
        let read = self.other(left.span.start);
        self.edits.close(read.span.end, ")");
        read
    }

    fn power(&mut self) -> Option<Read> {
        let left = self.unary(true)?;
        let mut chained = false;
        while let Some(sign) = self.take_sign("**") {
            let right = self.unary(true)?;
            self.chain(&left.span, &mut chained, sign, "|_pow(", &right.span);
        }
        Some(self.end_of_chain(left, chained))
    }

    fn unary(&mut self, filters: bool) -> Option<Read> {
        let start = self.tokens.get(self.at)?.span.start;
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut read = if let Some(sign) = self.take_sign("-") {
            let literal = self.tokens.get(self.at).is_some_and(|t| t.kind == TokenKind::Number);
            let operand = self.unary(false)?;
            if !literal {
                self.edits.replace(sign, "((");
                self.edits.close(operand.span.end, ")|_neg)");
            }
            self.other(start)
        } else if let Some(sign) = self.take_sign("+") {
            self.edits.replace(sign, "");
            self.unary(false)?;
            self.other(start)
        } else {
            self.primary()?
        };
        read = self.postfix(read)?;
        if filters {
            read = self.filters(read)?;
        }
        self.depth -= 1;
        Some(read)
    }

    fn primary(&mut self) -> Option<Read> {
        let token = self.take()?.clone();
        let text = &self.text[token.span.clone()];
        let shape = match token.kind {
            TokenKind::Number => Shape::Plain,
            TokenKind::Text => {
                while self.tokens.get(self.at).is_some_and(|t| t.kind == TokenKind::Text) {
                    self.at += 1;
                }
                Shape::Plain
            }
            TokenKind::Name => {
                if KEYWORDS.contains(&text) {
                    return None;
                }
                self.varargs |= text == "varargs";
                self.kwargs |= text == "kwargs";
                Shape::Plain
            }
            TokenKind::Sign => match text {
                "(" => self.parentheses()?,
                "[" => {
                    self.items()?;
                    self.edits.open(token.span.start, "(");
                    self.edits.close(self.last_end(), "|_list)");
                    Shape::Collection
                }
                "{" => {
                    self.pairs(&token)?;
                    Shape::Collection
                }
                _ => return None,
            },
        };
        Some(Read {
            span: token.span.start..self.last_end(),
            shape,
        })
    }

    fn parentheses(&mut self) -> Option<Shape> {
        if self.take_sign(")").is_some() {
            return Some(Shape::Plain);
        }
        let read = self.expression()?;
        if self.take_sign(")").is_some() {
            return Some(read.shape);
        }
        while self.take_sign(",").is_some() {
            if self.sign(")") {
                break;
            }
            self.expression()?;
        }
        self.take_sign(")")?;
        Some(Shape::Other)
    }

    fn items(&mut self) -> Option<()> {
        loop {
            if self.take_sign("]").is_some() {
                return Some(());
            }
            self.expression()?;
            if self.take_sign(",").is_none() {
                self.take_sign("]")?;
                return Some(());
            }
        }
    }

    /// The rest of a dict literal. Where keys may be other than texts, `{k: v}` becomes `([k, v]|_pairs)`, since
    /// minijinja's own maps do not know which of them Python takes for one.
    fn pairs(&mut self, open: &Token) -> Option<()> {
        let mut colons = Vec::new();
        let mut texts = true;
        let close = loop {
            if let Some(close) = self.take_sign("}") {
                break close;
            }
            let key = self.expression()?;
            texts &= key.shape == Shape::Plain && self.text[key.span].starts_with(['"', '\'']);
            colons.push(self.take_sign(":")?);
            self.expression()?;
            if self.take_sign(",").is_none() {
                break self.take_sign("}")?;
            }
        };
        self.edits.open(open.span.start, "(");
        if texts {
            self.edits.close(close.end, "|_dict)");
            return Some(());
        }
        for colon in colons {
            self.edits.replace(colon, ",");
        }
        self.edits.replace(open.span.clone(), "[");
        self.edits.replace(close.clone(), "]");
        self.edits.close(close.end, "|_pairs)");
        Some(())
    }

    fn postfix(&mut self, mut read: Read) -> Option<Read> {
        loop {
            if self.take_sign(".").is_some() {
                let name = self.take()?;
                if !matches!(name.kind, TokenKind::Name | TokenKind::Number) {
                    return None;
                }
                // minijinja divides by the number of items of a loop, whatever name it goes by.
                let cycles = &self.text[name.span.clone()] == "cycle";
                if cycles && self.sign("(") && self.peek(1) == Some(")") {
                    self.edits.open(name.span.end + 1, "_nothing()");
                }
                read = self.other(read.span.start);
            } else if let Some(open) = self.take_sign("[") {
                self.subscript(read.span.start, &open)?;
                read = self.other(read.span.start);
            } else if self.take_sign("(").is_some() {
                self.arguments()?;
                read = self.other(read.span.start);
                read.shape = Shape::Call;
            } else {
                return Some(read);
            }
        }
    }

    /// An index, a slice, or a tuple, which minijinja wants in parentheses. `x[a:b:c]` becomes `(x|_slice(a,b,c))`.
    fn subscript(&mut self, start: usize, open: &Range<usize>) -> Option<()> {
        let mut given = [!self.sign(":"), false, false];
        if given[0] {
            self.expression()?;
        }
        if self.sign(",") {
            while self.take_sign(",").is_some() {
                if !self.sign("]") {
                    self.expression()?;
                }
            }
            self.edits.open(open.end, "(");
            let close = self.take_sign("]")?;
            self.edits.close(close.start, ")");
            return Some(());
        }
        let mut colons = Vec::new();
        for given in &mut given[1..] {
            if let Some(colon) = self.take_sign(":") {
                colons.push(colon);
                *given = !self.sign(":") && !self.sign("]");
                if *given {
                    self.expression()?;
                }
            }
        }
        let close = self.take_sign("]")?;
        if given[2] {
            self.edits.open(start, "(");
            self.edits.replace(open.clone(), "|_slice(");
            for (colon, given) in colons.into_iter().zip(given) {
                self.edits.replace(colon, if given { ", " } else { "none, " });
            }
            self.edits.replace(close, "))");
        }
        Some(())
    }

    /// The arguments of a call, after its opening parenthesis.
    pub(super) fn arguments(&mut self) -> Option<()> {
        loop {
            if self.take_sign(")").is_some() {
                return Some(());
            }
            if self.take_sign("*").is_none() && self.take_sign("**").is_none() {
                let named =
                    self.peek(1) == Some("=") && self.tokens.get(self.at).is_some_and(|t| t.kind == TokenKind::Name);
                if named {
                    self.at += 2;
                }
            }
            self.expression()?;
            if self.take_sign(",").is_none() {
                self.take_sign(")")?;
                return Some(());
            }
        }
    }

    fn filters(&mut self, mut read: Read) -> Option<Read> {
        loop {
            if self.take_sign("|").is_some() {
                self.dotted_name()?;
                if self.take_sign("(").is_some() {
                    self.arguments()?;
                }
            } else if self.take_word("is") {
                self.take_word("not");
                self.dotted_name()?;
                self.test_argument()?;
            } else {
                return Some(read);
            }
            // A filter may be followed by a subscript or a call in Jinja2, too.
            read = self.other(read.span.start);
        }
    }

    fn dotted_name(&mut self) -> Option<()> {
        loop {
            if self.take()?.kind != TokenKind::Name {
                return None;
            }
            if self.take_sign(".").is_none() {
                return Some(());
            }
        }
    }

    fn test_argument(&mut self) -> Option<()> {
        if self.take_sign("(").is_some() {
            return self.arguments();
        }
        let Some(token) = self.tokens.get(self.at) else {
            return Some(());
        };
        let text = &self.text[token.span.clone()];
        let begins = match token.kind {
            TokenKind::Name => !KEYWORDS.contains(&text),
            TokenKind::Number | TokenKind::Text => true,
            TokenKind::Sign => matches!(text, "[" | "{"),
        };
        if begins {
            let read = self.primary()?;
            self.postfix(read)?;
        }
        Some(())
    }
}
