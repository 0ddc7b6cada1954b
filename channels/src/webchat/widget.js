// The zapis web chat: one file, no framework, no build step.
//
//   <script src="https://zapis.example/webchat/site/widget.js" data-lang="ru" data-title="Салон" defer></script>
//
// Optional attributes: data-lang (ru | en), data-title, data-color (#rrggbb), data-position (right | left),
// data-policy-url, data-consent, data-consent-version, data-open ("true": open at load on wide screens).
// From the page: zapis.open(), zapis.close(), zapis.on("open" | "close" | "message" | "unread", handler).
//
// Nothing is lost or doubled: what a visitor writes stays in localStorage until the server's `ack`, and is sent
// again with the same id after a reload or a lost connection; what the server writes is kept apart by seq and id.
// Nothing is connected before the first click, except for a visitor who has talked here before.
// No markup is ever parsed and no style attribute is set, so a page with a strict CSP needs only
// script-src and connect-src for the server.
(() => {
  "use strict";
  if (window.zapis) return;
  const script = document.currentScript ?? document.querySelector('script[src*="/webchat/"][src*="/widget.js"]');
  const source = script && /^(https?:\/\/.+)\/webchat\/([^/?#]+)\/widget\.js/.exec(script.src);
  if (!source) return;
  const endpoint = `${source[1]}/webchat/${source[2]}`;
  const option = script.dataset;

  // ---- limits -------------------------------------------------------------------------------------------------

  const TEXT_LIMIT = 4000; // characters in one message, as the server counts them
  const COUNTER_FROM = 3600; // from here on the counter is shown
  const QUEUE_LIMIT = 50; // messages that wait for a connection
  const DAY = 24 * 60 * 60 * 1000; // an unsent message is not sent by itself after this
  const MONTH = 30 * DAY; // a visitor silent for longer is not connected before a click
  const OPEN_TIMEOUT = 4000; // a socket without a `hello` by then gives way to events
  const ACK_TIMEOUT = 10000; // a message without an `ack` by then means a dead connection
  const STABLE_AFTER = 10000; // a connection that lived this long was a good one
  const STALE_AFTER = 30000; // a page hidden for longer does not trust its connection
  const TYPING_EVERY = 3000; // our own typing frames
  const TYPING_LASTS = 7000; // somebody else's
  const SLOW_DOWN = 10000; // pause after `rate_limited`
  const PHONE = matchMedia("(max-width: 640px)");

  // ---- texts --------------------------------------------------------------------------------------------------

  const TEXTS = {
    ru: {
      title: "Напишите нам",
      chat: "Чат",
      openChat: "Открыть чат",
      closeChat: "Закрыть чат",
      unread: { one: "новое сообщение", few: "новых сообщения", many: "новых сообщений", other: "новых сообщений" },
      messages: "Переписка",
      intro: "Здравствуйте! Спросите о ценах, времени и адресе или запишитесь на визит.",
      online: "На связи",
      connecting: "Подключаемся…",
      offline: "Нет связи. Сообщения уйдут, как только она появится.",
      you: "Вы",
      bot: "Ассистент",
      staff: "Администратор",
      typing: "печатает…",
      placeholder: "Сообщение…",
      send: "Отправить",
      choices: "Варианты ответа",
      newer: "К новым сообщениям",
      today: "Сегодня",
      yesterday: "Вчера",
      queued: "Будет отправлено",
      sending: "Отправляется",
      sent: "Отправлено",
      failed: "Не отправлено",
      waiting: "Нужно ваше согласие",
      retry: "Повторить",
      discard: "Удалить",
      consent: "Соглашаюсь на обработку персональных данных.",
      policy: "Политика конфиденциальности",
      newTab: "(откроется в новой вкладке)",
      consentFirst: "Поставьте отметку о согласии — без неё мы не можем принять сообщение.",
      tooLong: "Слишком длинно: в одном сообщении до 4000 знаков.",
      full: "Слишком много неотправленных сообщений. Дождитесь связи.",
      slow: "Вы пишете очень быстро. Отправим через несколько секунд.",
      unavailable: "Сервис ненадолго занят. Отправим чуть позже.",
      left: "осталось знаков:",
    },
    en: {
      title: "Write to us",
      chat: "Chat",
      openChat: "Open chat",
      closeChat: "Close chat",
      unread: { one: "new message", other: "new messages" },
      messages: "Conversation",
      intro: "Hello! Ask about prices, opening hours and the address, or book a visit.",
      online: "Online",
      connecting: "Connecting…",
      offline: "No connection. Your messages will be sent as soon as it is back.",
      you: "You",
      bot: "Assistant",
      staff: "Reception",
      typing: "is typing…",
      placeholder: "Message…",
      send: "Send",
      choices: "Suggested replies",
      newer: "To the newest messages",
      today: "Today",
      yesterday: "Yesterday",
      queued: "Will be sent",
      sending: "Sending",
      sent: "Sent",
      failed: "Not sent",
      waiting: "Needs your consent",
      retry: "Retry",
      discard: "Delete",
      consent: "I agree to the processing of my personal data.",
      policy: "Privacy policy",
      newTab: "(opens in a new tab)",
      consentFirst: "Please tick the consent box: we cannot take your message without it.",
      tooLong: "Too long: a message has at most 4000 characters.",
      full: "Too many unsent messages. Please wait for the connection.",
      slow: "You are writing very fast. We will send it in a few seconds.",
      unavailable: "The service is busy for a moment. We will send it a little later.",
      left: "characters left:",
    },
  };
  const wanted = (option.lang || document.documentElement.lang || navigator.language || "ru").slice(0, 2).toLowerCase();
  const lang = wanted in TEXTS ? wanted : "en";
  const t = TEXTS[lang];
  const title = option.title || t.title;
  const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit" });
  const calendar = new Intl.DateTimeFormat(lang, { day: "numeric", month: "long" });
  const plural = new Intl.PluralRules(lang);

  function dayName(date) {
    const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
    const ago = Math.round((midnight(Date.now()) - midnight(date)) / DAY);
    return ago === 0 ? t.today : ago === 1 ? t.yesterday : calendar.format(date);
  }

  // ---- what outlives a reload ---------------------------------------------------------------------------------

  // One record per server and account: token, read (seq), consent (version), at (last use), outbox (entries).
  // Where the browser refuses storage it lives in memory and ends with the page.
  const storageKey = `zapis:${endpoint}`;
  let memory = null;

  function saved() {
    if (memory) return memory;
    let text = null;
    try {
      text = localStorage.getItem(storageKey);
    } catch {
      memory = { outbox: [] };
      return memory;
    }
    let record = {};
    try {
      record = JSON.parse(text) ?? {};
    } catch {
      // Somebody else wrote there: begin anew.
    }
    return { ...record, outbox: Array.isArray(record.outbox) ? record.outbox : [] };
  }

  function save(change) {
    const record = { ...saved(), ...change };
    if (!memory) {
      try {
        localStorage.setItem(storageKey, JSON.stringify(record));
        return;
      } catch {
        // Refused or full.
      }
    }
    memory = record;
  }

  const patchEntry = (id, change) =>
    save({ outbox: saved().outbox.map((entry) => (entry.id === id ? { ...entry, ...change } : entry)) });
  const dropEntry = (id) => save({ outbox: saved().outbox.filter((entry) => entry.id !== id) });

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID(); // only on https and localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  // ---- the conversation ---------------------------------------------------------------------------------------

  // id -> { id, seq, from, name, text, buttons, at, state, node }. A message without a seq waits in the outbox.
  const items = new Map();
  let conversation = null;
  let greeted = false; // a `hello` of this page was read
  // Everything up to this seq is here. It moves without gaps only: an `ack` may overtake a message.
  let cursor = 0;
  const ahead = new Set();

  function seen(seq) {
    if (seq > cursor) ahead.add(seq);
    while (ahead.delete(cursor + 1)) cursor += 1;
  }

  const ordered = () =>
    [...items.values()].sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || a.order - b.order || 0);

  const unread = () => {
    const read = saved().read ?? 0;
    let count = 0;
    for (const item of items.values()) if (item.from !== "customer" && item.seq > read) count += 1;
    return count;
  };

  let order = 0;
  function addItem(item) {
    order += 1;
    items.set(item.id, { ...item, order, node: null });
  }

  function takeMessage(message) {
    const { seq, id, from, name, text, buttons, at } = message;
    if (!Number.isSafeInteger(seq) || typeof id !== "string" || !["bot", "staff", "customer"].includes(from)) return null;
    seen(seq);
    const known = items.get(id);
    if (known) {
      // Our own message in the history has its place. It is still sent until the ack: only that says it was taken.
      known.seq ??= seq;
      return null;
    }
    for (const item of items.values()) if (item.seq === seq) return null;
    const when = new Date(at);
    const item = {
      id,
      seq,
      from,
      name: typeof name === "string" ? name : "",
      text: typeof text === "string" ? text : "",
      buttons: Array.isArray(buttons) ? buttons.filter((b) => typeof b?.title === "string" && typeof b?.payload === "string") : [],
      at: Number.isNaN(when.getTime()) ? new Date() : when,
      state: "sent",
    };
    addItem(item);
    return item;
  }

  // ---- outgoing -----------------------------------------------------------------------------------------------

  let inFlight = null; // the id that waits for its ack: one at a time, so that order is kept
  let ackTimer = 0;
  let pumpTimer = 0;
  let pausedUntil = 0;
  let troubles = 0;
  let heldForConsent = false;
  let consentRepeated = false;

  const consentVersion = option.consentVersion || "1";
  let consentDemanded = Boolean(option.consent || option.policyUrl);
  const needsConsent = () => consentDemanded && saved().consent !== consentVersion;

  const waitingEntries = () => saved().outbox.filter((entry) => !entry.failed);

  function enqueue(entry, first = false) {
    const { outbox } = saved();
    save({ at: Date.now(), outbox: first ? [entry, ...outbox] : [...outbox, entry] });
  }

  function giveConsent() {
    save({ consent: consentVersion, told: null });
    heldForConsent = false;
    for (const item of items.values()) if (item.state === "waiting") item.state = "queued";
  }

  function say(kind, text, payload) {
    if (saved().outbox.length >= QUEUE_LIMIT) {
      notice(t.full);
      return false;
    }
    if (needsConsent()) {
      if (!view.consentBox.checked) {
        alertUser(t.consentFirst);
        view.consentBox.focus();
        return false;
      }
      giveConsent();
    }
    const entry = { id: uuid(), kind, text, payload, at: Date.now() };
    enqueue(entry);
    showEntry(entry);
    connect();
    draw({ toEnd: true });
    pump();
    return true;
  }

  function showEntry(entry) {
    const state = entry.failed ? "failed" : "queued";
    addItem({ id: entry.id, seq: null, from: "customer", name: "", text: entry.text, buttons: [], at: new Date(entry.at), state });
  }

  function frameOf({ id, kind, text, payload, version }) {
    if (kind === "press") return { type: "press", id, payload };
    if (kind === "consent") return { type: "consent", id, version };
    return { type: "message", id, text };
  }

  // A consent given here goes before the first message of every conversation.
  function tellConsent() {
    const { consent, told } = saved();
    if (!consentDemanded || consent !== consentVersion || told === conversation) return;
    save({ told: conversation });
    enqueue({ id: uuid(), kind: "consent", version: consentVersion, at: Date.now() }, true);
  }

  // Sends the first waiting entry, if now is the time for it.
  function pump() {
    if (!link?.ready || inFlight || heldForConsent) return;
    if (!waitingEntries().length) return;
    tellConsent();
    const entry = waitingEntries()[0];
    const wait = pausedUntil - Date.now();
    if (wait > 0) {
      clearTimeout(pumpTimer);
      pumpTimer = setTimeout(pump, wait);
      return;
    }
    inFlight = entry.id;
    mark(entry.id, "sending");
    const me = link;
    ackTimer = setTimeout(() => me.lost(), ACK_TIMEOUT);
    link.send(frameOf(entry));
  }

  function mark(id, state) {
    const item = items.get(id);
    if (item) item.state = state;
    draw();
  }

  function landed(id) {
    if (inFlight !== id) return;
    inFlight = null;
    clearTimeout(ackTimer);
  }

  function settle(id, seq) {
    landed(id);
    dropEntry(id);
    troubles = 0;
    const item = items.get(id);
    if (item) Object.assign(item, { seq, state: "sent" });
  }

  function onAck({ id, seq }) {
    if (typeof id !== "string") return;
    if (Number.isSafeInteger(seq)) seen(seq);
    settle(id, seq);
    draw();
    pump();
  }

  function pause(ms, text) {
    pausedUntil = Date.now() + ms;
    notice(text, ms);
  }

  function onError({ id, code }) {
    const entry = saved().outbox.find((one) => one.id === id);
    if (!entry) return;
    landed(id);
    if (code === "rate_limited") {
      mark(id, "queued");
      pause(SLOW_DOWN, t.slow);
    } else if (code === "unavailable") {
      mark(id, "queued");
      pause(jitter(troubles++) + 500, t.unavailable);
    } else if (code === "consent_required") {
      onConsentRequired(id);
    } else {
      fail(entry, code);
    }
    pump();
  }

  // The server does not know of a consent. One given here is told again, once; else the visitor is asked.
  function onConsentRequired(id) {
    consentDemanded = true;
    if (!needsConsent() && !consentRepeated) {
      consentRepeated = true;
      giveConsent();
      mark(id, "queued");
      return;
    }
    save({ consent: null });
    heldForConsent = true;
    mark(id, "waiting");
  }

  function fail(entry, code) {
    if (entry.kind === "consent") {
      dropEntry(entry.id);
      return;
    }
    patchEntry(entry.id, { failed: code || "failed" });
    mark(entry.id, "failed");
    alertUser(code === "too_long" ? t.tooLong : t.failed);
  }

  function retryEntry(id) {
    patchEntry(id, { failed: undefined, at: Date.now() });
    mark(id, "queued");
    connect();
    pump();
  }

  function discardEntry(id) {
    dropEntry(id);
    items.get(id)?.node?.remove();
    items.delete(id);
    draw();
  }

  // What an earlier page of this visitor left unsent.
  function adoptOutbox() {
    const now = Date.now();
    const outbox = saved()
      .outbox.filter((entry) => typeof entry?.id === "string" && now - entry.at < 2 * DAY)
      .map((entry) => (now - entry.at > DAY ? { ...entry, failed: entry.failed || "expired" } : entry));
    save({ outbox });
    for (const entry of outbox) if (entry.kind !== "consent") showEntry(entry);
  }

  // ---- connection ---------------------------------------------------------------------------------------------

  let link = null; // { ready, send, close, lost }
  let retryTimer = 0;
  let attempts = 0;
  // Failures in a row. After two of the socket every other attempt goes over events.
  let failures = 0;
  let aliveAt = 0;

  const jitter = (attempt) => Math.random() * Math.min(30000, 500 * 2 ** Math.min(attempt, 10));

  function connect() {
    if (link) return;
    clearTimeout(retryTimer);
    const query = new URLSearchParams();
    const { token } = saved();
    if (token) query.set("token", token);
    if (token && greeted) query.set("after", cursor);
    const overSocket = failures < 2 || failures % 2 === 1;
    const me = { ready: false, since: 0, close() {}, send() {} };
    link = me;
    me.lost = () => {
      if (link === me) disconnected(me);
    };
    const read = (text) => {
      if (link === me) receive(text, me);
    };
    me.timer = setTimeout(() => {
      if (overSocket) failures |= 1; // not worth a second try at once
      me.lost();
    }, OPEN_TIMEOUT);
    try {
      (overSocket ? openSocket : openEvents)(me, query, read);
    } catch {
      me.lost();
    }
    drawStatus();
  }

  function openSocket(me, query, read) {
    const socket = new WebSocket(`${endpoint.replace(/^http/, "ws")}/socket?${query}`);
    socket.onmessage = (event) => read(event.data);
    socket.onclose = me.lost;
    me.send = (frame) => socket.send(JSON.stringify(frame));
    me.close = () => {
      socket.onclose = null;
      socket.close();
    };
  }

  function openEvents(me, query, read) {
    const events = new EventSource(`${endpoint}/events?${query}`);
    events.onmessage = (event) => read(event.data);
    events.onerror = me.lost; // its own reconnection knows nothing of `after`
    me.close = () => events.close();
    me.send = async (frame) => {
      try {
        // A plain body needs no preflight.
        const answer = await fetch(`${endpoint}/messages?${new URLSearchParams({ token: saved().token ?? "" })}`, {
          method: "POST",
          body: JSON.stringify(frame),
          credentials: "omit",
        });
        const text = await answer.text();
        if (text.startsWith("{")) read(text);
        else if (!answer.ok) read(JSON.stringify({ type: "error", id: frame.id, code: "unavailable" }));
      } catch {
        if (frame.id) me.lost();
      }
    };
  }

  function disconnected(me) {
    clearTimeout(me.timer);
    clearTimeout(ackTimer);
    me.close();
    link = null;
    if (me.since && Date.now() - me.since > STABLE_AFTER) {
      failures = 0;
      attempts = 0;
    } else {
      failures += 1;
    }
    if (inFlight) mark(inFlight, "queued");
    inFlight = null;
    someoneTypes(null);
    retryTimer = setTimeout(connect, jitter(attempts));
    attempts += 1;
    drawStatus();
  }

  function reconnect() {
    failures = 0;
    attempts = 0;
    if (link) {
      clearTimeout(link.timer);
      clearTimeout(ackTimer);
      link.close();
      link = null;
      inFlight = null;
    }
    connect();
  }

  function receive(text, me) {
    aliveAt = Date.now();
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (frame === null || typeof frame !== "object") return;
    if (frame.type === "hello") onHello(frame, me);
    else if (frame.type === "ack") onAck(frame);
    else if (frame.type === "message") onMessage(frame);
    else if (frame.type === "typing") someoneTypes(frame.from);
    else if (frame.type === "error") onError(frame);
  }

  function onHello(hello, me) {
    clearTimeout(me.timer);
    me.ready = true;
    me.since = Date.now();
    if (conversation !== null && conversation !== hello.conversation) forgetConversation();
    conversation = hello.conversation;
    tokenInUse = hello.token;
    const change = { token: hello.token, at: Date.now() };
    if (!hello.resumed) Object.assign(change, { read: 0 });
    save(change);
    const fresh = [];
    for (const message of Array.isArray(hello.history) ? hello.history : []) {
      const item = takeMessage(message);
      if (item && item.from !== "customer") fresh.push(item);
    }
    if (Number.isSafeInteger(hello.seq)) {
      cursor = Math.max(cursor, hello.seq);
      for (const seq of ahead) if (seq <= cursor) ahead.delete(seq);
      seen(cursor);
    }
    const again = greeted;
    greeted = true;
    draw({ toEnd: !again, quiet: !again });
    if (again) for (const item of fresh) announce(item);
    drawStatus();
    pump();
  }

  // The server knows our token no more: what it had is gone, what waits is sent to the new conversation.
  function forgetConversation() {
    for (const item of [...items.values()]) {
      if (item.seq == null) continue;
      item.node?.remove();
      items.delete(item.id);
    }
    cursor = 0;
    ahead.clear();
    greeted = false;
    save({ read: 0 });
  }

  function onMessage(message) {
    const item = takeMessage(message);
    draw();
    if (!item || item.from === "customer") return;
    someoneTypes(null);
    announce(item);
  }

  function announce(item) {
    emit("message", { from: item.from, name: item.name, text: item.text, at: item.at });
  }

  // ---- typing and reading -------------------------------------------------------------------------------------

  let typedAt = 0;
  function weType() {
    if (!link?.ready || needsConsent() || !view.input.value.trim() || Date.now() - typedAt < TYPING_EVERY) return;
    typedAt = Date.now();
    link.send({ type: "typing" });
  }

  let typist = null;
  let typistTimer = 0;
  function someoneTypes(from) {
    clearTimeout(typistTimer);
    typist = from === "bot" || from === "staff" ? from : null;
    if (typist) typistTimer = setTimeout(() => someoneTypes(null), TYPING_LASTS);
    const low = atEnd();
    view.typing.hidden = !typist;
    view.typingText.textContent = typist ? `${t[typist]} ${t.typing}` : "";
    if (low) scrollToEnd();
  }

  let badge = -1;
  function drawUnread() {
    if (isOpen() && !document.hidden && atEnd()) {
      let newest = 0;
      for (const item of items.values()) if (item.from !== "customer" && item.seq > newest) newest = item.seq;
      if (newest > (saved().read ?? 0)) {
        save({ read: newest });
        if (link?.ready) link.send({ type: "read", seq: newest });
      }
    }
    const count = unread();
    view.jump.hidden = atEnd();
    if (count === badge) return;
    const more = count > badge && badge >= 0;
    badge = count;
    const words = `${count} ${t.unread[plural.select(count)] ?? t.unread.other}`;
    view.badge.hidden = view.jumpCount.hidden = count === 0;
    view.badge.textContent = view.jumpCount.textContent = count > 99 ? "99+" : String(count);
    view.jump.setAttribute("aria-label", count ? `${t.newer}, ${words}` : t.newer);
    if (more && !isOpen()) view.live.textContent = words;
    drawLauncher();
    emit("unread", count);
  }

  // ---- page events --------------------------------------------------------------------------------------------

  const handlers = new Map();
  function emit(name, detail) {
    for (const handler of handlers.get(name) ?? []) {
      try {
        handler(detail);
      } catch (error) {
        setTimeout(() => {
          throw error; // the page's own mistake: report it there, and go on
        });
      }
    }
  }

  // ---- building blocks ----------------------------------------------------------------------------------------

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  function icon(...paths) {
    const NS = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    for (const d of paths) {
      const path = document.createElementNS(NS, "path");
      path.setAttribute("d", d);
      svg.append(path);
    }
    return svg;
  }

  const CHAT_ICON = "M12 3.5c5 0 9 3.4 9 7.6s-4 7.6-9 7.6c-1 0-2-.1-2.900-.4L4.600 20.400c-.5.200-1-.3-.8-.8l1.100-3.300C3.700 14.900 3 13.100 3 11.100c0-4.200 4-7.600 9-7.600Z";
  const CLOSE_ICON = "m6 6 12 12M18 6 6 18";
  const DOWN_ICON = "m6 9 6 6 6-6";
  const SEND_ICON = "M12 19V5m-6 6 6-6 6 6";

  // Only http, https, mailto and tel ever become links; everything else stays text.
  const LINK = /https?:\/\/[^\s<>"«»]+|[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)+|(?<![\d+])(?:\+\d|8(?=[\s(-]*\d{3}))[\d ()\u00a0-]{8,18}\d(?!\d)/gu;

  function linked(text) {
    const parts = [];
    let from = 0;
    for (const { 0: found, index } of text.matchAll(LINK)) {
      const shown = found.replace(/[.,;:!?'…)\]]+$/, (tail) => (tail.startsWith(")") && found.includes("(") ? ")" : ""));
      const href = hrefOf(shown);
      if (!href) continue;
      parts.push(text.slice(from, index), el("a", { href, target: /^http/.test(href) ? "_blank" : null, rel: "noopener noreferrer nofollow" }, shown));
      from = index + shown.length;
    }
    parts.push(text.slice(from));
    return parts;
  }

  function hrefOf(shown) {
    if (/^https?:/.test(shown)) return URL.canParse?.(shown) === false ? null : shown;
    if (shown.includes("@")) return `mailto:${shown}`;
    const digits = shown.replace(/[^\d+]/g, "");
    return digits.length >= 11 && digits.length <= 16 ? `tel:${digits}` : null;
  }

  // The accent as given, what is readable on it, and a shade of it that is readable on white.
  function palette(color) {
    const hex = /^#(?:[\da-f]{3}|[\da-f]{6})$/i.test(color ?? "") ? color : "#0f6e63";
    const long = hex.length === 4 ? hex.replace(/[\da-f]/gi, "$&$&") : hex;
    let rgb = [1, 3, 5].map((at) => parseInt(long.slice(at, at + 2), 16));
    const luminance = () => {
      const [r, g, b] = rgb.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const onAccent = 1.05 / (luminance() + 0.05) >= 4.5 ? "#fff" : "#000";
    while (1.05 / (luminance() + 0.05) < 5.2) rgb = rgb.map((part) => part * 0.94);
    return `:host{--accent:${long};--on-accent:${onAccent};--accent-ink:rgb(${rgb.map(Math.round).join(" ")})}`;
  }

  const CSS = `
:host{all:initial}
*,::before,::after{box-sizing:border-box}
[hidden]{display:none!important}
.root{all:initial;position:fixed;inset:auto 0 0 0;height:0;z-index:2147483000;color-scheme:light;
  --ink:#1d2126;--muted:#59616c;--line:#e4e7eb;--edge:#828b96;--soft:#f2f4f6;--danger:#b3261e;
  color:var(--ink);font:400 15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  -webkit-text-size-adjust:100%;text-size-adjust:100%}
button{font:inherit;color:inherit;background:none;border:0;margin:0;padding:0;cursor:pointer;-webkit-tap-highlight-color:transparent;touch-action:manipulation}
svg{display:block;width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
:focus{outline:none}
:focus-visible{outline:3px solid var(--accent-ink);outline-offset:2px}
.sr{position:absolute;width:1px;height:1px;margin:-1px;padding:0;overflow:hidden;clip-path:inset(50%);white-space:nowrap}

.launcher{position:fixed;inset-block-end:max(24px,env(safe-area-inset-bottom));inset-inline-end:24px;width:60px;height:60px;border-radius:50%;
  display:grid;place-items:center;background:var(--accent);color:var(--on-accent);
  box-shadow:0 0 0 1px rgb(255 255 255/.5),0 10px 30px -6px rgb(16 24 32/.35),0 3px 8px rgb(16 24 32/.16);transition:transform .18s ease,box-shadow .18s ease}
.left .launcher{inset-inline:24px auto}
.launcher svg{width:32px;height:32px}
.launcher:hover{transform:translateY(-2px)}
.launcher:active{transform:scale(.96)}
.launcher:focus-visible{outline-color:#fff;outline-offset:-5px;box-shadow:0 0 0 3px var(--accent-ink),0 10px 30px -6px rgb(16 24 32/.35)}
.badge{position:absolute;top:-3px;inset-inline-end:-3px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:var(--danger);color:#fff;
  font-size:12px;font-weight:700;line-height:22px;text-align:center;box-shadow:0 0 0 2px #fff}

dialog{position:fixed;inset:auto 24px 100px auto;margin:0;padding:0;border:0;width:392px;max-width:calc(100vw - 48px);height:min(640px,calc(100dvh - 124px));max-height:none;
  background:#fff;color:inherit;border-radius:22px;overflow:hidden;box-shadow:0 0 0 1px rgb(16 24 32/.06),0 30px 70px -18px rgb(16 24 32/.38),0 10px 24px -10px rgb(16 24 32/.16)}
.left dialog{inset:auto auto 100px 24px}
dialog[open]{display:flex;flex-direction:column;animation:rise .24s cubic-bezier(.2,.8,.3,1)}
dialog:focus-visible{outline:none}
dialog::backdrop{background:none}
@keyframes rise{from{transform:translateY(14px) scale(.985)}}

.header{display:flex;align-items:center;gap:12px;padding:14px 12px 14px 18px;border-bottom:1px solid var(--line)}
.face{flex:none;display:grid;place-items:center;width:40px;height:40px;border-radius:50%;background:var(--accent);color:var(--on-accent);font-size:17px;font-weight:600}
.head{flex:1;min-width:0}
h2{all:unset;display:block;font-size:16px;font-weight:650;line-height:1.3;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.status{display:flex;align-items:center;gap:6px;font-size:13px;line-height:1.35;color:var(--muted)}
.status::before{content:"";flex:none;width:8px;height:8px;border-radius:50%;background:#b0b7c0}
.status.on::before{background:#1f9d55}
.close{flex:none;display:grid;place-items:center;width:44px;height:44px;border-radius:50%;color:var(--muted)}
.close:hover{background:var(--soft);color:var(--ink)}

.middle{position:relative;flex:1;min-height:0;display:flex;flex-direction:column}
.log{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:18px 16px 8px;scrollbar-width:thin;scrollbar-color:#c9ced5 transparent}
.log:focus-visible{outline-offset:-3px;border-radius:4px}
.intro{text-wrap:balance;margin:10vh auto 18px;max-width:290px;text-align:center;color:var(--muted);font-size:14px}
.day{margin:16px 0 12px;text-align:center;font-size:12px;font-weight:500;color:var(--muted)}
.m{display:flex;flex-direction:column;align-items:flex-start;margin-top:3px}
.m.lead{margin-top:14px}
.day+.m.lead{margin-top:0}
.m.mine{align-items:flex-end}
.m.fresh{animation:appear .2s ease-out}
@keyframes appear{from{transform:translateY(6px)}}
.who{margin:0 14px 3px;font-size:12.5px;font-weight:600;color:var(--muted)}
.bubble{max-width:84%;padding:9px 14px;border-radius:18px;border-end-start-radius:6px;background:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext}
.m.staff .bubble{background:#fff;box-shadow:inset 0 0 0 1px var(--line)}
.m.mine .bubble{border-radius:18px;border-end-end-radius:6px;background:var(--accent);color:var(--on-accent)}
.m.pending .bubble{animation:wait 0s .8s forwards}
@keyframes wait{to{background:#fff;color:var(--accent-ink);box-shadow:inset 0 0 0 1.5px var(--accent-ink)}}
.pending .bubble a{color:inherit}
.bubble a{color:var(--accent-ink);text-decoration:underline;text-underline-offset:2px;border-radius:3px}
.mine .bubble a{color:inherit}
.mine .bubble a:focus-visible{outline-color:currentColor}
.meta{display:flex;flex-wrap:wrap;align-items:center;gap:0 8px;margin:4px 14px 0;font-size:12px;color:var(--muted)}
.m.failed .meta{color:var(--danger);font-weight:600}
.meta button{min-height:28px;padding:0 4px;border-radius:6px;color:var(--accent-ink);font-weight:600;text-decoration:underline;text-underline-offset:2px}
.quick{display:flex;flex-wrap:wrap;gap:8px;margin-top:10px}
.quick button{min-height:40px;padding:7px 16px;border-radius:20px;border:1.5px solid var(--accent-ink);background:#fff;color:var(--accent-ink);font-weight:550;text-align:start;overflow-wrap:anywhere;transition:background .15s,color .15s}
.quick button:hover{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
.typing{display:flex;align-items:center;gap:10px;padding:6px 18px 4px;font-size:13px;color:var(--muted)}
.dots{display:flex;gap:4px;padding:9px 12px;border-radius:14px;background:var(--soft)}
.dots i{width:6px;height:6px;border-radius:50%;background:var(--muted);animation:blink 1.2s infinite}
.dots i:nth-child(2){animation-delay:.16s}
.dots i:nth-child(3){animation-delay:.32s}
@keyframes blink{0%,60%,100%{opacity:.3}30%{opacity:1}}
.jump{position:absolute;inset-block-end:10px;inset-inline-end:14px;display:grid;place-items:center;width:44px;height:44px;border-radius:50%;background:#fff;color:var(--muted);box-shadow:0 0 0 1px var(--line),0 6px 18px -4px rgb(16 24 32/.28)}

.notice{margin:0;padding:8px 18px;background:#fff6e0;color:#5c4300;font-size:13px}
.alert{margin:0;padding:8px 18px;background:#fdecea;color:#8c1d18;font-size:13px}
.consent{display:flex;gap:10px;align-items:flex-start;padding:12px 18px 0;font-size:13px;color:var(--muted)}
.consent input{flex:none;width:24px;height:24px;margin:0;accent-color:var(--accent-ink);cursor:pointer}
.consent label{cursor:pointer}
.consent a{color:var(--accent-ink);display:inline-block;padding-block:2px}
form{display:flex;align-items:flex-end;gap:8px;padding:12px 12px calc(12px + env(safe-area-inset-bottom)) 14px}
.field{position:relative;flex:1;min-width:0;display:flex}
textarea{display:block;width:100%;height:46px;max-height:140px;margin:0;padding:11px 16px;resize:none;border:1px solid var(--edge);border-radius:23px;background:#fff;color:inherit;font:inherit;font-size:16px;line-height:22px;scrollbar-width:thin}
textarea::placeholder{color:var(--muted);opacity:1}
textarea:focus-visible{outline:2px solid var(--accent-ink);outline-offset:-1px;border-color:transparent}
.count{position:absolute;inset-block-end:100%;inset-inline-end:14px;padding:1px 6px;border-radius:8px;background:#fff;font-size:12px;color:var(--muted)}
.count.over{color:var(--danger);font-weight:700}
.send{flex:none;display:grid;place-items:center;width:46px;height:46px;border-radius:50%;background:var(--accent);color:var(--on-accent);transition:transform .15s,background .15s}
.send:active{transform:scale(.94)}
.send[aria-disabled=true]{background:var(--soft);color:var(--muted);cursor:default}

@media (max-width:640px){
  .launcher,.left .launcher{inset-inline-end:16px;inset-block-end:max(16px,env(safe-area-inset-bottom))}
  .left .launcher{inset-inline:16px auto}
  dialog,.left dialog{inset:0;width:100%;max-width:none;height:100dvh;border-radius:0;box-shadow:none}
  dialog.fit{inset:var(--top) 0 auto 0;height:var(--tall)}
  .header{padding:calc(10px + env(safe-area-inset-top)) 10px 10px 16px}
  .bubble{font-size:16px}
  .quick button,.meta button{min-height:44px}
  .meta button{padding:0 10px}
  .consent input{width:28px;height:28px}
  .consent label{min-height:44px}
}
@media (prefers-reduced-motion:reduce){*,::before,::after{animation:none!important;transition:none!important}}
@media (forced-colors:active){
  .bubble,.launcher,.send,.jump,.badge,dialog,.notice,.alert{border:1px solid CanvasText}
  .status::before,.dots i{background:CanvasText;forced-color-adjust:none}
  .send,.launcher{border-color:ButtonText}
}`;

  // ---- the view -----------------------------------------------------------------------------------------------

  const view = {};
  let openedByUser = false;
  const isOpen = () => view.dialog.open;

  function build() {
    view.badge = el("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    view.launcherIcon = el("span");
    view.launcher = el(
      "button",
      { class: "launcher", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": "panel", onclick: () => (isOpen() ? close() : open(true)) },
      view.launcherIcon,
      view.badge,
    );
    view.live = el("div", { class: "sr", role: "status" });
    view.status = el("div", { class: "status" });
    const header = el(
      "div",
      { class: "header" },
      el("span", { class: "face", "aria-hidden": "true" }, [...title.trim()][0]?.toUpperCase() ?? "?"),
      el("div", { class: "head" }, el("h2", { id: "title", title }, title), view.status),
      el("button", { class: "close", type: "button", "aria-label": t.closeChat, onclick: () => close() }, icon(CLOSE_ICON)),
    );
    view.dialog = el(
      "dialog",
      { id: "panel", "aria-labelledby": "title", tabindex: "-1", onkeydown: onKey, oncancel: onCancel, onclose: afterClose },
      header,
      buildMiddle(),
      ...buildComposer(),
    );
    view.root = el("div", { class: option.position === "left" ? "root left" : "root", role: "region", "aria-label": t.chat, lang, dir: "ltr" }, view.dialog, view.launcher, view.live);
    mount();
  }

  function buildMiddle() {
    view.intro = el("p", { class: "intro" }, t.intro);
    view.log = el("div", { class: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions", "aria-label": t.messages, tabindex: "0", onscroll: drawUnread }, view.intro);
    view.typingText = el("span");
    view.typing = el("div", { class: "typing", hidden: true }, el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i")), view.typingText);
    view.jumpCount = el("span", { class: "badge", hidden: true, "aria-hidden": "true" });
    view.jump = el("button", { class: "jump", type: "button", hidden: true, "aria-label": t.newer, onclick: toEnd }, icon(DOWN_ICON), view.jumpCount);
    return el("div", { class: "middle" }, view.log, view.jump, el("div", { role: "status" }, view.typing));
  }

  function buildComposer() {
    view.notice = el("p", { class: "notice", hidden: true });
    view.alert = el("p", { class: "alert", hidden: true });
    view.consentBox = el("input", { type: "checkbox", id: "consent", onchange: onConsentTick });
    view.consent = el("div", { class: "consent", hidden: true }, view.consentBox, el("span", {}, el("label", { for: "consent" }, option.consent || t.consent), ...policyLink()));
    view.input = el("textarea", { rows: "1", "aria-label": t.placeholder.replace("…", ""), placeholder: t.placeholder, enterkeyhint: "send", autocomplete: "off", "aria-describedby": "count", oninput: onInput, onkeydown: onEnter });
    view.count = el("span", { class: "count", id: "count", hidden: true });
    view.send = el("button", { class: "send", type: "submit", "aria-label": t.send, "aria-disabled": "true" }, icon(SEND_ICON));
    const form = el("form", { novalidate: true, onsubmit: onSubmit }, el("div", { class: "field" }, view.input, view.count), view.send);
    return [el("div", { role: "status" }, view.notice), el("div", { role: "alert" }, view.alert), view.consent, form];
  }

  function policyLink() {
    let url;
    try {
      url = new URL(option.policyUrl, document.baseURI);
    } catch {
      return [];
    }
    if (!option.policyUrl || !/^https?:$/.test(url.protocol)) return [];
    return [" ", el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, t.policy, el("span", { class: "sr" }, ` ${t.newTab}`))];
  }

  function mount() {
    const host = document.createElement("zapis-chat");
    const shadow = host.attachShadow({ mode: "open" });
    const css = CSS + palette(option.color);
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      shadow.adoptedStyleSheets = [sheet];
    } catch {
      shadow.append(el("style", {}, css)); // browsers before 2023
    }
    shadow.append(view.root);
    document.body.append(host);
  }

  // ---- drawing ------------------------------------------------------------------------------------------------

  const atEnd = () => view.log.scrollHeight - view.log.scrollTop - view.log.clientHeight < 24;
  const scrollToEnd = () => {
    view.log.scrollTop = view.log.scrollHeight;
  };

  function toEnd() {
    scrollToEnd();
    view.log.focus();
    drawUnread();
  }

  // Brings the list in line with `items`. Only what changed is touched, so that a screen reader hears additions
  // alone; `quiet` is for history, which it should not hear at all.
  function draw({ toEnd: follow = false, quiet = false } = {}) {
    const low = follow || atEnd();
    if (quiet) view.log.setAttribute("aria-live", "off");
    const list = ordered();
    const last = list.at(-1);
    let place = view.intro.nextSibling;
    let before = null;
    for (const [index, item] of list.entries()) {
      if (!before || before.at.toDateString() !== item.at.toDateString()) place = drawDay(item.at, place);
      if (!item.node) item.node = buildItem(item, quiet);
      if (item.node === place) place = place.nextSibling;
      else view.log.insertBefore(item.node, place);
      drawItem(item, before, list[index + 1], item === last);
      before = item;
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
    view.intro.hidden = list.length > 0;
    drawConsent();
    if (low) scrollToEnd();
    drawUnread();
    if (quiet) setTimeout(() => view.log.setAttribute("aria-live", "polite"), 500);
  }

  function drawDay(at, place) {
    const name = dayName(at);
    if (place?.className === "day" && place.textContent === name) return place.nextSibling;
    view.log.insertBefore(el("div", { class: "day" }, name), place);
    return place;
  }

  function buildItem(item, quiet) {
    const mine = item.from === "customer";
    item.who = el("div", { class: "who" }, mine ? t.you : item.name || t[item.from]);
    item.stateText = el("span");
    item.tools = el("span", { hidden: true });
    const time = el("time", { datetime: item.at.toISOString() }, clock.format(item.at));
    item.meta = el("div", { class: "meta" }, time, ...(mine ? [item.stateText, item.tools] : []));
    item.quick = item.buttons.length ? buildQuick(item) : null;
    const node = el("div", {}, item.who, el("div", { class: "bubble" }, ...linked(item.text)), item.meta, ...(item.quick ? [item.quick] : []));
    if (!quiet) node.dataset.fresh = "";
    return node;
  }

  function buildQuick(item) {
    const press = (button) => () => {
      if (!say("press", button.title, button.payload)) return;
      (PHONE.matches ? view.log : view.input).focus();
    };
    return el(
      "div",
      { class: "quick", role: "group", "aria-label": t.choices },
      ...item.buttons.map((button) => el("button", { type: "button", onclick: press(button) }, button.title)),
    );
  }

  function drawItem(item, before, after, isLast) {
    const mine = item.from === "customer";
    const sameAs = (other) => other && other.from === item.from && other.name === item.name && Math.abs(other.at - item.at) < 5 * 60000;
    const lead = !sameAs(before);
    const tail = !sameAs(after) || item.state !== "sent" || after.state !== "sent";
    const pending = mine && (item.state === "queued" || item.state === "sending" || item.state === "waiting");
    const names = ["m", mine ? "mine" : item.from];
    if (lead) names.push("lead");
    if (pending) names.push("pending");
    if (item.state === "failed") names.push("failed");
    if ("fresh" in item.node.dataset) names.push("fresh");
    item.node.className = names.join(" ");
    item.who.className = lead && !mine ? "who" : "sr";
    item.meta.className = tail ? "meta" : "sr";
    if (mine) drawState(item);
    if (item.quick) {
      item.quick.hidden = !isLast;
      for (const button of item.quick.children) button.disabled = !isLast;
    }
  }

  function drawState(item) {
    if (item.shown === item.state) return;
    item.shown = item.state;
    item.stateText.textContent = t[item.state];
    item.tools.hidden = item.state !== "failed";
    item.tools.replaceChildren();
    if (item.state !== "failed") return;
    const again = () => {
      retryEntry(item.id);
      view.input.focus();
    };
    const gone = () => {
      discardEntry(item.id);
      view.input.focus();
    };
    item.tools.append(el("button", { type: "button", onclick: again }, t.retry), " ", el("button", { type: "button", onclick: gone }, t.discard));
  }

  function drawConsent() {
    view.consent.hidden = !needsConsent();
  }

  function drawLauncher() {
    const opened = isOpen();
    const words = badge > 0 ? `, ${badge} ${t.unread[plural.select(badge)] ?? t.unread.other}` : "";
    view.launcher.setAttribute("aria-expanded", String(opened));
    view.launcher.setAttribute("aria-label", opened ? t.closeChat : t.openChat + words);
    view.launcherIcon.replaceChildren(icon(opened ? DOWN_ICON : CHAT_ICON));
  }

  let offlineTimer = 0;
  function drawStatus() {
    const ready = Boolean(link?.ready);
    view.status.classList.toggle("on", ready);
    view.status.textContent = ready ? t.online : t.connecting;
    clearTimeout(offlineTimer);
    if (ready) {
      if (view.notice.textContent === t.offline) notice("");
    } else {
      offlineTimer = setTimeout(() => notice(t.offline), 3000); // a short gap is nobody's business
    }
  }

  let noticeTimer = 0;
  function notice(text, lasts = 0) {
    clearTimeout(noticeTimer);
    if (view.notice.textContent !== text) view.notice.textContent = text;
    view.notice.hidden = !text;
    if (lasts) noticeTimer = setTimeout(() => notice(""), lasts);
  }

  let alertTimer = 0;
  function alertUser(text) {
    clearTimeout(alertTimer);
    view.alert.textContent = text;
    view.alert.hidden = !text;
    if (text) alertTimer = setTimeout(() => alertUser(""), 12000);
  }

  // ---- writing ------------------------------------------------------------------------------------------------

  const written = () => (view.input.value.toWellFormed?.() ?? view.input.value).replaceAll("\0", "").trim();

  function onInput() {
    const length = [...written()].length;
    view.input.style.height = "auto";
    view.input.style.height = `${Math.min(140, Math.max(46, view.input.scrollHeight + 2))}px`;
    view.count.hidden = length < COUNTER_FROM;
    view.count.textContent = `${length} / ${TEXT_LIMIT}`;
    view.count.classList.toggle("over", length > TEXT_LIMIT);
    view.send.setAttribute("aria-disabled", String(length === 0 || length > TEXT_LIMIT));
    weType();
  }

  function onEnter(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    onSubmit(event);
  }

  function onSubmit(event) {
    event.preventDefault();
    const text = written();
    if (!text) return;
    if ([...text].length > TEXT_LIMIT) {
      alertUser(t.tooLong);
      return;
    }
    if (!say("message", text)) return;
    alertUser("");
    view.input.value = "";
    typedAt = 0;
    onInput();
    view.input.focus();
  }

  function onConsentTick() {
    alertUser("");
    // Messages the server refused wait for this; otherwise the first message carries the consent with it.
    if (view.consentBox.checked && heldForConsent) {
      giveConsent();
      draw();
      pump();
    }
  }

  // ---- opening and closing ------------------------------------------------------------------------------------

  let lockedOverflow = null;
  let focusBack = false;

  function open(byUser = true) {
    if (isOpen()) return;
    openedByUser = byUser;
    alertUser("");
    showDialog();
    connect();
    draw({ toEnd: true, quiet: true });
    if (byUser) (PHONE.matches ? view.dialog : view.input).focus();
    drawLauncher();
    emit("open");
  }

  // On a phone the panel is the whole screen and the page behind it is inert; elsewhere the page stays usable.
  function showDialog() {
    const focused = document.activeElement;
    if (PHONE.matches) {
      view.dialog.showModal();
      lockedOverflow = document.documentElement.style.overflow;
      document.documentElement.style.overflow = "hidden";
    } else {
      view.dialog.show();
      if (!openedByUser) focused?.focus?.();
    }
    view.launcher.hidden = PHONE.matches;
  }

  function unlockPage() {
    if (lockedOverflow === null) return;
    document.documentElement.style.overflow = lockedOverflow;
    lockedOverflow = null;
  }

  function close() {
    if (!isOpen()) return;
    focusBack = view.root.getRootNode().activeElement !== null || document.activeElement === document.body;
    view.dialog.close();
  }

  // Comes a moment after every way to close, but not when the dialog was shown again at once.
  function afterClose() {
    if (isOpen()) return;
    unlockPage();
    view.launcher.hidden = false;
    drawLauncher();
    if (focusBack) view.launcher.focus();
    emit("close");
  }

  function onCancel(event) {
    event.preventDefault(); // the way out is the same for Esc, the back button and the cross
    close();
  }

  function onKey(event) {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    close();
  }

  // A turned phone or a resized window changes the kind of panel, not what is in it.
  function onResize() {
    if (!isOpen()) return;
    const focused = view.root.getRootNode().activeElement;
    view.dialog.close();
    unlockPage();
    showDialog();
    focused?.focus();
    scrollToEnd();
  }

  // The on-screen keyboard shrinks only the visual viewport: fit the panel into what is left.
  function onViewport() {
    const { height, offsetTop } = window.visualViewport;
    const squeezed = PHONE.matches && innerHeight - height > 80;
    const low = atEnd();
    view.dialog.classList.toggle("fit", squeezed);
    view.dialog.style.setProperty("--top", `${offsetTop}px`);
    view.dialog.style.setProperty("--tall", `${height}px`);
    if (low && isOpen()) scrollToEnd();
  }

  // ---- life of the page ---------------------------------------------------------------------------------------

  let hiddenAt = 0;

  function onVisibility() {
    if (document.hidden) {
      hiddenAt = Date.now();
      return;
    }
    drawUnread();
    if (!active()) return;
    // A laptop that slept keeps a dead socket for minutes.
    if (link && Date.now() - Math.max(hiddenAt, aliveAt) > STALE_AFTER) reconnect();
    else if (!link) reconnect();
  }

  const active = () => link !== null || retryTimer !== 0;

  // Another tab of this visitor began a conversation: join it, unless this one has one of its own.
  let tokenInUse = null;
  function onStorage(event) {
    if (event.key !== storageKey || !active()) return;
    const { token } = saved();
    if (link?.ready && items.size === 0 && token && token !== tokenInUse) reconnect();
    drawConsent();
    drawUnread();
  }

  function start() {
    build();
    adoptOutbox();
    drawLauncher();
    draw({ quiet: true });
    const { token, at } = saved();
    if (waitingEntries().length || (token && Date.now() - at < MONTH)) connect();
    addEventListener("online", () => active() && reconnect());
    addEventListener("pageshow", (event) => event.persisted && active() && reconnect());
    addEventListener("storage", onStorage);
    document.addEventListener("visibilitychange", onVisibility);
    PHONE.addEventListener("change", onResize);
    window.visualViewport?.addEventListener("resize", onViewport);
    window.visualViewport?.addEventListener("scroll", onViewport);
    window.zapis = Object.freeze({
      open: () => open(true),
      close,
      on(name, handler) {
        if (!handlers.has(name)) handlers.set(name, new Set());
        handlers.get(name).add(handler);
        return () => handlers.get(name).delete(handler);
      },
    });
    if (option.open !== undefined && option.open !== "false" && !PHONE.matches) open(false);
  }

  if (document.body) start();
  else addEventListener("DOMContentLoaded", start);
})();
