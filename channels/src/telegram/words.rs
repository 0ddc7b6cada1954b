//! What the bot says to the staff in Telegram.

use zapis_core::message::{Author, Urgency};

/// A person of the firm whose name is not shown.
pub(super) const STAFF: &str = "Администратор";

/// After `/take`.
pub(super) const TAKEN: &str = "Бот в этом диалоге молчит. Вернуть его: /bot";

/// After `/bot` and `/close`.
pub(super) const GIVEN_BACK: &str = "Диалог снова ведёт бот.";

/// After a command that does not exist.
pub(super) const UNKNOWN_COMMAND: &str = "Такой команды нет. Есть: /bot — вернуть диалог боту, /take — взять диалог молча, /note — заметка для своих, /close — закончить.";

/// After a picture, a voice message and so on.
pub(super) const NO_FILES: &str = "Файлы, голосовые и контакты клиенту пока не передаются — он этого не получил. Напишите текстом.";

/// In a topic that belongs to nobody.
pub(super) const NOBODYS_TOPIC: &str = "Эта тема осталась без клиента: бот прервался, когда её создавал. Клиент этого сообщения не получил — ответьте ему в теме с его карточкой, а эту можно удалить.";

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
