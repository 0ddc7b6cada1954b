// Keeps the page up to date and saves clicks. Without it everything can be read and done by forms.

const list = document.querySelector('[data-list]');
const talk = document.querySelector('[data-talk]');
const lost = document.querySelector('[data-lost]');
const bell = document.querySelector('[data-bell]');

// A phone shows only a part of the menu.
document.querySelector('.bar nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });

const connected = lost?.textContent;
const tellLost = (words) => { lost.textContent = words; lost.hidden = false; };

const text = async (address) => {
  const answer = await fetch(address, { headers: { accept: 'text/html' } });
  if (answer.redirected) tellLost(lost.dataset.login);
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  return answer.text();
};

// One refresh at a time, and a pause after it; what comes meanwhile is one more.
const refreshing = (work, pause) => {
  let running = false;
  let wanted = false;
  return async () => {
    wanted = true;
    if (running) return;
    running = true;
    while (wanted) {
      wanted = false;
      try { await work(); } catch { /* The next event tries again. */ }
      await new Promise((done) => { setTimeout(done, pause); });
    }
    running = false;
  };
};
let sending = false;

const refreshList = refreshing(async () => {
  if (!list) return;
  const wanted = new URLSearchParams(location.search);
  if (talk) wanted.set('chat', talk.dataset.id);
  const search = list.querySelector('[type=search]');
  if (document.activeElement === search) return;
  list.innerHTML = await text(`/console/inbox?${wanted}`);
  const waiting = list.querySelectorAll('.chat.waits').length;
  const count = document.querySelector('[data-count=inbox]');
  if (!wanted.get('show') && !wanted.get('q') && count) {
    count.textContent = waiting;
    count.hidden = waiting === 0;
    document.title = document.title.replace(/^(\(\d+\) )?/, waiting ? `(${waiting}) ` : '');
  }
}, 1_000);

const atEnd = (lines) => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 80;
const toEnd = () => {
  const lines = talk?.querySelector('[data-lines]');
  const sought = lines?.querySelector('.sought');
  if (sought) sought.scrollIntoView({ block: 'center' });
  else if (lines) lines.scrollTop = lines.scrollHeight;
};

// What somebody is writing stays, under the key under which it may have been sent; so does what is unfolded.
const refreshTalk = refreshing(async () => {
  if (!talk || sending) return;
  const html = await text(`${talk.dataset.talk}/lines${location.search}`);
  if (sending) return;
  const lines = talk.querySelector('[data-lines]');
  const end = atEnd(lines);
  const top = lines.scrollTop;
  const unfolded = [...talk.querySelectorAll('.line details[open]')].map((one) => one.closest('.line').id);
  const written = [...talk.querySelectorAll('textarea')]
    .filter((field) => field.value !== field.defaultValue || field === document.activeElement)
    .map((field) => ({
      form: field.form.getAttribute('action'),
      words: field.value,
      key: field.form.elements.key.value,
      place: field === document.activeElement ? field.selectionStart : null,
      problem: field.form.querySelector('.problem'),
    }));
  const files = new Map([...talk.querySelectorAll('[data-file]')].map((one) => [one.dataset.file, one]));
  talk.innerHTML = html;
  // A picture that is there is not loaded again, and what plays goes on.
  for (const one of talk.querySelectorAll('[data-file]')) {
    const was = files.get(one.dataset.file);
    if (was) one.replaceWith(was);
  }
  for (const id of unfolded) document.getElementById(id)?.querySelector('details')?.setAttribute('open', '');
  for (const { form, words, key, place, problem } of written) {
    const field = talk.querySelector(`form[action="${CSS.escape(form)}"] textarea`);
    if (!field) continue;
    field.value = words;
    if (words !== field.defaultValue) field.form.elements.key.value = key;
    if (problem) field.form.prepend(problem);
    if (place !== null) { field.focus(); field.setSelectionRange(place, place); }
  }
  const now = talk.querySelector('[data-lines]');
  now.scrollTop = end ? now.scrollHeight : top;
}, 100);

// A file that cannot be shown says why, or can be saved.
const tellFile = async (file) => {
  const answer = await fetch(file.src).catch(() => undefined);
  const page = answer && !answer.ok ? new DOMParser().parseFromString(await answer.text(), 'text/html') : undefined;
  const words = page?.querySelector('main p')?.textContent;
  const link = document.createElement('a');
  Object.assign(link, { href: file.src, target: '_blank', textContent: file.getAttribute('aria-label') });
  // A picture is in a link already.
  file.replaceWith(words ?? file.alt ?? link);
};
talk?.addEventListener('error', (event) => {
  if (event.target.matches('[data-file] :is(img, audio, video)')) tellFile(event.target);
}, true);
talk?.querySelectorAll('[data-file] img').forEach((image) => {
  if (image.complete && !image.naturalWidth) tellFile(image);
});

// Who else is here. Colleagues are told that one looks and that one writes, and nothing of the words.
const refreshHere = refreshing(async () => {
  const html = talk && await text(`${talk.dataset.talk}/here`);
  const here = talk?.querySelector('[data-here]');
  if (here && here.innerHTML !== html) here.innerHTML = html;
}, 300);
let wrote = 0;
const tellHere = async (does) => {
  wrote = does === 'writes' ? Date.now() : 0;
  const body = new URLSearchParams({ does });
  try { await fetch(`${talk.dataset.talk}/here`, { method: 'POST', body, keepalive: true }); } catch { /* It is told again. */ }
};
if (talk) {
  const looks = () => { if (!document.hidden && Date.now() - wrote > 8_000) tellHere('looks'); };
  setInterval(looks, 20_000);
  document.addEventListener('visibilitychange', looks);
  addEventListener('pagehide', () => { tellHere('leaves'); });
  talk.addEventListener('input', (event) => {
    if (!event.target.matches('[data-say] textarea')) return;
    if (event.target.value === '') tellHere('looks');
    else if (Date.now() - wrote > 4_000) tellHere('writes');
  });
}

// What helps with the chat: looked up anew when the customer has written.
const help = document.querySelector('[data-help]');
const refreshHelp = refreshing(async () => {
  if (!help) return;
  const html = await text(help.dataset.help);
  // What a model has worded stays while the question is the same.
  const worded = help.querySelector('[data-worded]');
  if (worded && html.includes(`data-pending="${worded.dataset.pending}"`)) return;
  help.querySelector('[data-helps]').innerHTML = html;
}, 1_000);
if (help) {
  help.classList.add('scripted');
  if (matchMedia('(min-width: 80rem)').matches) help.open = true;
  help.addEventListener('click', (event) => {
    const words = event.target.closest('[data-insert]')?.dataset.insert;
    const field = talk.querySelector('[data-say] textarea');
    if (!words || !field) return;
    field.value = field.value.trim() ? `${field.value.trimEnd()}\n${words}` : words;
    field.focus();
  });
  help.addEventListener('submit', async (event) => {
    if (!event.target.matches('[data-suggest]')) return;
    event.preventDefault();
    const [button] = event.target.elements;
    button.disabled = true;
    try {
      const answer = await fetch(event.target.action, { method: 'POST', headers: { accept: 'application/json' } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      help.querySelector('[data-helps]').innerHTML = await answer.text();
    } catch {
      complain(event.target, connected);
      button.disabled = false;
    }
  });
}

// Why something was not done, above the words, which stay.
const complain = (form, words) => {
  const line = form.querySelector('.problem') ?? document.createElement('p');
  line.className = 'problem';
  line.setAttribute('role', 'alert');
  line.textContent = words;
  form.prepend(line);
  form.dispatchEvent(new Event('refused', { bubbles: true }));
};

// The sheet alone as it is now, where something in it was done on the same day.
const showsSheet = async (form, answer) => {
  const sheet = form.closest('[data-sheet]');
  if (!sheet || new URL(answer.url).searchParams.get('day') !== sheet.dataset.day) return false;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const now = page.querySelector('[data-sheet]');
  if (!now) return false;
  Object.assign(sheet.dataset, now.dataset);
  sheet.innerHTML = now.innerHTML;
  sheet.dispatchEvent(new Event('shown'));
  return true;
};

// Forms about a chat are sent without leaving the page.
document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('[data-say], [data-act]')) return;
  event.preventDefault();
  if (sending) return;
  const way = event.submitter?.getAttribute('formaction') ?? form.getAttribute('action');
  const what = new URLSearchParams(new FormData(form, event.submitter));
  sending = true;
  try {
    const answer = await fetch(way, { method: 'POST', body: what, headers: { accept: 'application/json' } });
    if (answer.status === 204 && !talk) {
      location.reload();
    } else if (answer.status === 204) {
      form.querySelector('.problem')?.remove();
      const field = form.querySelector('textarea');
      if (field) field.value = field.defaultValue;
      if (form.matches('[data-say]')) tellHere('looks');
    } else if (answer.redirected && new URL(answer.url).pathname === '/console/login') {
      complain(form, lost.dataset.login);
    } else if (answer.ok && await showsSheet(form, answer)) {
      // What is being typed beside it stays.
    } else if (answer.ok) {
      location.assign(answer.url);
    } else {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      complain(form, page.querySelector('main p')?.textContent ?? String(answer.status));
    }
  } catch {
    complain(form, connected);
  } finally {
    sending = false;
  }
  refreshTalk().then(toEnd);
  refreshList();
});

const ring = (() => {
  let sound;
  return () => {
    sound ??= new AudioContext();
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.15, sound.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 0.4);
    tone.connect(volume).connect(sound.destination);
    tone.start();
    tone.stop(sound.currentTime + 0.4);
  };
})();

const rings = () => localStorage.getItem('zapis-bell') === 'on';
if (bell) {
  bell.hidden = false;
  bell.setAttribute('aria-pressed', String(rings()));
  bell.addEventListener('click', async () => {
    const on = !rings();
    localStorage.setItem('zapis-bell', on ? 'on' : 'off');
    bell.setAttribute('aria-pressed', String(on));
    if (on) { ring(); if ('Notification' in window) await Notification.requestPermission(); }
  });
}

const tell = (change) => {
  if (!rings() || !change.called) return;
  ring();
  if ('Notification' in window && Notification.permission === 'granted' && document.hidden) {
    new Notification(document.querySelector('.brand').textContent, { body: document.querySelector('.bar nav a').textContent, tag: change.chat });
  }
};

if (list || talk) {
  const live = new EventSource('/console/live');
  let silence;
  live.addEventListener('hello', () => { clearTimeout(silence); lost.hidden = true; refreshList(); refreshTalk(); refreshHelp(); });
  live.addEventListener('everything', () => { refreshList(); refreshTalk(); refreshHelp(); });
  live.addEventListener('chat', (event) => {
    const change = JSON.parse(event.data);
    tell(change);
    refreshList();
    if (talk?.dataset.id === change.chat) { refreshTalk(); refreshHelp(); }
  });
  live.addEventListener('here', (event) => {
    const moved = JSON.parse(event.data);
    if (moved.looks) refreshList();
    if (talk?.dataset.id === moved.chat) refreshHere();
  });
  // A stream ends now and then by itself; who is back at once was never away.
  live.onerror = () => { clearTimeout(silence); silence = setTimeout(() => tellLost(connected), 3_000); };
  // Waiting times grow without events.
  setInterval(refreshList, 30_000);
  toEnd();
}

// On a wide screen the day is a grid: visits are dragged to another time or person, an empty place takes a new one.
// The server alone decides: what it refuses goes back, and says why.
const sheet = document.querySelector('[data-sheet]');
if (sheet && matchMedia('(min-width: 60rem)').matches) {
  const minute = 1.4;
  const step = 5;
  const opens = () => Number(sheet.dataset.opens);
  const closes = () => Number(sheet.dataset.closes);
  const clock = (at) => `${sheet.dataset.day}T${String(Math.floor(at / 60)).padStart(2, '0')}:${String(at % 60).padStart(2, '0')}`;
  const time = (hours, y) => {
    const at = opens() + Math.round((y - hours.getBoundingClientRect().top) / minute / step) * step;
    return Math.min(Math.max(at, opens()), closes() - step);
  };
  const span = (visit) => {
    const within = (at) => Math.min(Math.max(Number(at), opens()), closes());
    return [within(visit.dataset.starts), within(visit.dataset.ends)];
  };
  // Those that lie over one another stand side by side.
  const place = (hours) => {
    const lanes = [];
    const visits = [...hours.querySelectorAll('[data-starts]')].sort((one, other) => span(one)[0] - span(other)[0]);
    for (const visit of visits) {
      const [starts, ends] = span(visit);
      const free = lanes.findIndex((until) => until <= starts);
      const lane = free < 0 ? lanes.length : free;
      lanes[lane] = ends;
      visit.dataset.lane = lane;
      visit.style.transform = '';
      visit.style.top = `${Math.min(starts, closes() - 15) * minute - opens() * minute}px`;
      visit.style.height = `${Math.max((ends - starts) * minute, 22)}px`;
    }
    const width = 100 / Math.max(lanes.length, 1);
    for (const visit of visits) {
      visit.style.left = `${Number(visit.dataset.lane) * width}%`;
      visit.style.right = `${100 - (Number(visit.dataset.lane) + 1) * width}%`;
    }
  };
  const arrange = () => {
    for (const hours of sheet.querySelectorAll('.hours')) {
      hours.style.height = `${(closes() - opens()) * minute}px`;
      hours.style.backgroundSize = `100% ${60 * minute}px`;
      for (let at = opens(); at < closes(); at += 60) {
        const mark = document.createElement('span');
        mark.className = 'hour';
        mark.ariaHidden = 'true';
        mark.textContent = clock(at).slice(11);
        mark.style.top = `${(at - opens()) * minute}px`;
        hours.prepend(mark);
      }
      for (const off of hours.querySelectorAll('.off')) {
        const [from, until] = [Math.max(off.dataset.from, opens()), Math.min(off.dataset.until, closes())];
        off.style.top = `${(from - opens()) * minute}px`;
        off.style.height = `${Math.max(until - from, 0) * minute}px`;
      }
      place(hours);
    }
  };
  sheet.classList.add('grid');
  sheet.addEventListener('shown', arrange);
  arrange();

  sheet.addEventListener('click', (event) => {
    const hours = event.target.closest('.hours');
    if (event.target !== hours) return;
    const form = document.querySelector('[data-add]');
    form.elements.at.value = clock(time(hours, event.clientY));
    form.elements.person.value = hours.parentElement.dataset.person;
    form.scrollIntoView({ block: 'nearest' });
    form.elements.name.focus();
  });
  sheet.addEventListener('pointerdown', (event) => {
    const visit = event.target.closest('.grip')?.closest('.visit');
    if (!visit || event.button !== 0 || sending) return;
    const home = visit.closest('.hours');
    const grabbed = event.clientY - visit.getBoundingClientRect().top;
    const [x, y] = [event.clientX, event.clientY];
    let dragged = false;
    const moved = (now) => {
      dragged ||= visit.hasAttribute('data-moves') && Math.hypot(now.clientX - x, now.clientY - y) > 6;
      if (!dragged) return;
      visit.classList.add('dragged');
      visit.style.transform = `translate(${now.clientX - x}px, ${now.clientY - y}px)`;
    };
    const dropped = (now) => {
      removeEventListener('pointermove', moved);
      removeEventListener('pointerup', dropped);
      removeEventListener('pointercancel', dropped);
      visit.classList.remove('dragged');
      if (!dragged) { visit.classList.toggle('unfolded'); return; }
      const under = document.elementsFromPoint(now.clientX, now.clientY).filter((one) => !visit.contains(one));
      const hours = under.map((one) => one.closest('.hours')).find(Boolean);
      const person = hours?.parentElement.dataset.person;
      const at = hours && time(hours, now.clientY - grabbed);
      const same = hours === home && at === Number(visit.dataset.starts);
      if (now.type === 'pointercancel' || !person || same || sending) { place(home); return; }
      const form = visit.querySelector('form[action$="/move"]');
      form.dataset.dragged = '';
      form.elements.at.value = clock(at);
      form.elements.person.value = hours === home ? '' : person;
      form.requestSubmit();
    };
    addEventListener('pointermove', moved);
    addEventListener('pointerup', dropped);
    addEventListener('pointercancel', dropped);
  });
  // What was refused stands where it was, unfolded, with the reason; what was typed by hand stays.
  document.addEventListener('refused', (event) => {
    const form = event.target;
    const visit = form.closest('.visit');
    if (!visit) return;
    place(visit.closest('.hours'));
    visit.classList.add('unfolded');
    form.closest('details')?.setAttribute('open', '');
    if ('dragged' in form.dataset) form.reset();
    delete form.dataset.dragged;
  });
}

// t takes, b gives back, r writes, i inserts what is suggested, j and k go on, / searches.
document.addEventListener('keydown', (event) => {
  const field = event.target.closest('input, textarea, select');
  if (field && (event.ctrlKey || event.metaKey) && event.key === 'Enter') { field.form?.requestSubmit(); return; }
  if (field || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') { event.preventDefault(); document.querySelector('[type=search]')?.focus(); return; }
  if (event.key === 'j' || event.key === 'k') {
    const chats = [...document.querySelectorAll('a.chat')];
    const here = chats.findIndex((chat) => chat.hasAttribute('aria-current'));
    chats[here + (event.key === 'j' ? 1 : -1)]?.click();
    return;
  }
  const hot = document.querySelector(`[data-hot="${CSS.escape(event.key)}"]`);
  if (hot) { event.preventDefault(); if (hot.matches('textarea')) hot.focus(); else hot.click(); }
});
