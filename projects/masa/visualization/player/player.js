'use strict';
// Plays the tracks of the page's data in step: see page.py, which writes it.
(() => {
  const player = document.getElementById('player');
  const find = (selector) => player.querySelector(selector);
  const data = JSON.parse(document.getElementById('player-data').textContent);
  const clock = data.tracks[data.clock];
  const SPEEDS = [0.25, 0.5, 0.75, 1, 1.5, 2];
  // For color-blind readers (Okabe and Ito, 2008).
  const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00',
    '#56b4e9'];
  // Decoded pictures that a track keeps, and how many it decodes ahead.
  const KEPT = 12, AHEAD = 3;
  // Seconds that playing catches up with after waiting for pictures.
  const PATIENCE = 0.25;
  // Percent of the scrubber's width that two marks of moments are apart.
  const CLOSE = 6;
  const state = {
    time: 0, aligned: true, playing: false, loop: false, speed: 1,
    joints: true, yaw: 0, tilt: 0,
  };

  function element(parent, tag, properties) {
    return parent.appendChild(
      Object.assign(document.createElement(tag), properties));
  }

  /** Position of the last of increasing numbers that is not above a value. */
  function lastUpTo(numbers, value) {
    let low = 0, high = numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] <= value) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  // ------------------------------------------------------------------ times

  for (const track of data.tracks) {
    // Seconds since its start.
    track.own = track.times.map((time) => time - track.times[0]);
    // Without a counterpart it waits where it was last.
    let last = 0;
    track.held = track.frames.map(
      (frame) => (last = frame < 0 ? last : frame));
  }
  const shown = () => data.tracks.filter((track) => track.shown);
  const momentAt = (time) => lastUpTo(clock.own, time + 1e-6);
  const endOf = (track) => track.own[track.own.length - 1];

  /** The track by which time is counted: as recorded, others may go on. */
  function longest() {
    if (state.aligned) return clock;
    return shown().reduce(
      (one, other) => (endOf(other) > endOf(one) ? other : one), clock);
  }

  function frameAt(track, time) {
    if (!state.aligned) return lastUpTo(track.own, time + 1e-6);
    return track.held[momentAt(time)];
  }

  function seek(time) {
    state.time = Math.min(Math.max(time, 0), endOf(longest()));
    show();
  }

  function step(frames) {
    // After the clock's last frame those of the longest track count.
    const isAfter = state.time > endOf(clock) - Math.sign(frames) * 1e-6;
    const guide = isAfter ? longest() : clock;
    const at = lastUpTo(guide.own, state.time + 1e-6);
    pause();
    seek(guide.own[at + frames] ?? (frames < 0 ? 0 : endOf(longest())));
  }

  // ---------------------------------------------------------------- panels

  const theme = getComputedStyle(player);
  const colors = new Map(data.tracks.filter((track) => track.curve).map(
    (track, number) => [track, COLORS[number % COLORS.length]]));
  const panels = data.tracks.map((track) => {
    const video = data.videos[track.video];
    const figure = element(find('.panels'), 'figure', {className: 'panel'});
    const caption = element(figure, 'figcaption', {});
    const color = colors.get(track) ?? 'var(--ink)';
    element(caption, 'span', {className: 'color'}).style.background = color;
    element(caption, 'b', {textContent: track.name, title: track.name});
    const canvas = element(figure, 'canvas', {});
    const size = video ?? scaled(track.joints, 480);
    canvas.width = size.width;
    canvas.height = size.height;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', track.name);
    if (track.joints?.solid) canvas.classList.add('solid');
    const when = element(figure, 'p', {className: 'when'});
    const note = element(figure, 'p', {className: 'wait'});
    return {track, video, figure, canvas, when, note, color,
      bitmaps: new Map(), wanted: -1, drawn: -1};
  });
  const aspects = panels.map(({canvas}) => canvas.width / canvas.height);
  const aspect = aspects.reduce((sum, one) => sum + one, 0) / aspects.length;
  player.style.setProperty('--aspect', Math.min(Math.max(aspect, 0.6), 1.8));

  function scaled({width, height}, larger) {
    const by = larger / Math.max(width, height);
    return {width: width * by, height: height * by};
  }

  /** Decode a picture, once. */
  async function load(panel, picture) {
    if (panel.bitmaps.has(picture)) return;
    panel.bitmaps.set(picture, null);
    try {
      const bytes = Uint8Array.from(
        atob(panel.video.pictures[picture]), (one) => one.charCodeAt(0));
      const bitmap = await createImageBitmap(
        new Blob([bytes], {type: 'image/webp'}));
      panel.bitmaps.set(picture, bitmap);
    } catch (error) {
      panel.failure = `cannot be shown: ${error.message}`;
      show();
      return;
    }
    for (const [old, bitmap] of panel.bitmaps) {
      if (panel.bitmaps.size <= KEPT) break;
      if (old === panel.wanted || !bitmap) continue;
      bitmap.close();
      panel.bitmaps.delete(old);
    }
    if (panel.wanted === picture) draw(panel);
  }

  function pictureAt(panel, frame) {
    return lastUpTo(panel.video.frames, panel.track.first + frame);
  }

  function draw(panel) {
    const {canvas, track, video} = panel;
    const context = canvas.getContext('2d');
    if (video) {
      panel.wanted = pictureAt(panel, panel.frame);
      const bitmap = panel.bitmaps.get(panel.wanted);
      if (!bitmap) {
        load(panel, panel.wanted);
        return;
      }
      context.save();
      if (track.mirrored) {
        context.translate(canvas.width, 0);
        context.scale(-1, 1);
      }
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      context.restore();
      panel.drawn = panel.wanted;
    } else {
      context.clearRect(0, 0, canvas.width, canvas.height);
    }
    if (track.joints && (!video || state.joints)) drawBones(panel, context);
    panel.figure.dataset.drawn = panel.frame;
  }

  function drawBones({canvas, track, video, frame}, context) {
    const {joints} = track;
    const at = lastUpTo(joints.frames, frame);
    const axes = joints.solid ? 3 : 2;
    const place = (joint) => {
      const point = joints.points[at].slice(axes * joint, axes * (joint + 1));
      return point.includes(null) ? null : onCanvas(turned(point), canvas);
    };
    const unseen = joints.unseen[at] ?? [];
    const larger = Math.max(canvas.width, canvas.height);
    context.lineWidth = larger / (video ? 120 : 80);
    context.lineCap = 'round';
    for (const [first, second, side] of joints.bones) {
      const ends = [place(first), place(second)];
      if (ends.includes(null)) continue;
      const name = unseen.includes(first) || unseen.includes(second)
        ? 'unseen' : side;
      context.strokeStyle = theme.getPropertyValue(`--${name}`);
      context.beginPath();
      context.moveTo(...ends[0]);
      context.lineTo(...ends[1]);
      context.stroke();
    }
  }

  /** Turn a point about the vertical axis, then tilt it; 2D stays. */
  function turned([x, y, z]) {
    if (z === undefined) return [x, y];
    const across = x * Math.cos(state.yaw) + z * Math.sin(state.yaw);
    const away = z * Math.cos(state.yaw) - x * Math.sin(state.yaw);
    return [across, y * Math.cos(state.tilt) + away * Math.sin(state.tilt)];
  }

  function onCanvas([x, y], {width, height}) {
    const scale = Math.max(width, height) / 2000;
    return [width / 2 + x * scale, height / 2 + y * scale];
  }

  // ------------------------------------------------------------- everything

  function show() {
    const moment = momentAt(state.time);
    for (const panel of panels) {
      const {track, figure} = panel;
      figure.hidden = !track.shown;
      if (!track.shown) continue;
      panel.frame = frameAt(track, state.time);
      const waits = state.aligned && track.frames[moment] < 0;
      figure.classList.toggle('waiting', waits);
      panel.note.textContent =
        panel.failure ?? (waits ? 'no counterpart: waits' : '');
      panel.when.textContent = `${track.times[panel.frame].toFixed(2)} s · ` +
        `frame ${track.first + panel.frame}`;
      figure.dataset.frame = panel.frame;
      draw(panel);
    }
    const end = endOf(longest());
    scrubber.max = end;
    scrubber.value = state.time;
    const now = `${state.time.toFixed(2)} of ${end.toFixed(2)} s`;
    scrubber.setAttribute('aria-valuetext', now);
    find('.now').textContent = now;
    player.style.setProperty('--played', end ? state.time / end : 0);
  }

  const isPending = (panel) => panel.track.shown && panel.video
    && !panel.failure && panel.wanted !== panel.drawn;

  function tick(now) {
    if (!state.playing) return;
    // All are shown in step: time waits until every picture is decoded.
    if (!panels.some(isPending)) {
      const passed = Math.min((now - state.ticked) / 1000, PATIENCE);
      state.ticked = now;
      advance(passed * state.speed);
    }
    requestAnimationFrame(tick);
  }

  function advance(seconds) {
    const guide = longest();
    const length = endOf(guide) + guide.interval;
    let time = state.time + seconds;
    if (time >= length) {
      if (!state.loop) {
        pause();
        seek(endOf(guide));
        return;
      }
      time %= length;
    }
    // Not seek: the last frame lasts as long as the others.
    state.time = time;
    show();
    for (const panel of panels.filter((one) => one.track.shown && one.video)) {
      for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
        const later = time + ahead * clock.interval * state.speed;
        load(panel, pictureAt(panel, frameAt(panel.track, later % length)));
      }
    }
  }

  function play() {
    const guide = longest();
    if (state.time >= endOf(guide)) state.time = 0;
    state.playing = true;
    state.ticked = performance.now();
    requestAnimationFrame(tick);
    label();
  }

  function pause() {
    state.playing = false;
    label();
  }

  function label() {
    player.classList.toggle('playing', state.playing);
    find('[data-do=play]').setAttribute(
      'aria-label', state.playing ? 'pause' : 'play');
    find('[data-do=loop]').setAttribute('aria-pressed', state.loop);
    find('.speed').value = state.speed;
    for (const button of player.querySelectorAll('[data-mode]')) {
      button.setAttribute('aria-pressed',
        (button.dataset.mode === 'aligned') === state.aligned);
    }
  }

  function setMode(aligned) {
    state.aligned = aligned;
    label();
    drawScale();
    seek(state.time);
  }

  // --------------------------------------------------- marks, curves, table

  const isMarked = ({track}) => track === null || data.tracks[track].shown;

  /** Draw what depends on which tracks show and how long they last. */
  function drawScale() {
    const end = endOf(longest()) || 1;
    const place = (time) => 100 * Math.min(time, end) / end;
    const bar = find('.marks'), list = find('.moments');
    bar.replaceChildren();
    list.replaceChildren();
    let before = null;
    const marks = data.marks.filter(isMarked);
    bar.classList.toggle('both', marks.some((mark) => mark.end === null)
      && marks.some((mark) => mark.end !== null));
    for (const mark of marks) {
      const isMoment = mark.end === null, start = clock.own[mark.start];
      const jump = {type: 'button', onclick: () => seek(start)};
      if (isMoment) {
        const item = element(list, 'li', {});
        element(item, 'button', {...jump, textContent: mark.label});
        const number = list.children.length;
        // Two that would hide each other share a mark.
        if (before && place(start) - place(before.start) < CLOSE) {
          before.button.textContent = `${before.number}–${number}`;
          before.button.title += `; ${mark.label}`;
          before.button.ariaLabel = before.button.title;
          continue;
        }
        before = {start, number};
      }
      const button = element(bar, 'button', {
        ...jump, title: mark.label, ariaLabel: mark.label,
        className: isMoment ? 'moment' : 'interval',
        textContent: isMoment ? before.number : mark.label,
      });
      button.style.left = `${place(start)}%`;
      if (isMoment) {
        before.button = button;
      } else {
        const after = clock.own[mark.end] + clock.interval;
        button.style.width = `${place(after) - place(start)}%`;
      }
    }
    drawCurves();
  }

  const plot = find('.plot');
  function drawCurves() {
    const drawn = panels.filter(({track}) => track.shown && track.curve);
    find('.curves').hidden = !drawn.length;
    if (!drawn.length) return;
    plot.hidden = !state.aligned;
    if (!state.aligned) {
      find('.curves figcaption').textContent = 'The curves are of the ' +
        'aligned moments: choose “Aligned” to see them.';
      return;
    }
    const top = drawn.flatMap(({track}) => track.curve).reduce(
      (one, other) => Math.max(one, other ?? 0), 0) || 1;
    const end = endOf(clock) || 1;
    const lines = drawn.map(({track, color}) => {
      let pen = 'M';
      const path = track.curve.map((value, moment) => {
        if (value === null) {
          pen = 'M';
          return '';
        }
        const x = (1000 * clock.own[moment] / end).toFixed(1);
        const y = (100 - 98 * value / top).toFixed(1);
        // A value alone is a dot.
        const point = pen === 'M' ? `M${x},${y}h0` : `L${x},${y}`;
        pen = 'L';
        return point;
      });
      return `<path d="${path.join('')}" stroke="${color}"/>`;
    });
    plot.innerHTML =
      `<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img"
        aria-label="curves">${lines.join('')}</svg><i></i>`;
    find('.curves figcaption').textContent =
      `${data.curveTitle}, 0 to ${top.toPrecision(3)}`;
  }

  function drawTable() {
    const hasScores = data.tracks.some((track) => track.score !== null);
    const table = find('.choice');
    if (data.tracks.length < 3) return;
    const head = element(table, 'tr', {});
    for (const title of ['shown', 'start', 'end',
      ...(hasScores ? [data.scoreTitle] : [])]) {
      element(head, 'th', {textContent: title, scope: 'col'});
    }
    for (const {track, color} of panels) {
      const row = element(table, 'tr', {});
      const name = element(element(row, 'td', {}), 'label', {});
      element(name, 'input', {
        type: 'checkbox', checked: track.shown,
        onchange: (event) => {
          track.shown = event.target.checked;
          keepOne();
          drawScale();
          seek(state.time);
        },
      });
      element(name, 'span', {className: 'color'}).style.background = color;
      name.append(track.name);
      const ends = [track.times[0], track.times[track.times.length - 1]];
      for (const time of ends) {
        element(row, 'td', {textContent: `${time.toFixed(2)} s`});
      }
      if (hasScores) element(row, 'td', {textContent: track.score ?? ''});
    }
    keepOne();
  }

  /** Lock the tick of the only sequence that shows. */
  function keepOne() {
    const ticks = [...player.querySelectorAll('.choice input')];
    const isAlone = ticks.filter((tick) => tick.checked).length === 1;
    for (const tick of ticks) {
      tick.disabled = isAlone && tick.checked;
      tick.title = tick.disabled ? 'at least one shows' : '';
    }
  }

  // -------------------------------------------------------------- controls

  const scrubber = find('.scrubber');
  scrubber.addEventListener('input', () => seek(scrubber.valueAsNumber));
  const DO = {
    play: () => (state.playing ? pause() : play()),
    back: () => step(-1),
    forth: () => step(1),
    loop: () => { state.loop = !state.loop; label(); },
  };
  for (const button of player.querySelectorAll('[data-do]')) {
    button.addEventListener('click', DO[button.dataset.do]);
  }
  for (const button of player.querySelectorAll('[data-mode]')) {
    button.addEventListener(
      'click', () => setMode(button.dataset.mode === 'aligned'));
  }
  find('.speed').addEventListener('change', (event) => {
    state.speed = Number(event.target.value);
  });

  function changeSpeed(by) {
    const at = SPEEDS.indexOf(state.speed) + by;
    state.speed = SPEEDS[at] ?? state.speed;
    label();
  }

  // After a click the keys are the player's again; keyboard users stay on the
  // control. A click on a label is followed by one without a pointer, and the
  // speed box is open until it changes.
  let isPointing = false;
  player.addEventListener('pointerdown', () => { isPointing = true; });
  player.addEventListener('keydown', () => { isPointing = false; });
  for (const kind of ['click', 'change']) {
    player.addEventListener(kind, ({target}) => {
      if (!isPointing || (kind === 'click' && target.matches('select'))) return;
      player.focus({preventScroll: true});
    });
  }

  const KEYS = {
    ' ': DO.play, ArrowLeft: DO.back, ArrowRight: DO.forth,
    Home: () => seek(0), End: () => seek(Infinity),
    '[': () => changeSpeed(-1), ']': () => changeSpeed(1),
  };
  const listener = data.everywhere ? document : player;
  listener.addEventListener('keydown', (event) => {
    const action = KEYS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target.closest('button, select, input, summary');
    // These have a meaning of their own there, but for the scrubber.
    if (target && target !== scrubber && !'[]'.includes(event.key)) {
      if (event.key === ' ' || !target.matches('button, summary')) return;
    }
    event.preventDefault();
    action();
  });

  function seekOnPlot(event) {
    const {left, width} = plot.getBoundingClientRect();
    seek(endOf(clock) * (event.clientX - left) / width);
  }
  plot.addEventListener('pointerdown', (event) => {
    plot.setPointerCapture(event.pointerId);
    seekOnPlot(event);
  });
  plot.addEventListener('pointermove', (event) => {
    if (plot.hasPointerCapture(event.pointerId)) seekOnPlot(event);
  });

  // ------------------------------------------------- joints: shown or turned

  const joints = find('.joints'), turn = find('.turn');
  joints.hidden = !panels.some(({track, video}) => video && track.joints);
  joints.firstChild.addEventListener('change', (event) => {
    state.joints = event.target.checked;
    show();
  });
  turn.hidden = !data.tracks.some((track) => track.joints?.solid);
  const angle = turn.querySelector('input');
  angle.addEventListener('input', () => turnTo(
    angle.valueAsNumber * Math.PI / 180, state.tilt));
  function turnTo(yaw, tilt) {
    state.yaw = Math.atan2(Math.sin(yaw), Math.cos(yaw));
    state.tilt = Math.min(Math.max(tilt, -Math.PI / 2), Math.PI / 2);
    angle.value = state.yaw * 180 / Math.PI;
    show();
  }
  for (const canvas of player.querySelectorAll('.solid')) {
    let from = null;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = event;
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      turnTo(state.yaw - (event.clientX - from.clientX) / 100,
        state.tilt - (event.clientY - from.clientY) / 100);
      from = event;
    });
    canvas.addEventListener('dblclick', () => turnTo(0, 0));
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);

  drawTable();
  drawScale();
  label();
  show();
})();
