//! What the bot says by itself, phrase by phrase.

use minijinja::value::Serde;
use minijinja::{Value, context};
use zapis_workers::content::Files;
use zapis_workers::settings::Change;
use zapis_workers::settings::phrases::{Wording, get, set};
use zapis_workers::texts::{Phrase, Texts};
use zapis_workers::words::Language;

use super::{Desk, Look, Trouble, Typed, Wanted};
use crate::page::View;

/// All phrases, or one of them to be changed.
pub(super) fn shown(view: &View<'_>, files: &Files, look: &Look, typed: &Typed) -> Value {
    let texts = each_file(files);
    if let Some(phrase) = Phrase::ALL.iter().find(|one| one.key() == look.key) {
        let wordings = texts.iter().map(|(language, _, file)| {
            let said = get(file, phrase.key()).unwrap_or_default();
            let said = typed_wording(typed, *language).unwrap_or(said);
            context! {
                language => language.code(),
                text => said.text,
                informal => said.informal,
                emoji => said.emoji,
            }
        });
        return context! {
            phrase => context! {
                key => phrase.key(),
                variables => Value::from(Serde(phrase.variables())),
                wordings => wordings.collect::<Vec<Value>>(),
            },
            find => look.find.as_str(),
            phrases => Value::from(()),
        };
    }
    let own = texts
        .iter()
        .find(|(language, ..)| *language == view.language());
    let file = own.map_or("", |(_, _, file)| file.as_str());
    let find = look.find.trim().to_lowercase();
    let phrases = Phrase::ALL.iter().filter_map(|phrase| {
        let said = get(file, phrase.key())?.text;
        let fits = said.to_lowercase().contains(&find) || phrase.key().contains(&find);
        fits.then(|| context! { key => phrase.key(), said })
    });
    context! {
        phrase => Value::from(()),
        find => look.find.as_str(),
        phrases => phrases.collect::<Vec<Value>>(),
    }
}

fn each_file(files: &Files) -> Vec<(Language, String, String)> {
    let names = Language::ALL.into_iter().zip(Texts::files());
    let read = names.map(|(language, name)| {
        let text = files.text(&name).unwrap_or_default();
        (language, name, text)
    });
    read.collect()
}

/// What somebody has typed; nothing where the form is not of this language.
fn typed_wording(typed: &Typed, language: Language) -> Option<Wording> {
    let field = |name: &str| typed.get(&format!("{}-{name}", language.code())).cloned();
    Some(Wording {
        text: field("text")?,
        informal: field("informal").unwrap_or_default(),
        emoji: field("emoji").unwrap_or_default(),
    })
}

/// The files of texts that somebody wants.
pub(super) fn wanted(view: &View<'_>, desk: &Desk, look: &Look, typed: &Typed) -> Wanted {
    let (mut files, mut changes) = (desk.now.clone(), Vec::new());
    for (language, name, read) in each_file(&desk.read) {
        let Some(wording) = typed_wording(typed, language) else {
            continue;
        };
        let before = get(&read, &look.key).unwrap_or_default();
        if wording == before {
            continue;
        }
        let file = desk.now.text(&name).unwrap_or_default();
        let now = get(&file, &look.key).unwrap_or_default();
        let Some(written) = set(&file, &look.key, &wording) else {
            return Err(Trouble::said(view, "phrase-unfit"));
        };
        if get(&written, &look.key).as_ref() == Some(&before) {
            continue;
        }
        if now != before {
            return Err(Trouble::said(view, "settings-outdated"));
        }
        for (part, from, to) in [
            ("", before.text, wording.text),
            ("informal", before.informal, wording.informal),
            ("emoji", before.emoji, wording.emoji),
        ] {
            if from != to {
                let key = format!("texts|{} ({})|{part}", look.key, language.code());
                let key = key.trim_end_matches('|').to_owned();
                changes.push(Change { key, from, to });
            }
        }
        files = files.with(&name, written);
    }
    Ok((files, changes))
}
