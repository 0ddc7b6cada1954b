// The demo page. It acts only through the sandbox, as the people with their phones.
"use strict";

const words = {
  ru: {
    pitch: "Один помощник отвечает клиентам салона во всех мессенджерах, а трудное передаёт людям.",
    step1: "Напишите как клиент — с любого телефона или с сайта",
    step2: "Помощник ответит из знаний салона",
    step3: "Позовите человека и ответьте из чата сотрудников",
    fresh: "Новый клиент", salon: "Белый шиповник", bot: "бот", business: "бизнес-аккаунт",
    message: "Сообщение", answer: "Ответить клиенту", staff: "Чат сотрудников", journal: "Журнал",
    staffHint: "в Telegram, тема на клиента", openCrm: "Открыть CRM", openSite: "Открыть сайт", openConsole: "Рабочее место", tabSite: "Сайт", tabStaff: "Сотрудники",
    typing: "печатает…", hello: "Вы — клиент салона. Напишите что-нибудь или нажмите на подсказку.",
    noTopics: "Пока никто не звал человека", noTopic: "Когда клиент позовёт человека, здесь появится его тема. Ответ отсюда придёт ему в мессенджер.",
    general: "Общая", live: "события в прямом эфире", off: "нет связи с журналом, пробуем снова",
    noEvents: "Здесь появится каждый шаг: что спросили, как понято, что отвечено.", phone: "номер телефона",
    clock: "Часы салона", now: "В салоне сейчас", hour: "+1 час", nextEvent: "До следующего события", tomorrow: "Завтра, 9:00",
    clockHint: "Переведите часы вперёд: придут напоминания, списки дня и просьбы позвонить.",
    moving: "Время идёт: всё, что должно случиться по дороге, случается.", arrived: "Часы переведены:", stuck: "Дальше часы не идут:",
    file: "вложение", failed: "не доставлено", me: "Анна",
    files: { photo: "Фото", voice: "Голосовое" },
    chips: ["Сколько стоит стрижка?", "Хочу записаться", "Как вас найти?", "Позовите человека"],
  },
  en: {
    pitch: "One assistant answers a salon's customers in every messenger and hands the hard ones to people.",
    step1: "Write as a customer, from either phone or the site",
    step2: "The assistant answers from the salon's knowledge",
    step3: "Ask for a person and answer from the staff chat",
    fresh: "New customer", salon: "White Briar", bot: "bot", business: "business account",
    message: "Message", answer: "Answer the customer", staff: "Staff chat", journal: "Journal",
    staffHint: "in Telegram, a topic per customer", openCrm: "Open the CRM", openSite: "Open the site", openConsole: "Console", tabSite: "Site", tabStaff: "Staff",
    typing: "typing…", hello: "You are a customer. Write something or tap a suggestion.",
    noTopics: "Nobody has asked for a person yet", noTopic: "When a customer asks for a person, a topic opens here. What you write goes to their messenger.",
    general: "General", live: "live events", off: "no connection to the journal, trying again",
    noEvents: "Every step appears here: what was asked, understood and answered.", phone: "phone number",
    clock: "The salon's clock", now: "Now in the salon:", hour: "+1 hour", nextEvent: "To the next event", tomorrow: "Tomorrow, 9:00",
    clockHint: "Put the clock forward: reminders, lists of the day and calls to make will come.",
    moving: "Time passes: what is due on the way happens.", arrived: "The clock was put forward:", stuck: "The clock does not go on:",
    file: "attachment", failed: "not delivered", me: "Anna",
    files: { photo: "Photo", voice: "Voice message" },
    chips: ["How much is a haircut?", "I want to book", "Where are you?", "I want to talk to a person"],
  },
};
const tints = { 7322096: "#6fb9f0", 16766590: "#ffd67e", 13338331: "#cb86db", 9367192: "#8eee98", 16749490: "#ff93b2", 16478047: "#fb6f5f" };

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const stored = (key, make) => {
  let value = localStorage.getItem(key);
  if (!value) localStorage.setItem(key, (value = make()));
  return value;
};
const digits = (count) => String(Math.floor(Math.random() * 10 ** count)).padStart(count, "0");

let language = stored("language", () => "ru") === "en" ? "en" : "ru";
let me = whoAmI();
let staffChat = null;
let topic = null;
let topics = [];
const bubbles = { telegram: new Map(), whatsapp: new Map(), staff: new Map() };
const busy = {};

function whoAmI() {
  return { telegram: Number(stored("telegram", () => "70" + digits(8))), whatsapp: stored("whatsapp", () => "7900" + digits(7)) };
}
const say = (key) => words[language][key];

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  return response.ok ? response.json() : null;
}
// Nobody acts while the clock moves: what is written meanwhile is sent when it stands.
async function act(path, action) {
  await standing;
  return ask(path, action);
}
const telegram = (action) => act("/sandbox/telegram", { name: say("me"), ...action });
const whatsapp = (action) => act("/sandbox/whatsapp", { customer: { id: me.whatsapp, name: say("me") }, ...action });

const write = {
  telegram: (text) => telegram({ do: "writes", chat: me.telegram, text }),
  whatsapp: (text) => whatsapp({ do: "writes", text }),
  staff: (text) => staffChat && act("/sandbox/telegram", { do: "staff_writes", chat: staffChat.id, thread: topic, text, ...replyInGroup() }),
};

const send = {
  telegram: (kind) => telegram({ do: "sends", chat: me.telegram, kind }),
  whatsapp: (kind) => whatsapp({ do: "sends", kind: kind === "photo" ? "image" : "audio" }),
};

// Without topics an answer is a reply to the last message of the bot.
function replyInGroup() {
  if (staffChat.is_forum) return {};
  const last = [...bubbles.staff.values()].filter((node) => node.dataset.from === "bot").pop();
  return last ? { reply_to: Number(last.dataset.id) } : {};
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Telegram's entities, which may overlap, cut at every border.
function formatted(text, entities) {
  const borders = new Set([0, text.length]);
  for (const entity of entities) borders.add(entity.offset).add(entity.offset + entity.length);
  const cuts = [...borders].sort((a, b) => a - b);
  const whole = document.createDocumentFragment();
  for (let i = 0; i + 1 < cuts.length; i++) {
    let node = document.createTextNode(text.slice(cuts[i], cuts[i + 1]));
    for (const entity of entities) {
      if (entity.offset > cuts[i] || entity.offset + entity.length < cuts[i + 1]) continue;
      const around = wrapper(entity);
      if (!around) continue;
      around.append(node);
      node = around;
    }
    whole.append(node);
  }
  return whole;
}
function wrapper(entity) {
  const tags = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "code", blockquote: "blockquote", expandable_blockquote: "blockquote" };
  if (tags[entity.type]) return make(tags[entity.type]);
  if (entity.type === "spoiler") return make("span", "spoiler");
  if (entity.type === "text_link" && /^https?:/.test(entity.url)) {
    const link = make("a");
    Object.assign(link, { href: entity.url, target: "_blank", rel: "noopener noreferrer" });
    return link;
  }
  return null;
}
// WhatsApp's own marks.
function marked(text) {
  const whole = document.createDocumentFragment();
  for (const part of text.split(/(\*[^*\n]+\*|_[^_\n]+_|~[^~\n]+~)/)) {
    const tag = { "*": "b", _: "i", "~": "s" }[part[0]];
    if (tag && part.length > 2 && part.at(-1) === part[0]) whole.append(make(tag, "", part.slice(1, -1)));
    else whole.append(part);
  }
  return whole;
}

// Every time on the page is the salon's, wherever the viewer is.
const zone = document.body.dataset.zone;
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
const day = (seconds, more) => new Date(seconds * 1000).toLocaleDateString(language, { day: "numeric", month: "long", timeZone: zone, ...more });

// The salon's clock goes with the viewer's, this much ahead.
let ahead = 0;
let standing = Promise.resolve();
let stand = null;

function tick() {
  const now = Date.now() / 1000 + ahead;
  const text = `${day(now, { weekday: "long" })}, ${clock(now)}`;
  const place = find("[data-clock]");
  if (place.textContent !== text) place.textContent = text;
  return text;
}
function showTime({ now, moving }) {
  ahead = now - Date.now() / 1000;
  const text = tick();
  if (moving && !stand) standing = new Promise((stands) => (stand = stands));
  if (moving) tell(say("moving"));
  else if (stand) {
    stand();
    stand = null;
    tell(`${say("arrived")} ${text}`);
  }
  document.body.toggleAttribute("data-moving", moving);
  for (const frame of all("iframe")) frame.inert = moving;
  for (const button of all("[data-go]")) button.setAttribute("aria-disabled", String(moving));
}
function tell(text, hint) {
  const place = find("[data-clock-state]");
  place.toggleAttribute("data-hint", Boolean(hint));
  if (place.textContent !== text) place.textContent = text;
}
async function go(goal) {
  if (stand) return;
  const response = await fetch("/sandbox/clock", { method: "POST", headers: { "Content-Type": "application/json" }, body: goal });
  const answer = await response.json();
  if (response.ok) return;
  await standing;
  tell(`${say("stuck")} ${answer.error}`);
}

function bubble(place, message) {
  const node = make("div", "bubble " + (message.own ? "own" : "other"));
  node.dataset.id = message.id;
  node.dataset.from = message.from || "";
  if (message.name) node.append(make("span", "name", message.name));
  node.append(message.body);
  const time = make("time", "", clock(message.at));
  if (message.own && place !== "staff") time.append(make("span", "ticks", "✓✓"));
  if (message.failed) time.append(make("span", "ticks failed", " " + say("failed")));
  node.append(time);
  const feed = find(`[data-feed="${place}"]`);
  feed.querySelector(".hello")?.remove();
  const before = bubbles[place].get(message.id);
  before?.buttons?.remove();
  if (before) before.replaceWith(node);
  else {
    const date = day(message.at);
    if (feed.dataset.day && feed.dataset.day !== date) feed.append(make("div", "day", date));
    feed.dataset.day = date;
    feed.append(node);
  }
  bubbles[place].set(message.id, node);
  if (message.buttons?.length) {
    node.buttons = make("div", "buttons");
    for (const button of message.buttons) {
      const press = make("button", "", button.title);
      press.type = "button";
      press.addEventListener("click", () => button.press());
      node.buttons.append(press);
    }
    node.after(node.buttons);
  }
  feed.scrollTop = feed.scrollHeight;
}

const attachment = (message) => {
  if (message.contact) return `☎ ${say("phone")}: ${message.contact.phone_number}`;
  const kind = ["photo", "voice", "document", "video", "sticker", "location", "audio"].find((name) => message[name]);
  return kind ? `📎 ${say("file")}: ${kind}` : "";
};

function showTelegram(message) {
  const text = message.text ?? message.caption ?? "";
  const own = message.from.id === me.telegram;
  if (!text && !attachment(message)) return;
  setBusy("telegram", false);
  const rows = message.reply_markup?.inline_keyboard ?? [];
  const buttons = rows.flat().map((button) => ({
    title: button.text,
    press: () => button.url ? window.open(button.url, "_blank", "noopener") : telegram({ do: "presses", chat: me.telegram, message_id: message.message_id, button: button.callback_data }),
  }));
  bubble("telegram", {
    id: message.message_id, own, at: message.date, buttons,
    body: text ? formatted(text, message.entities ?? message.caption_entities ?? []) : attachment(message),
  });
  if (own) find("[data-keyboard]").hidden = true;
}

function showStaff(message) {
  const service = message.forum_topic_created || message.forum_topic_closed || message.forum_topic_reopened || message.forum_topic_edited;
  if (message.is_topic_message && !topics.some((known) => known.id === message.message_thread_id)) {
    loadTopics(message.message_thread_id);
    return;
  }
  const thread = message.is_topic_message ? message.message_thread_id : null;
  if (thread !== topic) {
    find(`[data-topics] [data-id="${thread}"]`)?.classList.add("new");
    return;
  }
  const text = message.text ?? message.caption ?? attachment(message);
  if (service || !text) return;
  const rows = message.reply_markup?.inline_keyboard ?? [];
  const buttons = rows.flat().map((button) => ({
    title: button.text,
    press: () => act("/sandbox/telegram", { do: "presses", chat: staffChat.id, message_id: message.message_id, button: button.callback_data }),
  }));
  bubble("staff", {
    id: message.message_id, buttons, own: !message.from.is_bot || message.sender_chat, at: message.date,
    from: message.from.is_bot ? "bot" : "staff", name: message.from.is_bot ? "zapis" : message.from.first_name,
    body: formatted(text, message.entities ?? []),
  });
}

function showWhatsApp(line) {
  setBusy("whatsapp", false);
  const own = line.from === "customer";
  const text = line.text || (line.raw.type && line.raw.type !== "text" ? `📎 ${say("file")}: ${line.raw.type}` : "");
  if (!text) return;
  const buttons = line.buttons.map((button) => ({
    title: button.title,
    press: () => whatsapp({ do: "presses", message_id: line.id, button: button.payload }),
  }));
  bubble("whatsapp", { id: line.id, own, at: line.at, buttons, body: marked(text), failed: line.status === "failed" });
  if (own && line.status === "read") markRead(line.id);
}
function markRead(id) {
  for (const [known, node] of bubbles.whatsapp) {
    node.querySelector(".ticks")?.classList.add("read");
    if (known === id) return;
  }
}

function setBusy(place, on) {
  const state = find(`[data-state="${place}"]`);
  clearTimeout(busy[place]);
  state.toggleAttribute("data-busy", on);
  state.textContent = on ? say("typing") : say(place === "telegram" ? "bot" : "business");
  if (on) busy[place] = setTimeout(() => setBusy(place, false), 6000);
}

function showKeyboard(keyboard) {
  const place = find("[data-keyboard]");
  place.replaceChildren();
  for (const button of (keyboard.keyboard ?? []).flat()) {
    const text = button.text ?? button;
    const press = make("button", "", text);
    press.type = "button";
    press.addEventListener("click", () => {
      if (button.request_contact) telegram({ do: "shares_contact", chat: me.telegram, phone: me.whatsapp });
      else write.telegram(text);
    });
    place.append(press);
  }
  place.hidden = !place.children.length;
}

function heed(event) {
  const mine = event.chat === me.telegram;
  switch (event.type) {
    case "telegram.message":
    case "telegram.edit":
      if (event.message.chat.id === me.telegram) {
        showTelegram(event.message);
        notice("telegram");
      } else if (event.message.chat.id === staffChat?.id) {
        showStaff(event.message);
        notice("staff");
      }
      break;
    case "telegram.delete": {
      const place = mine ? "telegram" : "staff";
      const node = bubbles[place].get(event.message_id);
      node?.buttons?.remove();
      node?.remove();
      bubbles[place].delete(event.message_id);
      break;
    }
    case "telegram.action":
      if (mine) setBusy("telegram", true);
      break;
    case "telegram.keyboard":
      if (mine) showKeyboard(event.keyboard);
      break;
    case "telegram.reaction": {
      const node = bubbles[mine ? "telegram" : "staff"].get(event.message_id);
      node?.querySelector(".mark")?.remove();
      if (event.reaction[0]) node?.append(make("span", "mark", event.reaction[0].emoji));
      break;
    }
    case "whatsapp.message":
      if (event.customer === me.whatsapp) {
        showWhatsApp(event.line);
        notice("whatsapp");
      }
      break;
    case "whatsapp.read":
      if (event.customer === me.whatsapp) {
        markRead(event.id);
        if (event.typing) setBusy("whatsapp", true);
      }
      break;
    case "whatsapp.status":
      if (event.status === "failed") bubbles.whatsapp.get(event.id)?.querySelector("time").append(make("span", "ticks failed", " " + say("failed")));
      break;
    case "bitrix24":
      notice("crm");
      if (document.body.dataset.window !== "crm") find('.chrome [data-window="crm"]').classList.add("new");
      break;
    case "clock":
      showTime(event);
      break;
    case "reset":
    case "lagged":
      reload();
      break;
  }
}
function notice(tab) {
  if (document.body.dataset.tab !== tab) find(`.tabs [data-tab="${tab}"]`).classList.add("new");
}

async function loadTopics(select) {
  const overview = await ask("/sandbox");
  if (!overview) return;
  staffChat = overview.staff_chats[0] ?? null;
  topics = staffChat?.topics ?? [];
  const list = find("[data-topics]");
  list.replaceChildren();
  if (staffChat && !staffChat.is_forum) topics = [];
  const entries = topics.map((known) => ({ id: known.id, name: known.name, tint: tints[known.colour] })).reverse();
  if (staffChat) entries.push({ id: null, name: say("general"), tint: "#9aa5a0" });
  if (!topics.length) list.append(make("div", "none", say("noTopics")));
  for (const entry of entries) {
    const button = make("button");
    button.type = "button";
    button.dataset.id = entry.id;
    const mark = make("i");
    mark.style.setProperty("--tint", entry.tint);
    button.append(mark, make("span", "", entry.name));
    button.title = entry.name;
    button.addEventListener("click", () => openTopic(entry.id));
    list.append(button);
  }
  if (select === undefined && topics.length && !topics.some((known) => known.id === topic)) select = topics.at(-1).id;
  await openTopic(select === undefined ? topic : select);
}
async function openTopic(id) {
  topic = id;
  for (const button of all("[data-topics] button")) {
    button.setAttribute("aria-current", String(button.dataset.id === String(id)));
    if (button.dataset.id === String(id)) button.classList.remove("new");
  }
  clear("staff", topics.length || id !== null ? "" : say("noTopic"));
  if (!staffChat) return;
  const lines = (await ask(`/sandbox/telegram/${staffChat.id}${id === null ? "" : "?thread=" + id}`)) ?? [];
  for (const line of lines) if (id !== null || !line.raw.is_topic_message) showStaff(line.raw);
}

function clear(place, hint) {
  bubbles[place].clear();
  const feed = find(`[data-feed="${place}"]`);
  feed.replaceChildren();
  delete feed.dataset.day;
  if (hint) feed.append(make("div", "hello", hint));
}

async function reload() {
  clear("telegram", say("hello"));
  clear("whatsapp", say("hello"));
  const [tg, wa, time] = await Promise.all([ask(`/sandbox/telegram/${me.telegram}`), ask(`/sandbox/whatsapp/${me.whatsapp}`), ask("/sandbox/clock"), loadTopics()]);
  if (time) showTime(time);
  for (const line of tg ?? []) showTelegram(line.raw);
  for (const line of wa ?? []) showWhatsApp(line);
}

function speak() {
  document.documentElement.lang = language;
  find("#language").textContent = language === "ru" ? "EN" : "RU";
  for (const node of all("[data-i18n]")) node.textContent = say(node.dataset.i18n);
  for (const node of all("[data-i18n-label]")) node.setAttribute("aria-label", say(node.dataset.i18nLabel));
  tell(say(stand ? "moving" : "clockHint"), !stand);
  for (const node of all("[data-i18n-hint]")) node.placeholder = say(node.dataset.i18nHint);
  for (const place of all("[data-chips]")) {
    const chip = (text, press) => {
      const button = make("button", "", text);
      button.type = "button";
      button.addEventListener("click", press);
      return button;
    };
    const phone = place.dataset.chips;
    place.replaceChildren(
      ...say("chips").map((text) => chip(text, () => write[phone](text))),
      ...Object.entries(say("files")).map(([kind, text]) => chip(text, () => send[phone](kind))),
    );
  }
  find("[data-live]").textContent = say(find("[data-dot]").classList.contains("on") ? "live" : "off");
  emptyJournal();
}

// The journal: one line per event, the whole event on a click.
function emptyJournal() {
  const list = find("[data-events]");
  if (!list.querySelector("details")) list.replaceChildren(make("li", "none", say("noEvents")));
}
function summary(event) {
  const parts = [];
  if (event.intent) parts.push(event.confidence == null ? event.intent : `${event.intent} ${Math.round(event.confidence * 100)} %`);
  if (event.action && event.action !== "none") parts.push(event.action);
  if (event.outcome) parts.push(event.outcome);
  if (event.reason) parts.push(event.reason);
  if (event.error_code) parts.push(event.error_code);
  const text = event.bot_response ?? event.customer_text;
  if (text) parts.push(`«${text}»`);
  return [event.channel, ...parts].filter(Boolean).join(" · ");
}
function note(event) {
  const list = find("[data-events]");
  list.querySelector(".none")?.remove();
  const entry = make("li");
  const details = make("details");
  const head = make("summary");
  const at = new Date(event.timestamp);
  head.append(make("time", "", Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString("ru", { timeZone: zone })), make("span", "kind " + (/^\w+$/.test(event.kind) ? event.kind : ""), event.kind), make("span", "what", summary(event)));
  details.append(head);
  details.addEventListener("toggle", () => {
    const filled = Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null));
    if (details.open && !details.querySelector("pre")) details.append(make("pre", "", JSON.stringify(filled, null, 2)));
  });
  entry.append(details);
  list.prepend(entry);
  while (list.children.length > 200) list.lastChild.remove();
}
function followJournal() {
  const live = (on) => {
    find("[data-dot]").classList.toggle("on", on);
    find("[data-live]").textContent = say(on ? "live" : "off");
  };
  const seen = new Set();
  const source = new EventSource(document.body.dataset.journal);
  source.addEventListener("open", () => live(true));
  source.addEventListener("error", () => {
    live(false);
    // A refused stream is not tried again by the browser itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(followJournal, 3000);
  });
  source.addEventListener("message", ({ data }) => {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    if (event.event_id && seen.has(event.event_id)) return;
    seen.add(event.event_id);
    note(event);
    notice("journal");
  });
}

function start() {
  speak();
  for (const form of all("[data-send]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const input = form.elements.text;
      const text = input.value.trim();
      if (!text) return;
      input.value = "";
      write[form.dataset.send](text);
    });
  }
  const show = (tab) => {
    document.body.dataset.tab = tab;
    for (const button of all(".tabs button")) button.setAttribute("aria-current", String(button.dataset.tab === tab));
    find(`.tabs [data-tab="${tab}"]`).classList.remove("new");
    for (const feed of all(".feed")) feed.scrollTop = feed.scrollHeight;
  };
  for (const button of all(".tabs button")) button.addEventListener("click", () => show(button.dataset.tab));
  if (document.body.dataset.crm === "on") find("[data-src]").src = find("[data-src]").dataset.src;
  for (const button of all(".chrome [data-window]")) {
    button.addEventListener("click", () => {
      document.body.dataset.window = button.dataset.window;
      button.classList.remove("new");
      find(`[data-panel="${button.dataset.window}"] .chrome button`).focus();
    });
  }
  show("telegram");
  for (const button of all("[data-go]")) button.addEventListener("click", () => go(button.dataset.go));
  setInterval(tick, 1000);
  find("#fresh").addEventListener("click", () => {
    localStorage.removeItem("telegram");
    localStorage.removeItem("whatsapp");
    me = whoAmI();
    reload();
  });
  find("#language").addEventListener("click", () => {
    language = language === "ru" ? "en" : "ru";
    localStorage.setItem("language", language);
    speak();
    reload();
  });
  const events = new EventSource("/sandbox/events");
  events.addEventListener("open", reload);
  events.addEventListener("message", ({ data }) => heed(JSON.parse(data)));
  followJournal();
}
start();
