//! Expressions in a runbook's texts: parsed, and each reference resolved, with the column of each mistake.

use std::ops::Range;

use super::seen::{NoReference, Seen, is_path, single};
use crate::base::expr::{Expr, ExprError, Template};
use crate::base::yaml::Diagnostic;
use crate::runbook::place::Place;
use crate::runbook::scope::Type;
use crate::runbook::shape::Given;

/// May the value come from an earlier step?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It must be known when the plan is made.
    Early,
    /// It may be an output of an earlier step.
    Late,
}

/// Texts of one place.
pub(super) struct Texts<'a, 'b> {
    pub(super) place: &'a Place<'a>,
    pub(super) seen: &'a Seen<'b>,
}

impl Texts<'_, '_> {
    /// Text with `${{ … }}`: what it gives.
    pub(super) fn template(&self, pointer: &str, text: &str, known: Known, found: &mut Vec<Diagnostic>) -> Given {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                found.push(self.no_expression(pointer, text, &error));
                return Given::Unknown;
            }
        };
        if template.is_literal() {
            return Given::Literal;
        }
        let whole = single(&template);
        let before = found.len();
        for (expr, start) in template.expressions() {
            let known = match known {
                Known::Late if !is_path(expr.as_str().trim()) => Lateness::Alone,
                Known::Late => Lateness::Allowed,
                Known::Early => Lateness::Refused,
            };
            found.extend(self.references(pointer, text, (expr, start), known));
        }
        if found.len() > before {
            return Given::Unknown;
        }
        let Some(expr) = whole else {
            self.objects_in_text(pointer, text, &template, found);
            return Given::Typed(Type::Text);
        };
        match self.seen.infer(expr.as_str()) {
            Type::Any => Given::Unknown,
            of => Given::Typed(of),
        }
    }

    /// A field that is an expression: its type.
    pub(super) fn bare(&self, pointer: &str, text: &str, found: &mut Vec<Diagnostic>) -> Type {
        let trimmed = text.trim();
        if trimmed.starts_with("${{") {
            let inner = trimmed.trim_start_matches("${{").trim_end_matches("}}").trim();
            let one = self
                .place
                .within(pointer, text, 0..text.len(), "this field is an expression already");
            found.push(one.hint(format!("write `{inner}`, without `${{{{ }}}}`")));
            return Type::Any;
        }
        match Expr::parse(text) {
            Ok(expr) => {
                let wrong = self.references(pointer, text, (&expr, 0), Lateness::Refused);
                let of = if wrong.is_empty() {
                    self.seen.infer(text)
                } else {
                    Type::Any
                };
                found.extend(wrong);
                of
            }
            Err(error) => {
                found.push(self.no_expression(pointer, text, &error));
                Type::Any
            }
        }
    }

    fn no_expression(&self, pointer: &str, text: &str, error: &ExprError) -> Diagnostic {
        let one = self
            .place
            .within(pointer, text, error.range.clone(), error.message.clone());
        with_hint(one, error.hint.clone())
    }

    /// What is wrong with the references of one expression of the text.
    fn references(&self, pointer: &str, text: &str, (expr, start): (&Expr, usize), late: Lateness) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for path in expr.references() {
            let range = range_of(expr.as_str(), path);
            let range = start + range.start..start + range.end;
            let one = match self.seen.resolve(path) {
                Err(why) => Some(self.no_reference(pointer, text, range, why)),
                Ok(resolved) if resolved.late => self.late(pointer, text, range, path, late),
                Ok(_) => None,
            };
            found.extend(one);
        }
        if found.is_empty()
            && let Err(why) = self.seen.attributes(expr.as_str())
        {
            let range = start..start + expr.as_str().len();
            found.push(self.no_reference(pointer, text, range, why));
        }
        found
    }

    fn no_reference(&self, pointer: &str, text: &str, range: Range<usize>, why: NoReference) -> Diagnostic {
        with_hint(self.place.within(pointer, text, range, why.message), why.hint)
    }

    fn late(&self, pointer: &str, text: &str, range: Range<usize>, path: &str, late: Lateness) -> Option<Diagnostic> {
        let (message, hint) = match late {
            Lateness::Allowed => return None,
            Lateness::Refused => (
                format!("`{path}` cannot be known when the plan is made"),
                "an output of an earlier step may stand only where the reference says `may be known late`",
            ),
            Lateness::Alone => (
                format!("`{path}` is known late: it can be used, not computed with"),
                "write `${{ steps.ID.FIELD }}` with nothing else between the braces",
            ),
        };
        Some(self.place.within(pointer, text, range, message).hint(hint))
    }

    /// Only plain values can stand among other text.
    fn objects_in_text(&self, pointer: &str, text: &str, template: &Template, found: &mut Vec<Diagnostic>) {
        for (expr, start) in template.expressions() {
            let of = self.seen.infer(expr.as_str());
            let hint = match of {
                Type::List(Type::Text) => "join its items: `… | join(', ')`".to_owned(),
                Type::List(_) => "join its items: `… | map(attribute='name') | join(', ')`".to_owned(),
                Type::Fields(_) => "name one of its fields".to_owned(),
                _ => continue,
            };
            let message = format!(
                "`{}` is {}, which cannot stand in text",
                expr.as_str().trim(),
                of.words()
            );
            let range = start..start + expr.as_str().len();
            found.push(self.place.within(pointer, text, range, message).hint(hint));
        }
    }
}

#[derive(Clone, Copy)]
enum Lateness {
    Allowed,
    /// Allowed, if nothing were computed with it.
    Alone,
    Refused,
}

fn with_hint(one: Diagnostic, hint: Option<String>) -> Diagnostic {
    match hint {
        Some(hint) => one.hint(hint),
        None => one,
    }
}

/// Where a dotted path stands in an expression.
fn range_of(text: &str, path: &str) -> Range<usize> {
    let is_word =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
    let at = text.match_indices(path).find(|(start, _)| {
        !is_word(text[..*start].chars().next_back()) && !is_word(text[start + path.len()..].chars().next())
    });
    if let Some((start, _)) = at {
        return start..start + path.len();
    }
    let trimmed = text.trim_start();
    let start = text.len() - trimmed.len();
    start..start + trimmed.trim_end().len()
}
