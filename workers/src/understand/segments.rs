//! A message cut into what it says one after another, so that every question gets its answer.

/// Words that begin a question of their own after «и», "and" or a comma.
const ASKING: [&str; 30] = [
    "сколько",
    "скока",
    "где",
    "когда",
    "как",
    "какой",
    "какая",
    "какие",
    "какое",
    "кто",
    "можно",
    "есть",
    "почем",
    "до скольки",
    "во сколько",
    "по какому",
    "на каком",
    "что",
    "чем",
    "нужно",
    "делаете",
    "работаете",
    "how",
    "where",
    "when",
    "what",
    "who",
    "do you",
    "is there",
    "can i",
];
/// What joins two questions.
const JOINTS: [&str; 10] = [
    " и еще ",
    " и ещё ",
    " а еще ",
    " а ещё ",
    " а также ",
    " и также ",
    " и ",
    " а ",
    ", ",
    " and ",
];
/// More parts than this are not looked at one by one.
const MOST: usize = 8;

/// The parts of a message, in order; a text that cannot be cut is one part.
pub(super) fn segments(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for sentence in sentences(text) {
        let mut rest = sentence;
        while let Some((first, second)) = cut(rest) {
            parts.push(first);
            rest = second;
        }
        parts.push(rest);
    }
    parts.retain(|part| part.chars().any(char::is_alphanumeric));
    if parts.is_empty() || parts.len() > MOST {
        return vec![text];
    }
    parts
}

fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next_apart = letters
            .peek()
            .is_none_or(|(_, next)| !next.is_alphanumeric());
        if matches!(c, '?' | '!' | '\n' | ';') || (c == '.' && next_apart) {
            let end = at + c.len_utf8();
            out.push(text[start..end].trim());
            start = end;
        }
    }
    out.push(text[start..].trim());
    out.retain(|sentence| !sentence.is_empty());
    out
}

/// Cuts before a joint that is followed by a question word.
fn cut(sentence: &str) -> Option<(&str, &str)> {
    let lower = sentence.to_lowercase();
    // Lower case can change the length of a text; then positions do not carry over.
    if lower.len() != sentence.len() {
        return None;
    }
    let starts = |joint: &&str| {
        lower
            .match_indices(*joint)
            .map(|(at, joint)| (at, at + joint.len()))
            .collect::<Vec<_>>()
    };
    let mut places: Vec<(usize, usize)> = JOINTS.iter().flat_map(starts).collect();
    places.sort_unstable();
    places.into_iter().find_map(|(end, start)| {
        let after = lower.get(start..)?.trim_start();
        let asks = ASKING.iter().any(|word| {
            after.strip_prefix(word).is_some_and(|rest| {
                rest.starts_with(|c: char| !c.is_alphanumeric()) || rest.is_empty()
            })
        });
        let long_enough = lower.get(..end)?.split_whitespace().count() >= 2
            && after.split_whitespace().count() >= 2;
        (asks && long_enough)
            .then(|| Some((sentence.get(..end)?.trim(), sentence.get(start..)?.trim())))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_questions_come_apart() {
        assert_eq!(
            segments("Здравствуйте! Сколько стоит маникюр и где вы находитесь? Парковка есть?"),
            [
                "Здравствуйте!",
                "Сколько стоит маникюр",
                "где вы находитесь?",
                "Парковка есть?"
            ]
        );
        assert_eq!(segments("стрижка и укладка"), ["стрижка и укладка"]);
        assert_eq!(segments("до 18.30 работаете?"), ["до 18.30 работаете?"]);
    }

    #[test]
    fn nothing_to_cut_is_one_part() {
        assert_eq!(segments("🙂"), ["🙂"]);
        assert_eq!(segments(""), [""]);
    }
}
