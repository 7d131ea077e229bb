//! Why a text is no YAML, and what to do: plain words for each thing that the parser may say.
//! No I/O, no clock.

use serde_saphyr::granit_parser::ErrorKind;

/// What people do wrong.
pub(super) fn in_plain_words(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace => {
            "a colon where none may be; put the value in quotes, or begin a new line"
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            "a key without a colon and a space behind it"
        }
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed => {
            "the indentation fits neither the line above nor a new entry"
        }
        ErrorKind::UnclosedQuotedScalar => "a quote is not closed",
        ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => "a tab where spaces must be",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            "a bracket is not closed, or there is no comma between two entries"
        }
        ErrorKind::UnknownAnchor => {
            "an alias (`*`) names an anchor (`&`) that does not stand above it"
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            "a character that has a meaning of its own; put the value in quotes"
        }
        ErrorKind::Custom(_) | ErrorKind::InputIo { .. } | ErrorKind::InputDecoding { .. } => {
            "it cannot be read"
        }
        ErrorKind::BomInsideDocument => "a byte order mark within the text; take it out",
        other => of_what_is_rare(other),
    }
}

/// What stands in few configs: directives, documents, tags, texts of several lines, escapes.
fn of_what_is_rare(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEndOfPlainScalar
        | ErrorKind::ExpectedNodeContent => "a value is missing, or the file ends before its time",
        ErrorKind::DuplicateVersionDirective
        | ErrorKind::UnsupportedYamlMajorVersion
        | ErrorKind::DuplicateTagDirective
        | ErrorKind::MissingDocumentEndBeforeDirective
        | ErrorKind::ExpectedTagDirectiveBang
        | ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::DirectiveDisallowed
        | ErrorKind::MissingYamlVersionSeparator
        | ErrorKind::MissingDirectiveName
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::DirectiveByteLimitExceeded { .. }
        | ErrorKind::TooManyReservedDirectiveParams { .. }
        | ErrorKind::YamlVersionTooLong
        | ErrorKind::MissingYamlVersion
        | ErrorKind::InvalidTagDirectiveTerminator => {
            "a line that begins with `%` means something to YAML; leave it out, or put the text in quotes"
        }
        ErrorKind::ExpectedDocumentStart
        | ErrorKind::MultipleDocumentsUnsupported
        | ErrorKind::InvalidDocumentEnd
        | ErrorKind::DocumentIndicatorInQuotedScalar => {
            "a line of `---` or `...` begins another document; the file must be one"
        }
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidTagUtf8LeadingByte
        | ErrorKind::InvalidTagUtf8TrailingByte
        | ErrorKind::InvalidTagUtf8 => {
            "a value that begins with `!` means something to YAML; put it in quotes"
        }
        ErrorKind::MissingAnchorOrAliasName => {
            "a value that begins with `&` or `*` means something to YAML; put it in quotes"
        }
        ErrorKind::CommentInterceptedScalar | ErrorKind::CommentNotSeparated => {
            "a comment (`#`) needs a space before it, and a line that is no part of a text"
        }
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::InvalidBlockEntryWhitespace
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            "a dash (`-`) where none may be; a list in brackets has commas instead"
        }
        ErrorKind::ZeroBlockScalarIndent
        | ErrorKind::InvalidBlockScalarHeader
        | ErrorKind::InvalidBlockScalarIndent => {
            "a text behind `|` or `>` begins on the next line, all of it further to the right"
        }
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::InvalidFlowScalarIndent => {
            "a text of several lines must stand further to the right than its key"
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::FlowMappingValueAdjacentCollection
        | ErrorKind::ExpectedWhitespace => {
            "something stands behind a value or a quote that ended there"
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => {
            "a backslash in double quotes means something to YAML; use single quotes, or two backslashes"
        }
        // What is left no file can be; so too what a newer parser may know.
        _ => "it is no YAML; look at quotes, brackets and indentation here and in the line above",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    #[test]
    fn what_is_rare_is_told_in_plain_words_too() {
        for (text, wanted) in [
            ("a: \"\\q\"", "a backslash in double quotes"),
            ("a: *", "begins with `&` or `*`"),
            ("a: !x!y b", "begins with `!`"),
            ("%YAML 3.0\n---\na: b", "begins with `%`"),
            ("a: |5x\n b", "a text behind `|` or `>`"),
            ("a: 'b' c", "behind a value or a quote"),
            ("a: [- b]", "a dash (`-`)"),
        ] {
            let error = parse::<serde::de::IgnoredAny>(text, "f").unwrap_err().to_string();
            assert!(error.starts_with("f:") && error.contains(wanted), "{text}: {error}");
        }
    }
}
