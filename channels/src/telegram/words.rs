//! What the bot says to the staff in Telegram.

use zapis_core::board::Mark;
use zapis_core::message::{Author, Urgency, Verdict};

/// A person of the firm whose name is not shown.
pub(super) const STAFF: &str = "Администратор";

/// After `/take`.
pub(super) const TAKEN: &str = "Бот в этом диалоге молчит. Вернуть его: /bot";

/// After `/bot` and `/close`.
pub(super) const GIVEN_BACK: &str = "Диалог снова ведёт бот.";

/// After a command that does not exist.
pub(super) const UNKNOWN_COMMAND: &str = "Такой команды нет. Есть: /bot — вернуть диалог боту, /take — взять диалог молча, /note текст — заметка для своих, /close — закончить.";

/// After a picture, a voice message and so on.
pub(super) const NO_FILES: &str = "Файлы, голосовые и контакты клиенту пока не передаются — он этого не получил. Напишите текстом.";

/// In a topic that belongs to nobody.
pub(super) const NOBODYS_TOPIC: &str = "Эта тема осталась без клиента: бот прервался, когда её создавал. Клиент этого сообщения не получил — ответьте ему в теме с его карточкой, а эту можно удалить.";

/// After a reply to a message of ours that leads to nobody.
pub(super) const NOBODYS_WORDS: &str = "Бот не знает, какому клиенту эти слова, — никто их не получил. Ответьте под карточкой клиента, а для черновика нажмите «Изменить» ещё раз.";

/// How to answer, at the foot of a card.
pub(super) const HOW_TO_ANSWER: &str = "Ответьте здесь — клиент получит ваши слова, а бот замолчит. /bot — вернуть диалог боту, // в начале сообщения — заметка для своих.";

/// The same where there are no topics.
pub(super) const HOW_TO_REPLY: &str = "Ответьте на это сообщение («Ответить») — клиент получит ваши слова, а бот замолчит. /bot в ответ — вернуть диалог боту, // в начале сообщения — заметка для своих.";

/// Before the reason of a call.
pub(super) const REASON: &str = "Причина";

/// Before the last lines of a conversation.
pub(super) const TRANSCRIPT: &str = "Переписка";

/// Before what the knowledge base offers.
pub(super) const HINTS: &str = "Подсказки";

/// The head of a card.
pub(super) fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::First => "🔔 Нужен человек",
        Urgency::Reminder => "⏰ Клиент всё ещё ждёт ответа",
        Urgency::Owner => "🚨 Клиенту никто не ответил",
    }
}

/// Who said a line.
pub(super) fn author(author: Author) -> &'static str {
    match author {
        Author::Customer => "👤",
        Author::Bot => "🤖",
        Author::Staff => "👩‍💼",
    }
}

/// How people call a channel.
pub(super) fn channel(name: &str) -> &str {
    match name {
        "telegram" => "Telegram",
        "whatsapp" => "WhatsApp",
        "webchat" => "Сайт",
        other => other,
    }
}

/// The head of a draft.
pub(super) const DRAFT: &str = "✍️ Черновик ответа: отправить?";

/// Under a draft.
pub(super) const HOW_TO_DECIDE: &str =
    "Ответ на это сообщение («Ответить») уйдёт клиенту вместо черновика.";

/// Buttons of a draft.
pub(super) const SEND: &str = "Отправить";
/// See [`SEND`].
pub(super) const EDIT: &str = "Изменить";
/// See [`SEND`].
pub(super) const REJECT: &str = "Отклонить";

/// After "edit".
pub(super) const WRITE_OTHER_WORDS: &str = "Напишите ответ клиенту своими словами:";

/// After "reject".
pub(super) const WHY: &str = "**Почему не подходит?**";

/// Why a draft is rejected: codes and buttons.
pub(super) const WHY_REJECTED: [(&str, &str); 4] = [
    ("fact", "Ошибка в фактах"),
    ("tone", "Не тот тон"),
    ("person", "Нужен человек"),
    ("other", "Другое"),
];

/// A code in words.
pub(super) fn why_rejected(code: &str) -> &'static str {
    let known = WHY_REJECTED.iter().find(|(known, _)| *known == code);
    known.map_or("Другое", |(_, words)| *words)
}

/// What was decided about a draft.
pub(super) fn decided(verdict: Verdict, who: &str, reason: Option<&str>) -> String {
    match verdict {
        Verdict::Sent => format!("✅ Отправлено: {who}"),
        Verdict::Edited => format!("✅ Отправлено с правкой: {who}"),
        _ => format!(
            "❌ Отклонено: {who}. {}. Ответьте клиенту сами: напишите здесь.",
            why_rejected(reason.unwrap_or_default())
        ),
    }
}

/// A button of a draft that was decided on before.
pub(super) const DECIDED_BEFORE: &str = "Это уже не ждёт решения.";

/// The same, where somebody decided.
pub(super) fn decided_by(state: &str, who: &str) -> String {
    let how = match state {
        "sent" => "отправлено",
        "edited" => "отправлено с правкой",
        _ => "отклонено",
    };
    format!("Уже {how}: {who}")
}

/// How sure the bot is.
pub(super) fn confidence(confidence: f64) -> String {
    format!("Уверенность: {:.0} %", confidence * 100.0)
}

/// What a draft rests on.
pub(super) fn sources(sources: &str) -> String {
    format!("Источник: {sources}")
}

/// How long a draft waits.
pub(super) fn waits(minutes: u32) -> String {
    format!("Через {minutes} мин клиенту скажем, что ответит человек.")
}

/// The head of a lesson.
pub(super) const LESSON: &str = "💡 Запомнить этот ответ для других клиентов?";

/// Buttons of a lesson.
pub(super) const REMEMBER: &str = "Запомнить";
/// See [`REMEMBER`].
pub(super) const FORGET: &str = "Не надо";

/// What was decided about a lesson.
pub(super) fn learnt(accepted: bool, who: &str) -> String {
    if accepted {
        format!("✅ Запоминаю: {who}")
    } else {
        format!("Не запоминаю: {who}")
    }
}

/// A button of a visit that is not in the book.
pub(super) const NO_VISIT: &str = "Такой записи нет.";

/// A button of a visit that was cancelled.
pub(super) const VISIT_CANCELLED: &str = "Эта запись отменена.";

/// A call that is not needed any more.
pub(super) const CALLED_BEFORE: &str = "Звонить уже не нужно.";

/// A visit whose customer came after all, when somebody else has its time.
pub(super) const TIME_TAKEN: &str = "Это время уже отдано другой записи.";

/// Two people pressed at once.
pub(super) const PRESS_AGAIN: &str = "Запись только что изменили. Посмотрите и нажмите ещё раз.";

/// After a mark on a visit.
pub(super) fn marked(mark: Mark) -> &'static str {
    match mark {
        Mark::Arrived => "Отмечено: пришёл",
        Mark::Late => "Отмечено: опаздывает",
        Mark::NoShow => "Отмечено: не пришёл",
        Mark::Called => "Отмечено: подтверждено по телефону",
    }
}

/// After a note.
pub(super) const NOTED: &str = "Заметка в журнале, клиент её не видит.";
