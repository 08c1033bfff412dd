'use strict';

const TASKS = {
  align: {
    verb: 'Align',
    purpose: 'Two or more recordings of the same activity, shown in step.',
    references: 'Recordings',
    last: null,
    least: 2,
  },
  find: {
    verb: 'Find',
    purpose: 'Where a recording shows what a reference shows, and how often.',
    references: 'Reference: one execution, or several files of one each',
    last: 'Recording to search',
    least: 1,
  },
  compare: {
    verb: 'Compare',
    purpose: 'What an attempt does otherwise than the references: joints, ' +
      'moments, timing.',
    references: 'Reference, or several',
    last: 'Attempt',
    least: 1,
  },
};
const POLL = 500;

const get = (id) => document.getElementById(id);
const zones = [...document.querySelectorAll('.zone')];
let task = 'align';
let job = null;
// As dropped: {name, role, state, text}, and stored once the server has it.
let files = [];

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) {
    throw Object.assign(new Error(content.error), { status: answer.status });
  }
  return content;
}

function choose(name) {
  if (name !== task) clear();
  task = name;
  const { verb, purpose, references, last } = TASKS[task];
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.setAttribute('aria-selected', String(tab.dataset.task === task));
  }
  for (const one of document.querySelectorAll('.switch')) {
    one.hidden = one.dataset.for !== task;
  }
  get('purpose').textContent = purpose;
  get('run').textContent = verb;
  const titles = { references, last };
  for (const zone of zones) {
    const title = titles[zone.dataset.role];
    zone.hidden = !title;
    zone.querySelector('.title').textContent = title || '';
  }
  show();
}

function filesIn(role) {
  // Without a last file, that of another task is one of the recordings.
  return files.filter(
    (file) => role === (TASKS[task].last ? file.role : 'references'));
}

function inputs() {
  return [...filesIn('references'), ...filesIn('last')];
}

function show() {
  for (const zone of zones) {
    const list = zone.querySelector('.files');
    list.replaceChildren(...filesIn(zone.dataset.role).map((file) => {
      const item = document.createElement('li');
      item.textContent = file.name + (file.text ? ` – ${file.text}` : '');
      item.classList.toggle('wrong', file.state === 'wrong');
      const remove = document.createElement('button');
      remove.type = 'button';
      remove.textContent = '×';
      remove.setAttribute('aria-label', `Remove ${file.name}`);
      remove.disabled = job !== null;
      remove.onclick = () => {
        discard(file);
        show();
      };
      item.append(remove);
      return item;
    }));
  }
  const { least, last } = TASKS[task];
  const complete = filesIn('references').length >= least &&
    (!last || filesIn('last').length === 1);
  get('run').disabled = job !== null || !complete ||
    inputs().some((file) => file.state !== 'ready');
}

function discard(file) {
  files.splice(files.indexOf(file), 1);
  if (!file.stored) return;
  ask(`files/${encodeURIComponent(file.stored)}`, { method: 'DELETE' });
}

async function add(role, chosen) {
  if (role === 'last') filesIn('last').forEach(discard);
  const added = [...chosen].slice(0, role === 'last' ? 1 : undefined);
  const entries = added.map((file) => ({
    name: file.name, role, state: 'loading', text: 'is copied',
  }));
  files.push(...entries);
  show();
  for (const [i, file] of added.entries()) {
    const entry = entries[i];
    try {
      const path = `files/${encodeURIComponent(file.name)}?role=${role}`;
      entry.stored = (await ask(path, { method: 'PUT', body: file })).name;
      entry.state = 'ready';
      entry.text = '';
    } catch (error) {
      entry.state = 'wrong';
      entry.text = error.message;
    }
    show();
  }
}

function settings() {
  const options = {};
  for (const field of get('form').elements) {
    const label = field.closest('.switch');
    if (!field.name || (label && label.hidden)) continue;
    if (field.type === 'checkbox') options[field.name] = field.checked;
    else if (field.value === '') continue;
    else {
      options[field.name] = field.type === 'number'
        ? Number(field.value) : field.value;
    }
  }
  return options;
}

async function run(event) {
  event.preventDefault();
  clear();
  try {
    const started = await ask('jobs', {
      method: 'POST',
      body: JSON.stringify({
        command: task,
        inputs: inputs().map((file) => file.stored),
        options: settings(),
      }),
    });
    follow(started.job);
  } catch (error) {
    // Another tab has started one.
    if (error.status === 409) await restore();
    else fail(error.message);
  }
}

/** Show what the server has: after a reload, or in a second tab. */
async function restore() {
  const state = await ask('state');
  const known = files.map((file) => file.stored);
  files.push(...state.files.filter(({ name }) => !known.includes(name)).map(
    ({ name, role }) => ({ name, role, stored: name, state: 'ready' })));
  if (state.job) {
    choose(state.job.command);
    follow(state.job.number);
  }
  show();
}

function follow(number) {
  job = number;
  show();
  watch(number);
}

async function watch(number, start = null) {
  let status;
  try {
    status = await ask(`jobs/${number}`);
  } catch (error) {
    if (number !== job) return;
    fail(error.status
      ? error.message : 'masa does not answer any more: has it been ended?');
    return;
  }
  if (number !== job) return;
  if (status.state !== 'running') {
    finish(status, number);
    return;
  }
  get('stop').hidden = false;
  get('state').hidden = false;
  const { frames, total } = status;
  // Frames from before a reload took a time that is not known.
  start ??= { frames, time: performance.now() };
  const bar = get('bar');
  if (frames && frames < total) {
    bar.max = total;
    bar.value = frames;
    const seconds = (performance.now() - start.time) / 1000;
    const done = frames - start.frames;
    const left = Math.ceil(seconds * (total - frames) / Math.max(done, 1));
    get('doing').textContent = `Estimating poses: ${frames} of ${total} ` +
      `frames${done ? `, about ${left} s left` : ''}`;
  } else {
    bar.removeAttribute('value');
    // Told once the videos are read, and as long as their model is loaded.
    const isLoading = total && !frames;
    get('doing').textContent =
      isLoading ? 'Loading the model …' : total ? 'Comparing …' : 'Reading …';
  }
  setTimeout(() => watch(number, start), POLL);
}

function fail(message) {
  finish({ state: 'failed', said: [], warned: [message], outputs: [] });
}

/** Say which fields are the options that messages name, and show them. */
function pointToFields(messages) {
  const options = new Set(messages.join('\n').match(/--[a-z][a-z-]*/g));
  const fields = [...get('form').elements].filter(
    (field) => options.has(`--${field.name}`) &&
      !field.closest('.switch')?.hidden);
  if (fields.some((field) => get('settings').contains(field))) {
    get('settings').open = true;
  }
  return fields.map((field) => {
    const label = [...field.labels[0].childNodes].find(
      (node) => node.nodeType === Node.TEXT_NODE);
    return `--${field.name} is the field above: “${label.data.trim()}”.`;
  });
}

function finish(status, number) {
  job = null;
  get('stop').hidden = true;
  get('state').hidden = true;
  get('result').hidden = false;
  const stopped = status.state === 'stopped';
  const warned = stopped ? ['Stopped.'] : status.warned;
  get('warned').textContent = [...warned, ...pointToFields(warned)].join('\n');
  // The files that were written are the links.
  get('said').textContent = status.said.filter(
    (line) => !stopped && !/^\S+\.\w+: /.test(line)).join('\n');
  get('downloads').replaceChildren(...status.outputs.map((name) => {
    const link = document.createElement('a');
    link.href = `jobs/${number}/${name}`;
    link.download = name;
    link.textContent = `Save ${name}`;
    return link;
  }));
  get('messages').open = status.state !== 'done';
  get('messages').hidden = !get('said').textContent;
  const page = status.outputs.find((name) => name.endsWith('.html'));
  get('shown').hidden = !page;
  if (page) get('shown').src = `jobs/${number}/${page}`;
  else get('shown').removeAttribute('src');
  show();
  get('result').scrollIntoView();
}

async function forget() {
  job = null;
  await ask('files', { method: 'DELETE' });
  files = [];
  get('form').reset();
  for (const id of ['state', 'stop']) get(id).hidden = true;
  clear();
  show();
}

function clear() {
  get('result').hidden = true;
  get('shown').removeAttribute('src');
  get('shown').style.height = '';
}

for (const tab of document.querySelectorAll('[role=tab]')) {
  tab.onclick = () => choose(tab.dataset.task);
}
for (const zone of zones) {
  const role = zone.dataset.role;
  const input = zone.querySelector('input');
  input.onchange = () => {
    add(role, input.files);
    input.value = '';
  };
  zone.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add('over');
  };
  zone.ondragleave = () => zone.classList.remove('over');
  zone.ondrop = (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    add(role, event.dataTransfer.files);
  };
}
get('form').onsubmit = run;
get('stop').onclick = () => ask(`jobs/${job}`, { method: 'DELETE' });
get('forget').onclick = forget;
// The page of a result tells its height. Its frame has no origin to check.
addEventListener('message', ({ source, data }) => {
  const shown = get('shown');
  if (source !== shown.contentWindow || !(data?.height > 0)) return;
  shown.style.height =
    `${data.height + shown.offsetHeight - shown.clientHeight}px`;
});
ask('about').then(({ layouts, up_axes: axes, accepted }) => {
  const fields = get('form').elements;
  for (const [name, values] of [['layout', layouts], ['up-axis', axes]]) {
    for (const value of values) fields[name].add(new Option(value));
  }
  for (const zone of zones) {
    zone.querySelector('input').accept = accepted.join();
  }
});
choose(task);
restore();
