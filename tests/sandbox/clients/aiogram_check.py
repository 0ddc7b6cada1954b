"""aiogram parses every answer and update into its strict types."""
import asyncio

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, ReactionTypeEmoji

from sandbox import ANNA, FORUM, TOKEN, URL, act, call


async def refused(kind, call_, text=""):
    try:
        await call_
    except kind as error:
        assert text in str(error), error
        return
    raise AssertionError(f"{kind} expected")


def bot_with(token):
    return Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(URL + "/telegram")))


async def main():
    async with bot_with("100:other") as stranger:
        await refused(TelegramUnauthorizedError, stranger.get_me())
    async with bot_with(TOKEN) as bot:
        me = await bot.get_me()
        assert me.is_bot and me.can_join_groups is not None
        act("telegram", do="writes", chat=ANNA, text="/start")
        act("telegram", do="sends_album", chat=ANNA, count=2, caption="до и после")
        for kind in ("voice", "document", "sticker", "video", "video_note", "audio", "animation"):
            act("telegram", do="sends", chat=ANNA, kind=kind)
        act("telegram", do="sends_location", chat=ANNA, latitude=59.9, longitude=30.3)
        act("telegram", do="edits", chat=ANNA, message_id=1, text="/help")
        act("telegram", do="business", chat=ANNA, connection="bc1", text="по бизнесу")
        act("telegram", do="staff_writes", chat=FORUM, text="аноним", anonymous=True)
        act("telegram", do="blocks", chat=ANNA)
        updates = await bot.get_updates()
        kinds = [update.event_type for update in updates]
        assert kinds.count("message") == 12, kinds
        assert {"edited_message", "business_connection", "business_message", "my_chat_member"} <= set(kinds)
        assert not await bot.get_updates(offset=updates[-1].update_id + 1)

        await refused(TelegramForbiddenError, bot.send_message(ANNA, "x"), "blocked")
        act("telegram", do="unblocks", chat=ANNA)
        keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Да", callback_data="1")]])
        sent = await bot.send_message(ANNA, "*Цена*\\.", parse_mode="MarkdownV2", reply_markup=keyboard)
        assert sent.text == "Цена." and sent.entities[0].type == "bold"
        act("telegram", do="presses", chat=ANNA, button="Да")
        press = (await bot.get_updates())[-1].callback_query
        assert press.message.message_id == sent.message_id
        assert await press.answer("ok").as_(bot)
        await refused(TelegramBadRequest, press.answer("ok").as_(bot), "query is too old")
        await refused(TelegramBadRequest, bot.send_message(ANNA, "<b", parse_mode="HTML"), "can't parse entities")
        await refused(TelegramBadRequest, bot.send_message(5, "x"), "chat not found")
        edited = await bot.edit_message_text("Готово", chat_id=ANNA, message_id=sent.message_id)
        assert edited.edit_date and not edited.reply_markup
        assert await bot.copy_message(FORUM, ANNA, sent.message_id)
        assert (await bot.forward_message(FORUM, ANNA, sent.message_id)).forward_origin
        assert await bot.set_message_reaction(ANNA, sent.message_id, [ReactionTypeEmoji(emoji="👍")])
        assert await bot.send_chat_action(ANNA, "typing")

        topic = await bot.create_forum_topic(FORUM, "Анна")
        inside = await bot.send_message(FORUM, "x", message_thread_id=topic.message_thread_id)
        assert inside.is_topic_message
        assert await bot.edit_forum_topic(FORUM, topic.message_thread_id, name="Анна П.")
        assert await bot.close_forum_topic(FORUM, topic.message_thread_id)
        assert await bot.reopen_forum_topic(FORUM, topic.message_thread_id)
        await refused(TelegramBadRequest, bot.send_message(FORUM, "x", message_thread_id=999), "thread not found")

        voice = next(update.message.voice for update in updates if update.message and update.message.voice)
        assert (await bot.download(voice)).read().startswith(b"OggS")
        assert (await bot.get_chat(FORUM)).is_forum
        assert (await bot.get_chat_member(FORUM, me.id)).can_manage_topics
        assert await bot.set_my_commands([BotCommand(command="start", description="Начать")])
        assert (await bot.get_my_commands())[0].command == "start"
        assert (await bot.get_webhook_info()).url == ""
        assert await bot.set_webhook(URL + "/nowhere", secret_token="s")
        await refused(TelegramConflictError, bot.get_updates(), "webhook is active")
        assert await bot.delete_webhook()

        fault = {"provider": "telegram", "method": "getMe", "times": 1}
        call("/sandbox/faults", {**fault, "fault": "too_many_requests", "retry_after": 9})
        await refused(TelegramRetryAfter, bot.get_me())
        call("/sandbox/faults", {**fault, "fault": "status", "status": 500})
        await refused(TelegramServerError, bot.get_me())
        act("telegram", do="migrates", chat=FORUM, to=-1001000000077)
        await refused(TelegramMigrateToChat, bot.send_message(FORUM, "x"))
        assert call(f"/telegram/bot{TOKEN}/noSuchMethod")[0] == 404


asyncio.run(main())
