import { Problem, problemOf, send } from "./api.js";
import { Note } from "./note.js";
import { People } from "./people.js";

const $ = (id) => document.getElementById(id);
const retryDelay = 2000;

const board = new URLSearchParams(location.search).get("board") ?? "main";
const notes = new Map(); // by id
const people = new People($("people"));
let me = sessionStorage.getItem("name") ?? ""; // differs between windows

const query = () => `?name=${encodeURIComponent(me)}`;
const notesPath = `/boards/${encodeURIComponent(board)}/notes`;
const notePath = (id) => `${notesPath}/${encodeURIComponent(id)}`;

// ---- events of the stream

function follow() {
  const source = new EventSource(`/streams/board/${encodeURIComponent(board)}${query()}`);
  const on = (type, listener) => source.addEventListener(type, (event) => listener(JSON.parse(event.data)));

  on("sync", ({ items }) => showAll(items)); // all notes, at the start
  on("resync", ({ items }) => showAll(items)); // all notes, after a gap that the server could not fill
  on("create", ({ id, data }) => show(id, data));
  on("update", ({ id, data }) => show(id, data));
  on("delete", ({ id }) => forget(id));
  on("event", ({ id, name, payload }) => {
    switch (name) {
      case "presence:list": return people.are(payload.map(({ id }) => id));
      case "presence:join": return people.join(payload.id);
      case "presence:leave": return people.leave(payload.id);
      case "typing": return payload.name !== me && notes.get(id)?.showTyping(payload.name);
    }
  });

  source.onopen = () => {
    connected(true);
    for (const note of notes.values()) note.save(); // changes that could not be sent meanwhile
  };
  source.onerror = async () => {
    connected(false);
    if (source.readyState !== EventSource.CLOSED) return; // it reconnects by itself, and gets what it missed
    const reason = await whyRefused(source.url);
    if (reason?.status === 401) return sayHello(reason.message);
    if (reason) say(reason.message);
    if (!reason || reason.status >= 500) setTimeout(follow, retryDelay);
  };
}

// whyRefused repeats the request, since an EventSource does not report the reason.
async function whyRefused(url) {
  const abort = new AbortController();
  try {
    const response = await fetch(url, { signal: abort.signal });
    return response.ok ? undefined : await problemOf(response);
  } catch {
    return undefined; // no network
  } finally {
    abort.abort();
  }
}

function show(id, data) {
  const note = notes.get(id);
  if (note) return note.update(data);
  notes.set(id, new Note($("note"), $("board"), data, {
    change: (fields) => send("PATCH", notePath(id) + query(), fields),
    remove: () => send("DELETE", notePath(id) + query()).catch((error) => say(error.message)),
    typing: () => send("POST", notePath(id) + "/typing" + query()).catch(() => {}), // a lost one does no harm
  }));
  $("empty").hidden = true;
}

function showAll(items) {
  const there = new Set(items.map(({ id }) => id));
  for (const id of notes.keys()) if (!there.has(id)) forget(id);
  for (const { id, data } of items) show(id, data);
  $("empty").hidden = notes.size > 0;
}

function forget(id) {
  notes.get(id)?.element.remove();
  notes.delete(id);
  $("empty").hidden = notes.size > 0;
}

// ---- actions of the user

async function add(x, y) {
  const color = Note.colors[notes.size % Note.colors.length];
  try {
    const { id, data } = await send("POST", notesPath + query(), { text: "", color, x, y });
    show(id, data);
    notes.get(id).focus();
  } catch (error) {
    say(error instanceof Problem ? error.message : "The server does not answer. Try again in a moment.");
  }
}

$("new").onclick = () => add(0.1 + 0.8 * Math.random(), 0.1 + 0.6 * Math.random());
$("board").ondblclick = (event) => {
  if (event.target.closest(".note")) return;
  const area = $("board").getBoundingClientRect();
  add(Note.share(event.clientX - area.left, area.width), Note.share(event.clientY - area.top, area.height));
};

// ---- the page around the board

function connected(yes) {
  document.body.classList.toggle("offline", !yes);
  say(yes ? "" : "Connection lost. Trying again …");
}

function say(text) {
  $("status").textContent = text;
}

function sayHello(problem = "") {
  $("hello-problem").textContent = problem;
  $("name").value = me;
  $("hello").showModal();
}

$("hello").oncancel = (event) => event.preventDefault(); // a name is required
$("hello").onclose = () => {
  me = $("name").value.trim();
  sessionStorage.setItem("name", me);
  follow();
};

$("board-name").textContent = board === "main" ? "" : board;
if (me) follow();
else sayHello();
