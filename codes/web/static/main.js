/**
 * Puts the page together. Only this module knows all the others and the ids in index.html.
 */

import * as api from "./api.js";
import { INITIAL, StateStore, playable } from "./appstate.js";
import { Bars } from "./bars.js";
import { Catalogue } from "./catalogue.js";
import { Connection } from "./connection.js";
import { advice, hint, onlySays, sentence, temperatureWord } from "./copy.js";
import { Stage } from "./stage.js";
import { Finder } from "./finder.js";
import { drawingIn, listenForFiles, save, wordFor } from "./files.js";
import { Gallery } from "./gallery.js";
import { Help } from "./help.js";
import { KeyPen } from "./keypen.js";
import { pageAction, paperAction } from "./keys.js";
import { markPenUp, markSeen } from "./marks.js";
import { Pen, pressureOf } from "./pen.js";
import { Session } from "./session.js";
import { hasChanged, keepState, putAside, recallState } from "./storage.js";
import { Synth } from "./synth.js";
import { Variations } from "./variations.js";
import { find, near } from "./words.js";

const SPEAK_AFTER_MS = 700;

let otherWords = {}; // for the categories
const fingers = matchMedia("(pointer: coarse)");
const $ = (id) => document.getElementById(id);
const store = new StateStore(Object.freeze({ ...INITIAL, ...recallState() }));
const connection = new Connection(new URL("live", location.href.replace(/^http/, "ws")), {
  onMessage: (message) => session.receive(message),
  onConnection: (connected) => store.set({ connected }),
});
const session = new Session(store, connection, () => stage.inView);
const synth = new Synth();

// Pens. All draw the same way, but those on the screen give events, not places.

const penListener = {
  onStart: (points) => session.penBegan(points),
  onMove: (points) => session.penMoved(points),
  onEnd: () => {
    markPenUp();
    session.penEnded();
  },
  onCancel: () => session.penDropped(),
};
const keyPen = new KeyPen(penListener);
const stage = new Stage({ dry: $("dry"), wet: $("wet") }, store, keyPen, {
  onProgress: singSuggestion,
  onWhole: () => session.shown(),
});
const placed = (events) => events.map((event) => [...stage.pointAt(event), ...pressureOf(event)]);
new Pen($("wet"), {
  ...penListener,
  onStart: (events) => {
    keyPen.hide();
    penListener.onStart(placed(events));
  },
  onMove: (events) => penListener.onMove(placed(events)),
});

// Actions by name, for buttons and keys.

const actions = {
  undo: () => session.undo(),
  redo: () => session.redo(),
  clear: () => session.clear(),
  accept: () => session.accept(),
  acceptNext: () => session.acceptNext(),
  dismiss: () => session.dismiss(),
  newSeed: () => session.newSeed(),
  together: () => session.setTogether(!store.value.together),
  music: () => setMusic(!store.value.music),
  replay: () => stage.replay(),
  save: () => attempt(() => save(store.value, "svg")),
  open: () => $("file").click(),
  gallery: () => gallery.open(store.value.history.present, wordFor(store.value)),
  anew: () => startAnew(),
  catalogue: () => openCatalogue(),
  allAgain: () => session.setOnly([]),
  help: () => help.open(),
};

/** Do something that may fail, and show how it went. */
async function attempt(work, say = (notice) => store.set({ notice })) {
  try {
    const result = await work();
    if (result) say(result);
  } catch ({ message }) {
    say(message);
  }
}

function setMusic(music) {
  if (music) synth.switchOn();
  else synth.switchOff();
  store.set({ music });
}

function openFile(file) {
  attempt(async () => session.open(await drawingIn(file), `Here is ${file.name}. Draw on!`));
}

/** Put the drawing aside, and begin afresh for the next person. */
function startAnew() {
  const { history } = store.value;
  if (!history.present.length) return;
  if (!putAside(history.present, wordFor(store.value)))
    return store.set({ notice: "I cannot keep this drawing here, so I leave it. Save it, then clear the paper." });
  session.startAnew();
  store.set({ notice: "A new sheet. The last drawing lies in the gallery." });
}

// Dialogs.

const help = new Help({ dialog: $("help"), phone: $("phone"), address: $("phone-address"), code: $("phone-code") });
const gallery = new Gallery(
  {
    dialog: $("gallery"),
    form: $("hang"),
    field: $("word"),
    says: $("gallery-says"),
    wall: $("wall"),
    aside: $("aside"),
    before: $("before"),
  },
  (drawing, word) => session.open(drawing, `Here is “${word || "a drawing"}” from the gallery. Draw on!`),
);

const catalogue = new Catalogue(
  { dialog: $("catalogue"), field: $("known"), pick: $("pick"), all: $("pick-all"), says: $("catalogue-says"), grid: $("cards") },
  {
    find: (text, categories) => find(text, categories, otherWords),
    choose: (category, beginning) => {
      session.begin(category, beginning);
      $("wet").focus(); // where Tab takes the suggestion
    },
    setOnly: (only) => session.setOnly(only),
  },
);

function openCatalogue() {
  catalogue.open(store.value, { typing: !fingers.matches });
  if (!catalogue.hasDrawings) attempt(async () => catalogue.setSketches(await api.catalogue()));
}

// Music.

const musicCategory = ({ fixed, route }) => fixed ?? route?.category;

function singOwn(now, before) {
  const category = musicCategory(now);
  const name = now.wet ? now.history.present.length : before.history.present.length;
  if (now.wet) synth.sing(name, now.wet, { category });
  else if (before.wet) synth.sing(name, before.wet, { category, whole: true });
}

function singSuggestion(strokes) {
  const { history, offer } = store.value;
  for (const [index, { points }] of strokes.entries()) {
    const name = `${history.present.length + index} ${offer.base.length}`;
    synth.sing(name, points, { category: offer.categories[0], byMachine: true, whole: index < strokes.length - 1 });
  }
}

// Buttons, keys and files.

const BUTTONS = {
  undo: "undo",
  redo: "redo",
  clear: "clear",
  accept: "accept",
  "accept-next": "acceptNext",
  together: "together",
  music: "music",
  replay: "replay",
  open: "open",
  "new-seed": "newSeed",
  "open-gallery": "gallery",
  anew: "anew",
  "open-catalogue": "catalogue",
  "all-again": "allAgain",
  "open-help": "help",
};
for (const [id, name] of Object.entries(BUTTONS)) $(id).addEventListener("click", actions[name]);
const saves = [...document.querySelectorAll("[data-save]")];
for (const button of saves)
  button.addEventListener("click", () => attempt(() => save(store.value, button.dataset.save)));
for (const button of document.querySelectorAll("[data-close]"))
  button.addEventListener("click", () => button.closest("dialog").close());
$("temperature").addEventListener("change", ({ target }) => session.setTemperature(Number(target.value)));
new Finder($("other"), $("found"), $("found-says"), {
  find: (text) => find(text, playable(store.value), otherWords),
  near: (text) => near(text, playable(store.value), otherWords),
  choose: (category) => session.fix(category),
});
listenForFiles($("paper"), $("file"), openFile);

document.addEventListener("keydown", (event) => {
  const name = pageAction(event);
  if (!name) return;
  event.preventDefault();
  actions[name]();
});
$("wet").addEventListener("keydown", (event) => {
  const name = paperAction(event, { offers: session.offers, drawing: store.value.wet !== null });
  if (!name && (event.ctrlKey || event.metaKey || event.altKey || !keyPen.press(event))) return;
  event.preventDefault();
  if (name?.startsWith("adopt")) session.adopt(Number(name.split(" ")[1]) - 1);
  else actions[name]?.();
  stage.wake();
});
$("wet").addEventListener("blur", () => keyPen.lift());

// The view follows from the state, once a frame.

const bars = new Bars($("bars"), (category) => session.fix(category));
const variations = new Variations($("variations"), (index) => session.adopt(index));

/** Set only the fields that differ, since setting the same value again costs the browser work. */
function setFields(element, fields) {
  for (const [name, value] of Object.entries(fields)) if (element[name] !== value) element[name] = value;
}

function show(state) {
  const { history, wet, together, music, temperature, only } = state;
  const empty = !history.present.length;
  const { offers } = session;
  setFields($("sentence"), { textContent: sentence(state) });
  setFields($("advice"), { textContent: advice(state, fingers.matches) });
  setFields($("hint"), { textContent: empty && !wet ? hint(state) : "" });
  setFields($("undo"), { disabled: !history.past.length });
  setFields($("redo"), { disabled: !history.future.length });
  for (const button of [$("clear"), $("anew"), $("accept"), $("replay"), ...saves]) setFields(button, { disabled: empty });
  setFields($("accept"), { textContent: offers ? "Take it" : "Finish it" });
  setFields($("accept-next"), { disabled: !offers });
  setFields($("together"), { ariaPressed: String(together) });
  setFields($("music"), { ariaPressed: String(music) });
  setFields($("temperature"), { value: String(temperature), ariaValueText: temperatureWord(temperature) });
  setFields($("only"), { hidden: !only.length });
  setFields($("only-says"), { textContent: only.length ? onlySays(only) : "" });
  $("paper").classList.toggle("offers", offers);
  catalogue.show(state);
  bars.show(state);
  variations.show(state);
}

let frameRequested = false;
function showSoon() {
  if (frameRequested) return;
  frameRequested = true;
  requestAnimationFrame(() => {
    frameRequested = false;
    show(store.value);
    if (!store.value.wet && shownRoute !== store.value.route) markSeen("bars");
    shownRoute = store.value.route;
  });
}
let shownRoute = null;

/** Give screen readers the sentence once it has stayed the same for a moment. */
let speechTimer = 0;
function speakSoon() {
  clearTimeout(speechTimer);
  speechTimer = setTimeout(() => {
    const text = [sentence(store.value), advice(store.value, fingers.matches)].join(" ").trim();
    if ($("live").textContent !== text) $("live").textContent = text;
  }, SPEAK_AFTER_MS);
}

let saveTimer = 0;
function keepSoon(now, before) {
  if (!hasChanged(now, before)) return;
  clearTimeout(saveTimer);
  saveTimer = setTimeout(() => keepState(store.value), 0);
}

store.subscribe((now, before) => {
  showSoon();
  speakSoon();
  keepSoon(now, before);
  if (now.history !== before.history && !before.wet) synth.forget();
  if (now.music) singOwn(now, before);
});
addEventListener("pagehide", () => keepState(store.value));

show(store.value);
connection.connect();
session.resume();
attempt(async () => {
  const { categories, words } = await api.model();
  otherWords = words;
  session.setCategories(categories);
});
