//! Which warnings are errors, and which are not said at all: `--warn-error` and `--warn-error-options`
//! (<https://docs.getdbt.com/reference/global-configs/warnings>).

use serde_json::Value as Json;

use super::{Diagnostic, Diagnostics, Level, nearest};

/// The warnings of dbt by name, and the codes under which Assay says the same; none where Assay has nothing to say about
/// it. `docs/events.md` shows this table.
pub const EVENTS: &[(&str, &[&str])] = &[
    ("AdapterDeprecationWarning", &[]),
    ("AdapterEventWarning", &[]),
    ("ArgumentsPropertyInGenericTestDeprecation", &[]),
    ("CatalogGenerationError", &[]),
    ("CollectFreshnessReturnSignature", &[]),
    ("ConfigDataPathDeprecation", &[]),
    ("ConfigLogPathDeprecation", &[]),
    ("ConfigSourcePathDeprecation", &[]),
    ("ConfigTargetPathDeprecation", &[]),
    ("ConstraintNotEnforced", &[]),
    ("ConstraintNotSupported", &[]),
    ("CustomKeyInConfigDeprecation", &["unknown-key"]),
    ("CustomKeyInObjectDeprecation", &["unknown-key"]),
    ("CustomOutputPathInSourceFreshnessDeprecation", &[]),
    ("CustomTopLevelKeyDeprecation", &["unknown-key"]),
    ("DeprecatedModel", &["deprecated-model"]),
    ("DeprecatedReference", &["deprecated-ref"]),
    ("DeprecationsSummary", &[]),
    ("DepsScrubbedPackageName", &[]),
    ("DepsUnpinned", &["package-unpinned"]),
    ("DuplicateNameDistinctNodeTypesDeprecation", &[]),
    ("DuplicateYAMLKeysDeprecation", &["duplicate-key"]),
    ("EnvironmentVariableNamespaceDeprecation", &[]),
    ("EnvironmentVariableRenamed", &[]),
    ("ExposureNameDeprecation", &[]),
    ("FreshnessConfigProblem", &["bad-freshness", "freshness-without-field"]),
    ("GenerateSchemaNameNullValueDeprecation", &[]),
    ("GenericJSONSchemaValidationDeprecation", &["wrong-type", "wrong-value"]),
    ("GenericSemanticLayerDeprecation", &[]),
    ("InternalDeprecation", &[]),
    ("InvalidConcurrentBatchesConfig", &[]),
    ("InvalidMacroAnnotation", &[]),
    ("InvalidValueForField", &[]),
    ("JinjaLogWarning", &["template-warning"]),
    ("LogFreshnessResult", &[]),
    ("LogTestResult", &[]),
    ("MFConverterIssue", &[]),
    ("MFCumulativeTypeParamsDeprecation", &[]),
    ("MFTimespineWithoutYamlConfigurationDeprecation", &[]),
    ("MacroNotFoundForPatch", &["unmatched-properties"]),
    ("MetricAttributesRenamed", &[]),
    ("MicrobatchMacroOutsideOfBatchesDeprecation", &[]),
    ("MicrobatchModelNoEventTimeInputs", &[]),
    ("MissingArgumentsPropertyInGenericTestDeprecation", &[]),
    ("MissingPlusPrefixDeprecation", &["config-without-plus"]),
    ("ModelParamUsageDeprecation", &[]),
    ("ModulesItertoolsUsageDeprecation", &[]),
    ("NoNodeForYamlKey", &["unmatched-properties"]),
    ("NoNodesForSelectionCriteria", &["nothing-selected"]),
    ("NoNodesSelected", &["nothing-to-do"]),
    (
        "NodeNotFoundOrDisabled",
        &["missing-ref", "missing-source", "disabled-ref"],
    ),
    ("NothingToDo", &["nothing-to-do"]),
    ("PackageInstallPathDeprecation", &[]),
    ("PackageMaterializationOverrideDeprecation", &[]),
    ("PackageNodeDependsOnRootProjectNode", &[]),
    ("PackageRedirectDeprecation", &["package-moved"]),
    ("ProjectFlagsMovedDeprecation", &[]),
    ("PropertyMovedToConfigDeprecation", &[]),
    ("ResourceNamesWithSpacesDeprecation", &[]),
    ("RunResultWarning", &[]),
    ("RunResultWarningMessage", &[]),
    ("SeedExceedsLimitAndPathChanged", &["large-seed"]),
    ("SeedExceedsLimitChecksumChanged", &["large-seed"]),
    ("SeedExceedsLimitSamePath", &["large-seed"]),
    ("SeedIncreased", &["large-seed"]),
    ("SelectExcludeIgnoredWithSelectorWarning", &[]),
    (
        "SemanticValidationFailure",
        &[
            "bad-condition",
            "bad-metric",
            "bad-semantic-model",
            "bad-time-spine",
            "missing-key",
        ],
    ),
    ("SnapshotTimestampWarning", &["template-warning"]),
    ("SourceFreshnessProjectHooksNotRun", &[]),
    ("SourceOverrideDeprecation", &[]),
    ("SpacesInResourceNameDeprecation", &[]),
    ("TestsConfigDeprecation", &[]),
    ("TimeDimensionsRequireGranularityDeprecation", &[]),
    ("UnexpectedJinjaBlockDeprecation", &[]),
    ("UnsupportedConstraintMaterialization", &["unmade-constraint"]),
    ("UnusedResourceConfigPath", &["unused-config"]),
    ("UnusedTables", &[]),
    ("UnversionedBreakingChange", &["breaking-contract"]),
    ("UpcomingReferenceDeprecation", &["upcoming-deprecation"]),
    ("ValidationWarning", &["unmatched-properties"]),
    ("WEOIncludeExcludeDeprecation", &[]),
    ("WarnStateTargetEqual", &["state-is-target"]),
    ("WrongResourceSchemaFile", &["unmatched-properties"]),
];

/// Warnings of Assay's for which dbt has none.
pub const OWN: &[&str] = &[
    "candidate-not-kept",
    "log-not-written",
    "lost-view",
    "no-effect",
    "not-supported",
    "packages-left-over",
    "password-file",
    "reader-reads-more",
    "repeated-column",
    "retry-gone",
    "sql-not-kept",
    "undefined-macro",
    "undefined-name",
    "unknown-adapter-method",
    "undescribed-column",
    "unpinned-ref",
    "unreadable-file",
    "view-not-settled",
];

/// dbt merely informs of it, so `--warn-error` alone makes no error of it.
const INFORMS: &[&str] = &["unpinned-ref"];

/// dbt's word for every warning whose event counts as a deprecation.
const DEPRECATIONS: &str = "Deprecations";

/// Deprecations by their event's code and not by their name; and those whose name says so and whose code does not.
const NAMED_OTHERWISE: [&str; 6] = [
    "AdapterDeprecationWarning",
    "CollectFreshnessReturnSignature",
    "DeprecationsSummary",
    "EnvironmentVariableRenamed",
    "MetricAttributesRenamed",
    "SourceFreshnessProjectHooksNotRun",
];
const NO_DEPRECATION: &str = "UpcomingReferenceDeprecation";

/// What becomes of a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Warning,
    Error,
    Silent,
}

/// Names of warnings, as dbt has them or as Assay has them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    All,
    These(Vec<String>),
}

impl Names {
    fn named(&self, names: &[&str]) -> bool {
        match self {
            Self::All => false,
            Self::These(these) => these.iter().any(|one| names.contains(&one.as_str())),
        }
    }
}

/// What was asked for; nothing by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarnError {
    strict: bool,
    error: Names,
    warn: Names,
    silence: Names,
}

impl Default for WarnError {
    fn default() -> Self {
        let none = || Names::These(Vec::new());
        Self {
            strict: false,
            error: none(),
            warn: none(),
            silence: none(),
        }
    }
}

impl WarnError {
    /// `--warn-error`
    #[must_use]
    pub fn strict() -> Self {
        Self {
            strict: true,
            ..Self::default()
        }
    }

    /// The value of `--warn-error-options`: a mapping with `error`, `warn` and `silence`; `include` and `exclude` are
    /// older names of the first two.
    pub fn read(options: &Json) -> Result<Self, Diagnostic> {
        let wrong = |message: String| {
            Diagnostic::error("warn-error-options", message)
                .help("write it like this: {error: all, warn: [NoNodesForSelectionCriteria], silence: [unused-config]}")
        };
        let options = match options {
            Json::Null => return Ok(Self::default()),
            Json::Object(options) => options,
            _ => return Err(wrong("`--warn-error-options` is not a YAML mapping".to_owned())),
        };
        let mut read = Self::default();
        let mut given = Vec::new();
        for (key, value) in options {
            let slot = match key.as_str() {
                "error" | "include" => &mut read.error,
                "warn" | "exclude" => &mut read.warn,
                "silence" => &mut read.silence,
                _ => return Err(wrong(format!("`--warn-error-options` has no key `{key}`"))),
            };
            let slot_name = match key.as_str() {
                "include" => "error",
                "exclude" => "warn",
                key => key,
            };
            if given.contains(&slot_name) {
                return Err(wrong(format!("`{slot_name}` and its older name are both given")));
            }
            given.push(slot_name);
            *slot = names(key, value, slot_name == "error").map_err(|found| match found {
                Fault::Unknown(name) => unknown(&name),
                Fault::Shape(message) => wrong(message),
            })?;
        }
        let deprecations = |names: &Names| names.named(&[DEPRECATIONS]);
        let covered = read.error == Names::All || deprecations(&read.error) || deprecations(&read.silence);
        if read.warn != Names::These(Vec::new()) && !covered {
            return Err(wrong(
                "`warn` takes back what `error` names, so `error` must be `all` or name `Deprecations`".to_owned(),
            ));
        }
        Ok(read)
    }

    /// What becomes of the warning that has this code, or this name of dbt's.
    #[must_use]
    pub fn verdict(&self, code: &str) -> Verdict {
        let events = EVENTS
            .iter()
            .filter(|(name, codes)| *name == code || codes.contains(&code))
            .map(|(name, _)| *name);
        let names: Vec<&str> = events.chain([code]).collect();
        let deprecation = names.iter().any(|name| is_deprecation(name));
        let group = |list: &Names| deprecation && list.named(&[DEPRECATIONS]);
        let warned = self.warn.named(&names);
        let silenced = self.silence.named(&names);
        let elsewhere = warned || silenced;
        let group_elsewhere = group(&self.warn) || group(&self.silence);
        let everything = self.error == Names::All && !INFORMS.contains(&code);
        if self.strict && !INFORMS.contains(&code)
            || self.error.named(&names) && !elsewhere
            || (group(&self.error) || everything) && !(elsewhere || group_elsewhere)
        {
            Verdict::Error
        } else if silenced || group(&self.silence) && !(self.error.named(&names) || warned) {
            Verdict::Silent
        } else {
            Verdict::Warning
        }
    }

    #[must_use]
    pub fn is_error(&self, code: &str) -> bool {
        self.verdict(code) == Verdict::Error
    }

    /// The diagnostic as it is to be told; `None` where it is not.
    #[must_use]
    pub fn judged(&self, mut diagnostic: Diagnostic) -> Option<Diagnostic> {
        if diagnostic.level == Level::Error {
            return Some(diagnostic);
        }
        match self.verdict(diagnostic.code) {
            Verdict::Silent => None,
            Verdict::Warning => Some(diagnostic),
            Verdict::Error => {
                diagnostic.level = Level::Error;
                diagnostic.cause.get_or_insert_with(|| {
                    "it is a warning that counts as an error here (--warn-error, --warn-error-options)".to_owned()
                });
                Some(diagnostic)
            }
        }
    }

    /// All of them; an error where one is, or became, an error.
    pub fn sift(&self, found: Diagnostics) -> Result<Diagnostics, Diagnostics> {
        let judged = Diagnostics(found.0.into_iter().filter_map(|one| self.judged(one)).collect());
        if judged.has_errors() { Err(judged) } else { Ok(judged) }
    }
}

fn is_deprecation(name: &str) -> bool {
    name != NO_DEPRECATION && (name.ends_with("Deprecation") || NAMED_OTHERWISE.contains(&name))
}

enum Fault {
    Shape(String),
    Unknown(String),
}

fn names(key: &str, value: &Json, all: bool) -> Result<Names, Fault> {
    match value {
        Json::Null => Ok(Names::These(Vec::new())),
        Json::String(word) if all && matches!(word.as_str(), "all" | "*") => Ok(Names::All),
        Json::Array(items) => items
            .iter()
            .map(|item| match item {
                Json::String(name) if is_known(name) => Ok(name.clone()),
                Json::String(name) => Err(Fault::Unknown(name.clone())),
                other => Err(Fault::Shape(format!(
                    "`{key}` names a warning that is no text: {other}"
                ))),
            })
            .collect::<Result<_, _>>()
            .map(Names::These),
        _ if all => Err(Fault::Shape(format!("`{key}` is neither `all` nor a list of names"))),
        _ => Err(Fault::Shape(format!("`{key}` is not a list of names"))),
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    let events = EVENTS
        .iter()
        .flat_map(|(name, codes)| codes.iter().copied().chain([*name]));
    events.chain(OWN.iter().copied()).chain([DEPRECATIONS])
}

fn is_known(name: &str) -> bool {
    known().any(|one| one == name)
}

fn unknown(name: &str) -> Diagnostic {
    let help = nearest(name, known()).map_or_else(
        || {
            "docs/events.md lists the names: those of dbt's events, and the codes in brackets after `warning`"
                .to_owned()
        },
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::error("warn-error-options", format!("`{name}` is not the name of a warning")).help(help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdicts(options: &Json, codes: &[&str]) -> Vec<Verdict> {
        let read = WarnError::read(options).expect("options");
        codes.iter().map(|code| read.verdict(code)).collect()
    }

    #[test]
    fn names_of_dbt_and_codes_mean_the_same() {
        use Verdict::{Error, Silent, Warning};
        let codes = [
            "unused-config",
            "deprecated-model",
            "config-without-plus",
            "not-supported",
        ];
        let judged = |options: Json| verdicts(&options, &codes);
        assert_eq!(judged(json!({})), [Warning; 4]);
        assert_eq!(judged(json!({ "error": "all" })), [Error; 4]);
        assert_eq!(
            judged(json!({ "include": "*", "exclude": ["UnusedResourceConfigPath"], "silence": ["not-supported"] })),
            [Warning, Error, Error, Silent]
        );
        assert_eq!(
            judged(json!({ "error": ["Deprecations", "unused-config"], "warn": null })),
            [Error, Warning, Error, Warning]
        );
        assert_eq!(
            judged(json!({ "silence": ["Deprecations"], "warn": ["MissingPlusPrefixDeprecation"] })),
            [Warning; 4]
        );
        assert_eq!(
            judged(json!({ "silence": ["Deprecations"] })),
            [Warning, Warning, Silent, Warning]
        );
    }

    #[test]
    fn strictly_everything_but_what_only_informs() {
        let strict = WarnError::strict();
        assert!(strict.is_error("unused-config") && strict.is_error("LogTestResult"));
        assert!(!strict.is_error("unpinned-ref"));
        assert!(
            WarnError::read(&json!({ "error": ["unpinned-ref"] }))
                .expect("options")
                .is_error("unpinned-ref")
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refused = |options: Json| WarnError::read(&options).expect_err("refused").to_string();
        insta::assert_snapshot!(refused(json!({ "error": ["DeprecatedModle"] })), @r"
        error[warn-error-options]: `DeprecatedModle` is not the name of a warning
          help: did you mean `DeprecatedModel`?
        ");
        for wrong in [
            json!({ "errors": [] }),
            json!({ "error": "some" }),
            json!({ "silence": "all" }),
            json!({ "error": [1] }),
            json!({ "error": [], "include": [] }),
            json!({ "warn": ["DeprecatedModel"] }),
            json!([]),
        ] {
            assert!(refused(wrong.clone()).contains("help: write it like this"), "{wrong}");
        }
    }
}
