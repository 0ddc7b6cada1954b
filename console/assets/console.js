// Keeps the page up to date and saves clicks. Without it everything can be read and done by forms.

const list = document.querySelector('[data-list]');
const talk = document.querySelector('[data-talk]');
const lost = document.querySelector('[data-lost]');
const bell = document.querySelector('[data-bell]');

const text = async (address) => {
  const answer = await fetch(address, { headers: { accept: 'text/html' } });
  if (answer.redirected) location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
};

// One refresh at a time; what comes meanwhile is one more.
const calm = (work) => {
  let busy = false;
  let again = false;
  return async () => {
    if (busy) { again = true; return; }
    busy = true;
    try { await work(); } catch { /* The next event tries again. */ } finally {
      busy = false;
      if (again) { again = false; later(); }
    }
    async function later() { await refreshes.get(work)(); }
  };
};
const refreshes = new Map();
const refreshing = (work) => { const calmed = calm(work); refreshes.set(work, calmed); return calmed; };

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
});

const atEnd = (lines) => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 80;
const toEnd = () => {
  const lines = talk?.querySelector('[data-lines]');
  if (lines) lines.scrollTop = lines.scrollHeight;
};

// What somebody is writing, and what is unfolded, stays.
const refreshTalk = refreshing(async () => {
  if (!talk) return;
  const lines = talk.querySelector('[data-lines]');
  const end = atEnd(lines);
  const top = lines.scrollTop;
  const unfolded = [...talk.querySelectorAll('.line details[open]')].map((one) => one.closest('.line').id);
  const html = await text(`/console/chats/${talk.dataset.talk}/lines${location.search}`);
  const typed = talk.querySelector('[data-say] textarea');
  const words = typed.value;
  const place = document.activeElement === typed ? typed.selectionStart : null;
  talk.innerHTML = html;
  for (const id of unfolded) document.getElementById(id)?.querySelector('details')?.setAttribute('open', '');
  const field = talk.querySelector('[data-say] textarea');
  field.value = words;
  if (place !== null) { field.focus(); field.setSelectionRange(place, place); }
  const now = talk.querySelector('[data-lines]');
  now.scrollTop = end ? now.scrollHeight : top;
});

// Forms about a chat are sent without leaving the page.
document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('[data-say], [data-act]')) return;
  event.preventDefault();
  const way = event.submitter?.getAttribute('formaction') ?? form.getAttribute('action');
  const what = new URLSearchParams(new FormData(form, event.submitter));
  for (const button of form.querySelectorAll('button')) button.disabled = true;
  try {
    const answer = await fetch(way, { method: 'POST', body: what, headers: { accept: 'application/json' } });
    if (answer.status !== 204) {
      document.open(); document.write(await answer.text()); document.close();
      return;
    }
    if (form.matches('[data-say]')) form.querySelector('textarea').value = '';
    await refreshTalk();
    await refreshList();
    toEnd();
  } finally {
    for (const button of form.querySelectorAll('button')) button.disabled = false;
  }
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
  live.addEventListener('hello', () => { lost.hidden = true; refreshList(); refreshTalk(); });
  live.addEventListener('everything', () => { refreshList(); refreshTalk(); });
  live.addEventListener('chat', (event) => {
    const change = JSON.parse(event.data);
    tell(change);
    refreshList();
    if (talk?.dataset.id === change.chat) refreshTalk();
  });
  live.onerror = () => { lost.hidden = false; };
  // Waiting times grow without events.
  setInterval(refreshList, 30_000);
  toEnd();
}

// t takes, b gives back, r writes, j and k go on, / searches.
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
