// A bot written with grammY talks to a customer: long polling, keyboards, presses, errors.
"use strict";
const assert = require("node:assert");
const { Bot, InlineKeyboard, GrammyError } = require("grammy");

const url = process.env.SANDBOX_URL;
const anna = 7000000001;
const forum = -1001000000001;

async function control(path, body) {
  const answer = await fetch(url + "/sandbox" + path, body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}
async function until(probe) {
  for (const end = Date.now() + 20000; Date.now() < end; await new Promise((go) => setTimeout(go, 20))) {
    const found = await probe();
    if (found) return found;
  }
  throw new Error("nothing came");
}

async function main() {
  const bot = new Bot("100:secret", { client: { apiRoot: url + "/telegram" } });
  const seen = [];
  bot.command("start", (ctx) => {
    seen.push("start " + ctx.match);
    return ctx.reply("<b>Здравствуйте</b>", { parse_mode: "HTML", reply_markup: new InlineKeyboard().text("Записаться", "b:1") });
  });
  bot.callbackQuery("b:1", async (ctx) => {
    await ctx.answerCallbackQuery("Минуту");
    await ctx.editMessageText("Когда удобно?");
  });
  bot.on("message:contact", (ctx) => ctx.reply("own " + (ctx.message.contact.user_id === ctx.from.id)));
  bot.on("message:photo", async (ctx) => {
    const file = await ctx.getFile();
    const bytes = await fetch(`${url}/telegram/file/bot100:secret/${file.file_path}`);
    return ctx.reply(await bytes.text());
  });
  bot.on("message:text", (ctx) => ctx.message.is_topic_message && seen.push("topic " + ctx.message.text));
  bot.on("my_chat_member", (ctx) => seen.push("member " + ctx.myChatMember.new_chat_member.status));
  bot.catch((error) => seen.push("error " + error.message));
  const running = bot.start();

  const lines = () => control("/telegram/" + anna);
  const said = (text) => until(async () => (await lines()).find((line) => line.from === "bot" && line.text === text));
  const act = (action) => control("/telegram", { chat: anna, ...action });

  await act({ do: "writes", text: "/start src_maps" });
  const hello = await said("Здравствуйте");
  assert.deepEqual(hello.raw.entities, [{ type: "bold", offset: 0, length: 12 }]);
  await act({ do: "presses", button: "Записаться" });
  await said("Когда удобно?");
  await act({ do: "shares_contact", phone: "79000000001" });
  await said("own true");
  await act({ do: "sends", kind: "photo", content: "a picture of hair" });
  await said("a picture of hair");

  const topic = await bot.api.createForumTopic(forum, "Анна");
  await bot.api.sendMessage(forum, "Просит человека", { message_thread_id: topic.message_thread_id });
  await control("/telegram", { do: "staff_writes", chat: forum, thread: topic.message_thread_id, text: "Иду" });
  await until(() => seen.includes("topic Иду"));

  await act({ do: "blocks" });
  await until(() => seen.includes("member kicked"));
  const refused = await bot.api.sendMessage(anna, "x").then(() => null, (error) => error);
  assert(refused instanceof GrammyError && refused.error_code === 403, String(refused));
  await control("/faults", { provider: "telegram", method: "getChat", times: 1, fault: "too_many_requests", retry_after: 5 });
  const flooded = await bot.api.getChat(forum).then(() => null, (error) => error);
  assert.equal(flooded.parameters.retry_after, 5);
  assert.deepEqual(seen.filter((line) => line.startsWith("error")), []);
  assert(seen.includes("start src_maps"));
  await bot.stop();
  await running;
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
