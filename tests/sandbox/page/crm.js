// The inbox of the CRM, as a manager sees it. It acts only through the sandbox.
"use strict";

const words = {
  ru: {
    title: "Обращения", kinds: "Что показать", lead: "Лиды", deal: "Сделки", board: "Доска", card: "Карточка", content: "Содержание карточки",
    close: "Закрыть", stage: "Стадия", responsible: "Ответственный", todos: "Дела", timeline: "Таймлайн", comment: "Комментарий", send: "Добавить",
    none: "Пока пусто: напишите салону как клиент.", noTodos: "Дел нет", noTimeline: "Записей нет", until: "до", late: "просрочено",
    source: "Источник", contact: "Контакт", comments: "Комментарий", originator: "Откуда", opportunity: "Сумма", nobody: "нет в портале", refused: "Не вышло:",
    PHONE: "Телефон", EMAIL: "Почта", IM: "Мессенджер", WEB: "Сайт", LINK: "Ссылка", simple: "Простая CRM: лиды сразу становятся сделками",
  },
  en: {
    title: "Enquiries", kinds: "What to show", lead: "Leads", deal: "Deals", board: "Board", card: "Card", content: "Content of the card",
    close: "Close", stage: "Stage", responsible: "Responsible", todos: "To do", timeline: "Timeline", comment: "Comment", send: "Add",
    none: "Nothing yet: write to the salon as a customer.", noTodos: "Nothing to do", noTimeline: "Nothing written", until: "until", late: "late",
    source: "Source", contact: "Contact", comments: "Comment", originator: "From", opportunity: "Sum", nobody: "not in the portal", refused: "Not done:",
    PHONE: "Phone", EMAIL: "E-mail", IM: "Messenger", WEB: "Site", LINK: "Link", simple: "Simple CRM: leads become deals at once",
  },
};

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
let language = "ru";
let board = null;
let kind = null;
let open = null;
let loading = false;
let again = false;
let ahead = 0;

const say = (key) => words[language][key] ?? key;
const zone = document.body.dataset.zone;
const moment = (seconds) => new Date(seconds * 1000).toLocaleString(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });

function make(tag, className, ...inside) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...inside.filter((part) => part !== undefined && part !== ""));
  return node;
}

// BB-code as the real card shows it: what is not a known pair of marks stays as it is written.
const tags = { b: "b", i: "i", u: "u", s: "s", p: "span", list: "div" };
function rich(text) {
  const whole = document.createDocumentFragment();
  const inside = [{ node: whole, mark: null }];
  const mark = /\[(\/?)(b|i|u|s|p|list|url)(?:=([^\]]*))?\]|\[\*\]|\[br\]/gi;
  let from = 0;
  const closes = (name, at) => new RegExp(`\\[/${name}\\]`, "i").test(text.slice(at));
  for (const found of text.matchAll(mark)) {
    const top = inside.at(-1);
    top.node.append(text.slice(from, found.index));
    from = found.index + found[0].length;
    const name = found[2]?.toLowerCase();
    if (found[0] === "[*]") top.node.append(top.node.childNodes.length ? make("br") : "", "• ");
    else if (!name) top.node.append(make("br"));
    else if (found[1] && top.mark === name) inside.pop();
    else if (!found[1] && closes(name, from)) {
      const node = name === "url" ? link(found[3] ?? "", text.slice(from)) : make(tags[name]);
      top.node.append(node);
      inside.push({ node, mark: name });
    } else top.node.append(found[0]);
  }
  inside.at(-1).node.append(text.slice(from));
  return whole;
}
function link(address, rest) {
  const target = address || rest.slice(0, rest.search(/\[\/url\]/i));
  if (!/^https?:\/\//.test(target)) return make("span");
  return Object.assign(make("a"), { href: target, target: "_blank", rel: "noopener noreferrer" });
}

async function act(action) {
  const response = await fetch("/sandbox/bitrix24", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(action) });
  const answer = await response.json();
  tell(response.ok ? "" : `${say("refused")} ${answer.error}`);
  await load();
}
function tell(text) {
  find("[data-status]").textContent = text || (board?.mode === "simple" ? say("simple") : "");
}

// Events come in crowds: one answer is enough for all that came while it was fetched.
async function load() {
  again = true;
  if (loading) return;
  loading = true;
  while (again) {
    again = false;
    const [fresh, clock] = await Promise.all(["/sandbox/bitrix24", "/sandbox/clock"].map((path) => fetch(path).then((response) => (response.ok ? response.json() : null), () => null)));
    if (clock) ahead = clock.now - Date.now() / 1000;
    if (fresh) board = fresh;
  }
  loading = false;
  if (board) show();
}

const bare = (stage) => stage.replace(/^C\d+:/, "");
const user = (id) => board.users.find((known) => known.id === id);
const nameOf = (id) => {
  const known = user(id);
  return known ? `${known.name} ${known.last_name}`.trim() : `#${id}, ${say("nobody")}`;
};
const own = (list, item) => list.filter((one) => one.entity === kind && one.item === item.id);
const contactOf = (item) => board.contact.find((contact) => contact.id === item.contact);
const multi = (item) => (item.multi.length ? item.multi : contactOf(item)?.multi ?? []);

function show() {
  kind ??= board.mode === "simple" ? "deal" : "lead";
  tell("");
  for (const button of all("[data-kind]")) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
  const focused = document.activeElement?.dataset?.id;
  const columns = board.stages[kind].map(column);
  find("[data-board]").replaceChildren(...(board[kind].length ? columns : [make("p", "none", say("none"))]));
  if (focused) find(`.tile[data-id="${focused}"]`)?.focus();
  const item = board[kind].find((known) => known.id === open);
  find("[data-card]").hidden = !item;
  if (item) showCard(item);
  else open = null;
}
function column(stage) {
  const items = board[kind].filter((item) => bare(item.stage) === stage.id).reverse();
  const node = make("section", items.length ? "column" : "column empty");
  node.style.setProperty("--tint", stage.colour);
  node.append(make("h3", "", stage.name, make("span", "", String(items.length))), ...items.map(tile));
  return node;
}
function tile(item) {
  const contact = multi(item)[0]?.value ?? "";
  const node = make("button", "tile", make("b", "", item.title), make("small", "", [item.source, contact].filter(Boolean).join(" · ")), make("small", "", nameOf(item.assigned_to)));
  node.type = "button";
  node.dataset.id = item.id;
  node.setAttribute("aria-current", String(item.id === open));
  const due = own(board.todos, item).filter((todo) => !todo.completed).sort((a, b) => a.deadline - b.deadline)[0];
  if (due) node.append(dueMark(due));
  node.addEventListener("click", () => {
    open = item.id;
    show();
    find("[data-title]").focus();
  });
  return node;
}
function dueMark(todo) {
  const late = todo.deadline < Date.now() / 1000 + ahead;
  return make("span", late ? "due late" : "due", `${say(late ? "late" : "until")} ${moment(todo.deadline)}`);
}

function showCard(item) {
  find("[data-title]").textContent = item.title;
  const prefix = item.stage.slice(0, item.stage.length - bare(item.stage).length);
  choices("[data-stage]", board.stages[kind].map((stage) => [prefix + stage.id, stage.name]), item.stage);
  const users = board.users.filter((known) => known.active || known.id === item.assigned_to).map((known) => [String(known.id), nameOf(known.id)]);
  if (!user(item.assigned_to)) users.push([String(item.assigned_to), nameOf(item.assigned_to)]);
  choices("[data-user]", users, String(item.assigned_to));
  const rows = multi(item).map((one) => [say(one.type_id), `${one.value} (${one.value_type.toLowerCase()})`]);
  rows.push([say("contact"), contactOf(item)?.title], [say("source"), [item.source, item.fields.sourceDescription].filter(Boolean).join(" · ")]);
  rows.push([say("originator"), [item.originator, item.origin].filter(Boolean).join(" · ")], [say("comments"), item.comments && rich(item.comments)]);
  for (const field of board.custom_fields) if (field.entity === kind && item.fields[field.name]) rows.push([field.title || field.name, String(item.fields[field.name])]);
  find("[data-fields]").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
  fill("[data-todos]", own(board.todos, item).map((todo) => {
    const node = make("li", todo.completed ? "done" : "", make("b", "", todo.title), make("p", "", rich(todo.description)), todo.completed ? "" : dueMark(todo), make("small", "", ` ${nameOf(todo.responsible)}`));
    return node;
  }), "noTodos");
  const lines = own(board.comments, item).reverse().map((comment) => {
    const head = make("small", "", comment.title ? comment.title : nameOf(comment.author), " · ", make("time", "", moment(comment.at)));
    return make("li", comment.title ? "note" : "", head, make("p", "", rich(comment.text)));
  });
  fill("[data-timeline]", lines, "noTimeline");
}
function fill(selector, nodes, empty) {
  find(selector).replaceChildren(...(nodes.length ? nodes : [make("li", "none", say(empty))]));
}
// A list somebody has open is not taken away while it says the same.
function choices(selector, options, chosen) {
  const place = find(selector);
  const state = JSON.stringify(options);
  if (place.dataset.state !== state) {
    place.replaceChildren(...options.map(([value, name]) => Object.assign(make("option", "", name), { value })));
    place.dataset.state = state;
  }
  place.value = chosen;
}

function speak() {
  language = localStorage.getItem("language") === "en" ? "en" : "ru";
  document.documentElement.lang = language;
  for (const node of all("[data-i18n]")) node.textContent = say(node.dataset.i18n);
  for (const node of all("[data-i18n-label]")) node.setAttribute("aria-label", say(node.dataset.i18nLabel));
  for (const node of all("[data-i18n-hint]")) node.placeholder = say(node.dataset.i18nHint);
  if (board) show();
}

function start() {
  speak();
  window.addEventListener("storage", speak);
  for (const button of all("[data-kind]")) {
    button.addEventListener("click", () => {
      [kind, open] = [button.dataset.kind, null];
      if (board) show();
    });
  }
  const close = () => {
    const last = open;
    open = null;
    show();
    find(`.tile[data-id="${last}"]`)?.focus();
  };
  find("[data-close]").addEventListener("click", close);
  find("[data-card]").addEventListener("keydown", (event) => event.key === "Escape" && close());
  find("[data-stage]").addEventListener("change", ({ target }) => act({ do: "moves", entity: kind, id: open, stage: target.value }));
  find("[data-user]").addEventListener("change", ({ target }) => act({ do: "assigns", entity: kind, id: open, user: Number(target.value) }));
  find("[data-comment]").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = event.target.elements.text;
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    act({ do: "comments", entity: kind, id: open, text });
  });
  const events = new EventSource("/sandbox/events");
  events.addEventListener("open", load);
  events.addEventListener("message", ({ data }) => ["bitrix24", "clock", "reset", "lagged"].includes(JSON.parse(data).type) && load());
  setInterval(() => board && show(), 60000);
}
start();
