//! Prompts are files with versions: `config/prompts/answer.v1.md`. A version is never edited once it
//! was used; a new one stands beside it, and going back is one setting.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use zapis_core::config::Problem;
use zapis_core::ids;

use super::Turn;
use crate::source_text::{SourceText, nearest};

/// What begins the part that the model obeys, and the part that it reads.
const SYSTEM: &str = "=== system";
const USER: &str = "=== user";

/// What a prompt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Answers to customers.
    Answer,
    /// What customers mean.
    Understand,
}

impl Purpose {
    const ALL: [Self; 2] = [Self::Answer, Self::Understand];

    /// The name of a version: `answer.v1`.
    pub fn version(self, version: &str) -> String {
        format!("{}{version}", self.prefix())
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Answer => "answer.",
            Self::Understand => "understand.",
        }
    }

    /// What its prompts may use.
    fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Answer => &[
                "salon", "about", "language", "formal", "emoji", "today", "passages", "history",
                "question",
            ],
            Self::Understand => &[
                "salon", "about", "language", "intents", "history", "question",
            ],
        }
    }
}

/// One version of a prompt.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// `answer.v1`
    pub name: String,
    environment: Environment<'static>,
}

/// All versions of all prompts, by name.
#[derive(Debug, Clone, Default)]
pub struct Prompts(BTreeMap<String, Prompt>);

impl Prompts {
    /// Reads the files `answer.….md` and `understand.….md` of a folder; without the folder there are none.
    pub fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let mut prompts = BTreeMap::new();
        let mut problems = Vec::new();
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = files.map(|file| file.path()).collect();
        paths.sort();
        for path in paths {
            let file = path.file_name().and_then(|name| name.to_str());
            let Some(name) = file.and_then(|file| file.strip_suffix(".md")) else {
                continue;
            };
            let purpose = Purpose::ALL
                .into_iter()
                .find(|purpose| name.starts_with(purpose.prefix()));
            let Some(purpose) = purpose else {
                continue;
            };
            match SourceText::read(&path)
                .map_err(|problem| vec![problem])
                .and_then(|source| Prompt::read(name, purpose, &source))
            {
                Ok(prompt) => drop(prompts.insert(name.to_owned(), prompt)),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            Ok(Self(prompts))
        } else {
            Err(problems)
        }
    }

    /// The names of all that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The version that a customer gets, always the same one of those in use.
    pub fn chosen<'p>(
        &'p self,
        purpose: Purpose,
        in_use: &[String],
        customer: &str,
    ) -> Option<&'p Prompt> {
        let count = in_use.len() as u128;
        let number = ids::derive(&["variant", customer])
            .as_u128()
            .checked_rem(count)?;
        let version = in_use.get(usize::try_from(number).ok()?)?;
        self.0.get(&purpose.version(version))
    }
}

impl Prompt {
    fn read(name: &str, purpose: Purpose, source: &SourceText) -> Result<Self, Vec<Problem>> {
        let parts = [SYSTEM, USER].map(|mark| source.text.find(&format!("{mark}\n")));
        let [Some(system), Some(user)] = parts else {
            return Err(vec![source.problem_at_line(
                1,
                "",
                "has no two parts",
                "write a line `=== system`, what the model obeys, a line `=== user`, what it reads",
            )]);
        };
        let text = |from: usize, mark: &str, to: usize| {
            source
                .text
                .get(from + mark.len() + 1..to)
                .unwrap_or_default()
                .to_owned()
        };
        let end = source.text.len();
        let parts = [
            ("system", system, text(system, SYSTEM, user)),
            ("user", user, text(user, USER, end)),
        ];
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let mut problems = Vec::new();
        for (part, at, text) in parts {
            let first = source.place(at).0;
            if let Err(error) = environment.add_template_owned(part, text) {
                let line = first + error.line().unwrap_or(1);
                problems.push(source.problem_at_line(
                    line,
                    part,
                    &error.to_string(),
                    "see minijinja's syntax: {{ name }}, {% for … %}",
                ));
                continue;
            }
            problems.extend(unknown(source, &environment, (part, first), purpose));
        }
        if problems.is_empty() {
            Ok(Self {
                name: name.to_owned(),
                environment,
            })
        } else {
            Err(problems)
        }
    }

    /// The messages, or nothing when the template fails on this data.
    pub fn render(&self, data: &impl Serialize) -> Option<Vec<Turn>> {
        let part = |role: &'static str| {
            let text = self
                .environment
                .get_template(role)
                .ok()?
                .render(Serde(data))
                .ok()?;
            Some(Turn {
                role,
                text: text.trim().to_owned(),
            })
        };
        Some(vec![part("system")?, part("user")?])
    }
}

/// Variables that nobody fills.
fn unknown(
    source: &SourceText,
    environment: &Environment<'_>,
    (part, first): (&str, usize),
    purpose: Purpose,
) -> Vec<Problem> {
    let variables = purpose.variables();
    let Ok(template) = environment.get_template(part) else {
        return Vec::new();
    };
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let unknown = used
        .iter()
        .filter(|name| !variables.contains(&name.as_str()));
    unknown
        .map(|name| {
            let line = template
                .source()
                .lines()
                .position(|line| line.contains(name.as_str()));
            let near = nearest(name, variables.iter().copied());
            let hint = if near.is_empty() {
                format!("known: {}", variables.join(", "))
            } else {
                near
            };
            source.problem_at_line(
                first + 1 + line.unwrap_or(0),
                name,
                "is not a variable of this prompt",
                &hint,
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Prompt, Vec<Problem>> {
        Prompt::read(
            "answer.v1",
            Purpose::Answer,
            &SourceText {
                file: "answer.v1.md".into(),
                text: text.into(),
            },
        )
    }

    #[test]
    fn a_prompt_has_what_the_model_obeys_and_what_it_reads() {
        let prompt =
            read("=== system\nТы бот салона {{ salon }}.\n=== user\n{{ question }}\n").unwrap();

        let turns = prompt
            .render(&serde_json::json!({ "salon": "Роза", "question": "Цена?" }))
            .unwrap();

        assert_eq!(prompt.name, "answer.v1");
        assert_eq!(turns[0].text, "Ты бот салона Роза.");
        assert_eq!((turns[1].role, turns[1].text.as_str()), ("user", "Цена?"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let told = |text: &str| read(text).unwrap_err()[0].to_string();

        assert!(told("Ты бот").contains("has no two parts"));
        let unknown = told("=== system\nа\n{{ salom }}\n=== user\nб\n");
        assert!(
            unknown.contains("answer.v1.md:3:1: error: salom: is not a variable"),
            "{unknown}"
        );
        assert!(unknown.contains("did you mean `salon`?"), "{unknown}");
        let broken = told("=== system\nа\n=== user\nб\n{% for x %}\n");
        assert!(broken.contains("answer.v1.md:5"), "{broken}");
        let source = SourceText {
            file: "understand.v1.md".into(),
            text: "=== system\n{{ passages }}\n=== user\nб\n".into(),
        };
        let other = Prompt::read("understand.v1", Purpose::Understand, &source).unwrap_err();
        assert!(other[0].to_string().contains("known: salon"), "{other:?}");
    }

    #[test]
    fn a_customer_always_gets_the_same_variant_and_all_are_used() {
        let prompt = read("=== system\nа\n=== user\nб\n").unwrap();
        let prompts = Prompts(
            ["v1", "v2"]
                .map(|version| {
                    let name = Purpose::Answer.version(version);
                    (
                        name.clone(),
                        Prompt {
                            name,
                            ..prompt.clone()
                        },
                    )
                })
                .into(),
        );
        let in_use = ["v1".to_owned(), "v2".to_owned()];
        let of = |n: usize| {
            prompts
                .chosen(Purpose::Answer, &in_use, &format!("telegram:main:{n}"))
                .unwrap()
                .name
                .clone()
        };

        assert_eq!(of(1), of(1));
        let first = (0..1000).filter(|n| of(*n) == "answer.v1").count();
        assert!((400..600).contains(&first), "{first}");
        assert!(
            prompts
                .chosen(Purpose::Answer, &["v3".to_owned()], "x")
                .is_none()
        );
    }
}
