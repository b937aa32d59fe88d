// The player of a call, search inside a call, and keys. All else works without a script.
//
// The page brings what it knows as data: <script type="application/json" id="words"> holds, for one
// recording, with times in hundredths of a second,
//   starts     of each word, in the order of the text
//   lengths    of each word, in UTF-16 units; one space lies between the words of a turn
//   turns      how many words each turn has
//   silences   pairs of from and until, in the order of time

const byId = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The last index whose value is at most `value`, or -1. */
function lastAtMost(values, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** What a reader chose stays, where the browser lets us keep it. */
const kept = {
  get(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, value); } catch { /* private windows keep nothing */ }
  },
};

// ------------------------------------------------------------------------------------- words

/** Words with their times: which is spoken at a second, and where in the page it stands. */
class Words {
  constructor(data, turns) {
    const count = data.starts.length;
    this.turns = turns;
    this.starts = Float64Array.from(data.starts, (time) => time / 100);
    this.firstOfTurn = new Uint32Array(data.turns.length + 1);
    data.turns.forEach((words, turn) => { this.firstOfTurn[turn + 1] = this.firstOfTurn[turn] + words; });
    this.offsets = new Uint32Array(count);
    this.lengths = Uint32Array.from(data.lengths);
    for (let turn = 0; turn < data.turns.length; turn += 1) {
      let offset = 0;
      for (let word = this.firstOfTurn[turn]; word < this.firstOfTurn[turn + 1]; word += 1) {
        this.offsets[word] = offset;
        offset += this.lengths[word] + 1;
      }
    }
    // Turns of two channels overlap, so the order of time is not that of the text.
    this.byTime = Uint32Array.from({ length: count }, (_, word) => word)
      .sort((one, other) => this.starts[one] - this.starts[other]);
    this.times = Float64Array.from(this.byTime, (word) => this.starts[word]);
  }

  /** The word that was last begun at a second, or -1. */
  at(second) {
    const place = lastAtMost(this.times, second);
    return place < 0 ? -1 : this.byTime[place];
  }

  turnOf(word) {
    return lastAtMost(this.firstOfTurn, word);
  }

  /** The word at an offset of a turn's text. */
  inTurn(turn, offset) {
    const first = this.firstOfTurn[turn];
    const own = this.offsets.subarray(first, this.firstOfTurn[turn + 1]);
    return own.length ? first + Math.max(0, lastAtMost(own, offset)) : -1;
  }

  range(word) {
    const turn = this.turnOf(word);
    const said = this.turns[turn]?.querySelector(".said");
    return said && rangeOf(said, this.offsets[word], this.offsets[word] + this.lengths[word]);
  }
}

/** A range over an element's text, from one offset to another. */
function rangeOf(element, from, until) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const range = new Range();
  let before = 0;
  let begun = false;
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const after = before + node.length;
    if (!begun && from < after) {
      range.setStart(node, from - before);
      begun = true;
    }
    if (begun && until <= after) {
      range.setEnd(node, until - before);
      return range;
    }
    before = after;
  }
  return null;
}

/** Where in an element's text a point of the screen is, or -1. */
function offsetAt(element, x, y) {
  const caret = document.caretPositionFromPoint?.(x, y);
  const range = caret ? null : document.caretRangeFromPoint?.(x, y);
  const node = caret?.offsetNode ?? range?.startContainer;
  if (!node || !element.contains(node)) return -1;
  const before = new Range();
  before.setStart(element, 0);
  before.setEnd(node, caret?.offset ?? range.startOffset);
  return before.toString().length;
}

function mark(name, ranges) {
  if (globalThis.CSS?.highlights) CSS.highlights.set(name, new Highlight(...ranges.filter(Boolean)));
}

// ---------------------------------------------------------------------------------- waveform

/** The drawing, which becomes wider in a box that scrolls. `share` says how much of it was played. */
class Waveform {
  constructor(box, drawing, share) {
    Object.assign(this, { box, drawing, share });
    this.widths = box.dataset.widths.split(" ").map(Number);
    this.width = this.widths[0];
    this.drawn = new Map([[this.width, drawing.querySelector("svg")]]);
    // Who scrolled away looks elsewhere: nothing pulls back until what is played is there, too.
    this.looksAway = false;
    box.addEventListener("scroll", () => { this.looksAway = !this.isInView(); this.placeNames(); });
    // On touch screens a wider drawing is moved by swiping, for which the slider makes way.
    drawing.addEventListener("click", (event) => {
      if (event.target.matches(".seek")) return;
      const { left, width } = drawing.getBoundingClientRect();
      this.onSeek?.(clamp((event.clientX - left) / width, 0, 1));
    });
  }

  place() {
    return this.share() * this.drawing.clientWidth;
  }

  isInView() {
    const inBox = this.place() - this.box.scrollLeft;
    return inBox >= 0 && inBox <= this.box.clientWidth;
  }

  /** Shows what is played, with most of what comes next. */
  bring() {
    this.looksAway = false;
    if (!this.isInView()) this.box.scrollLeft = this.place() - this.box.clientWidth / 8;
  }

  follow() {
    if (!this.looksAway && this.width > 1) this.bring();
  }

  /** To the next width, or the one before. What is played stays where it is on the screen. */
  step(by) {
    const at = clamp(this.widths.indexOf(this.width) + by, 0, this.widths.length - 1);
    const inBox = this.isInView() ? this.place() - this.box.scrollLeft : this.box.clientWidth / 2;
    this.width = this.widths[at];
    this.box.classList.toggle("is-wide", this.width > 1);
    this.drawing.style.width = `${this.width * 100}%`;
    this.box.scrollLeft = this.place() - inBox;
    this.looksAway = false;
    // Where there is no finer drawing, the one that there is becomes wider.
    this.draw(this.width).catch(() => {});
    return { isFirst: at === 0, isLast: at === this.widths.length - 1 };
  }

  async draw(width) {
    if (!this.drawn.has(width)) {
      const answer = await fetch(`${this.box.dataset.href}?widths=${width}`);
      if (!answer.ok) return;
      const drawn = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
      this.drawn.set(width, document.importNode(drawn.documentElement, true));
    }
    if (this.width !== width) return;
    this.drawing.querySelector("svg").replaceWith(this.drawn.get(width));
    this.placeNames();
  }

  /** The lanes' names stay in view. */
  placeNames() {
    for (const name of this.drawing.querySelectorAll(".lane-name")) name.setAttribute("x", 6 + this.box.scrollLeft);
  }
}

// ------------------------------------------------------------------------------------ player

function startPlayer(audio, keys) {
  const player = audio.closest(".player");
  const parts = new Map([...player.querySelectorAll("[data-part]")].map((element) => [element.dataset.part, element]));
  const part = (name) => parts.get(name);
  const turns = [...document.querySelectorAll(".turn")];
  const turnStarts = Float64Array.from(turns, (turn) => Number(turn.dataset.start));
  const data = JSON.parse(byId("words")?.textContent || "null");
  const words = data && data.turns.length === turns.length ? new Words(data, turns) : null;
  const silenceStarts = Float64Array.from(data?.silences ?? [], ([from]) => from / 100);
  const known = Number(player.dataset.durationS) || 0;
  const state = { word: -1, turn: -1, share: -1, follows: true, skips: kept.get("skips") === "yes" };
  const status = part("status");
  const say = (text) => { if (status) status.textContent = text; };
  const duration = () => (Number.isFinite(audio.duration) ? audio.duration : known);
  const played = () => (duration() ? clamp(audio.currentTime / duration(), 0, 1) : 0);
  const waveform = new Waveform(part("box"), part("drawing"), played);

  function show() {
    const now = audio.currentTime;
    const share = played() * 100;
    const text = clock(now);
    if (part("now").textContent !== text) {
      part("now").textContent = text;
      part("seek")?.setAttribute("aria-valuetext", `${text} of ${clock(duration())}`);
    }
    // A thousandth of what is in view is less than one sees.
    if (Math.abs(share - state.share) > 0.1 / waveform.width) {
      state.share = share;
      if (part("seek")) part("seek").value = share;
      if (part("playhead")) part("playhead").style.transform = `translateX(${share}%)`;
    }
    if (words) showWord(words.at(now + 0.02));
    else showTurn(lastAtMost(turnStarts, now));
  }

  function showWord(word) {
    if (word === state.word) return;
    state.word = word;
    mark("spoken", word < 0 ? [] : [words.range(word)]);
    showTurn(word < 0 ? -1 : words.turnOf(word));
  }

  function showTurn(turn) {
    if (turn === state.turn) return;
    turns[state.turn]?.classList.remove("is-current");
    turns[state.turn]?.removeAttribute("aria-current");
    state.turn = turn;
    turns[turn]?.classList.add("is-current");
    turns[turn]?.setAttribute("aria-current", "true");
    if (state.follows && !audio.paused) bring(turn);
  }

  function bring(turn) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    turns[turn]?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  function skipSilence() {
    const now = audio.currentTime;
    const [from, until] = (data?.silences ?? [])[lastAtMost(silenceStarts, now)] ?? [];
    if (until !== undefined && now > from / 100 + 0.3 && now < until / 100 - 0.3) {
      audio.currentTime = until / 100 - 0.2;
    }
  }

  function tick() {
    if (state.skips) skipSilence();
    show();
    waveform.follow();
    if (!audio.paused) requestAnimationFrame(tick);
  }

  const seek = (second) => { audio.currentTime = clamp(second, 0, duration() || second); show(); waveform.bring(); };
  const play = () => { audio.play().catch(() => say("The recording cannot be played.")); };
  const toggle = () => { if (audio.paused) play(); else audio.pause(); };
  const toTurn = (step) => {
    const next = clamp(lastAtMost(turnStarts, audio.currentTime + 0.05) + step, 0, turns.length - 1);
    if (turns[next]) { seek(turnStarts[next]); bring(next); }
  };

  function setFollows(follows) {
    state.follows = follows;
    part("follow")?.setAttribute("aria-pressed", String(follows));
    if (follows) bring(state.turn);
  }

  function setSkips(skips) {
    state.skips = skips;
    kept.set("skips", skips ? "yes" : "no");
    part("skip")?.setAttribute("aria-pressed", String(skips));
  }

  function setSpeed(speed) {
    const speeds = [...part("speed").options].map((option) => option.value);
    const fits = speeds.includes(String(speed)) ? String(speed) : "1";
    part("speed").value = fits;
    audio.playbackRate = Number(fits);
    kept.set("speed", fits);
  }

  function stepSpeed(step) {
    const options = part("speed").options;
    setSpeed(options[clamp(part("speed").selectedIndex + step, 0, options.length - 1)].value);
    say(`Speed ${part("speed").value}×`);
  }

  function zoom(by) {
    const { isFirst, isLast } = waveform.step(by);
    // Not disabled: what has the focus would lose it.
    part("zoom-out").setAttribute("aria-disabled", String(isFirst));
    part("zoom-in").setAttribute("aria-disabled", String(isLast));
    if (by) say(`Waveform ${waveform.width}×`);
  }

  async function copyAddress() {
    const address = new URL(location.href);
    address.searchParams.set("at", audio.currentTime.toFixed(1));
    address.hash = "";
    history.replaceState(null, "", address);
    try {
      await navigator.clipboard.writeText(address.href);
      say(`Address of ${clock(audio.currentTime)} copied.`);
    } catch {
      say(`The address bar now has the address of ${clock(audio.currentTime)}.`);
    }
  }

  function clicked(event) {
    const turn = event.target.closest?.(".turn");
    if (!turn || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const link = event.target.closest("a");
    if (link && !link.matches(".at")) return;
    if (!link && !getSelection().isCollapsed) return;
    const index = turns.indexOf(turn);
    const said = event.target.closest(".said");
    const offset = said && words ? offsetAt(said, event.clientX, event.clientY) : -1;
    const word = offset < 0 ? -1 : words.inTurn(index, offset);
    if (!link && !said) return;
    event.preventDefault();
    seek(word < 0 ? turnStarts[index] : words.starts[word]);
  }

  audio.controls = false;
  audio.hidden = true;
  document.body.classList.add("has-player");
  player.querySelectorAll("[data-script]").forEach((element) => { element.hidden = false; });
  part("length").textContent = clock(duration());

  const showPlaying = () => {
    const button = part("play");
    button.textContent = audio.paused ? "▶" : "❚❚";
    button.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  };
  audio.addEventListener("play", () => { showPlaying(); setFollows(state.follows); waveform.bring(); tick(); });
  audio.addEventListener("pause", () => { showPlaying(); show(); });
  audio.addEventListener("seeked", show);
  audio.addEventListener("loadedmetadata", () => { part("length").textContent = clock(duration()); show(); });
  audio.addEventListener("error", () => say("The recording cannot be played."));
  part("play").addEventListener("click", toggle);
  part("back")?.addEventListener("click", () => seek(audio.currentTime - 10));
  part("on")?.addEventListener("click", () => seek(audio.currentTime + 10));
  part("seek")?.addEventListener("input", (event) => seek((event.target.value / 100) * duration()));
  part("speed").addEventListener("change", (event) => setSpeed(event.target.value));
  part("skip")?.addEventListener("click", () => setSkips(!state.skips));
  part("follow")?.addEventListener("click", () => setFollows(!state.follows));
  part("copy")?.addEventListener("click", copyAddress);
  part("zoom-out").addEventListener("click", () => zoom(-1));
  part("zoom-in").addEventListener("click", () => zoom(1));
  waveform.onSeek = (share) => seek(share * duration());
  byId("transcript")?.addEventListener("click", clicked);
  document.addEventListener("click", (event) => {
    const second = event.target.closest?.("[data-seek]")?.dataset.seek;
    if (second !== undefined && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      seek(Number(second));
      bring(lastAtMost(turnStarts, Number(second) + 0.05));
    }
  });
  // Who scrolls reads elsewhere: the transcript must not pull back.
  const isAlongWaveform = (event) =>
    part("box").contains(event.target) && !(Math.abs(event.deltaY) > Math.abs(event.deltaX));
  for (const name of ["wheel", "touchmove"]) {
    addEventListener(name, (event) => {
      if (!audio.paused && state.follows && !isAlongWaveform(event)) setFollows(false);
    }, { passive: true });
  }

  zoom(0);
  setSpeed(kept.get("speed") ?? "1");
  setSkips(state.skips);
  setFollows(true);
  const at = Number(new URLSearchParams(location.search).get("at"));
  if (at > 0) {
    audio.addEventListener("loadedmetadata", () => seek(at), { once: true });
    bring(lastAtMost(turnStarts, at + 0.05));
    if (audio.readyState) seek(at);
  }
  showPlaying();
  show();

  Object.assign(keys, {
    k: toggle,
    " ": toggle,
    j: () => seek(audio.currentTime - 10),
    l: () => seek(audio.currentTime + 10),
    ArrowLeft: () => seek(audio.currentTime - 5),
    ArrowRight: () => seek(audio.currentTime + 5),
    Home: () => seek(0),
    "[": () => toTurn(-1),
    "]": () => toTurn(1),
    "<": () => stepSpeed(-1),
    ">": () => stepSpeed(1),
    m: () => { audio.muted = !audio.muted; say(audio.muted ? "Muted." : "Sound on."); },
    s: () => setSkips(!state.skips),
    f: () => setFollows(!state.follows),
    c: copyAddress,
    "+": () => zoom(1),
    "-": () => zoom(-1),
  });
}

// ---------------------------------------------------------------------- search inside a call

function startFind(field, keys) {
  const counted = byId("found");
  const texts = [...document.querySelectorAll(".turn .said")];
  let found = [];
  let here = -1;

  function look() {
    const wanted = field.value.trim().toLocaleLowerCase();
    found = [];
    here = -1;
    for (const said of wanted ? texts : []) {
      // Lower case can be longer than the text it came from: those turns are marked from the start.
      const text = said.textContent.toLocaleLowerCase();
      const same = text.length === said.textContent.length;
      for (let from = text.indexOf(wanted); from >= 0; from = text.indexOf(wanted, from + wanted.length)) {
        found.push({ said, range: same ? rangeOf(said, from, from + wanted.length) : null });
      }
    }
    mark("found", found.map((one) => one.range));
    mark("found-here", []);
    counted.textContent = wanted ? `${found.length} found` : "";
  }

  function step(by) {
    if (!found.length) return;
    here = (here + by + found.length) % found.length;
    mark("found-here", [found[here].range]);
    counted.textContent = `${here + 1} of ${found.length}`;
    const turn = found[here].said.closest(".turn");
    turn.scrollIntoView({ block: "center" });
    if (!globalThis.CSS?.highlights) {
      document.querySelector(".turn.is-found")?.classList.remove("is-found");
      turn.classList.add("is-found");
    }
  }

  field.closest("[data-script]").hidden = false;
  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { field.value = ""; look(); field.blur(); }
  });
  look();
  Object.assign(keys, { "/": () => { field.focus(); field.select(); }, n: () => step(1), N: () => step(-1) });
}

// -------------------------------------------------------------------------------------- keys

function startKeys(keys) {
  const help = byId("keys");
  const choice = byId("keys-on");
  const isOn = () => kept.get("keys") !== "off";
  const types = (element) => element?.closest?.("input:not([type=range]), select, textarea, [contenteditable]");
  const takes = (element) => element?.closest?.("a, button, summary, input, [role=button]");

  if (choice) {
    choice.closest("[data-script]").hidden = false;
    choice.checked = isOn();
    choice.addEventListener("change", () => kept.set("keys", choice.checked ? "on" : "off"));
  }
  keys["?"] = () => help?.togglePopover?.();
  keys["/"] ??= () => document.querySelector("header [type=search]")?.focus();

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || types(event.target)) return;
    if (!isOn() && event.key !== "?") return;
    if (event.key === " " && takes(event.target)) return;
    const wanted = event.key.toLowerCase();
    const button = [...document.querySelectorAll("[data-key]")]
      .find((element) => element.dataset.key.toLowerCase() === wanted && !element.disabled);
    const act = keys[event.key] ?? keys[wanted];
    if (!button && !act) return;
    event.preventDefault();
    if (!button) act();
    else if (button.matches("input, select, textarea")) button.focus();
    else button.click();
  });
}

// -------------------------------------------------------------------------------------- sign-in

/** A token that came in the address' fragment goes into the form, and out of the address. */
function startSignIn(secret) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  secret.value = token;
  history.replaceState(null, "", location.pathname + location.search);
}

const keys = {};
const secret = byId("secret");
if (secret) startSignIn(secret);
const audio = byId("audio");
if (audio) startPlayer(audio, keys);
const field = byId("find");
if (field) startFind(field, keys);
startKeys(keys);
