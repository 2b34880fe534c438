import { Problem } from "./api.js";

const typingShown = 2500; // in milliseconds; longer than typingPause
const typingPause = 1000;
const keyboardStep = 0.02;

// Note is a note on the screen. It shows the stored note with the changes of this window that are not stored yet.
export class Note {
  static colors = ["yellow", "pink", "blue", "green", "violet"];

  // share returns a part of a whole as a number from 0 to 1.
  static share(part, whole) {
    return Math.min(Math.max(part / whole, 0), 1) || 0;
  }

  #stored;
  #server;
  #sending = {}; // changes that are being sent
  #draft = {}; // changes that wait until these are sent
  #saving = false;
  #typingSent = -Infinity;
  #typers = new Map(); // name → timer

  constructor(template, board, stored, server) {
    this.#stored = stored;
    this.#server = server;
    this.board = board;
    this.element = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    [this.text, this.problem, this.grip, this.typing] = ["textarea", ".problem", ".grip", ".typing"].map(find);
    find(".by").textContent = stored.by;
    find(".delete").onclick = () => this.#server.remove();
    find(".colors").append(...Note.colors.map((color) => this.#colorButton(color)));
    this.text.oninput = () => {
      this.#change({ text: this.text.value });
      this.#tellTyping();
    };
    this.#makeMovable();
    this.#render();
    board.append(this.element);
  }

  // update takes a note from the server. Events of the stream and answers to requests may arrive in any order; the version says
  // which is newer.
  update(stored) {
    if (stored.version <= this.#stored.version) return;
    this.#stored = stored;
    this.#render();
  }

  focus() {
    this.text.focus();
  }

  showTyping(name) {
    clearTimeout(this.#typers.get(name));
    this.#typers.set(name, setTimeout(() => {
      this.#typers.delete(name);
      this.#renderTyping();
    }, typingShown));
    this.#renderTyping();
  }

  // save sends the changes, one request after the other. All changes made meanwhile go into the next request.
  async save() {
    if (this.#saving) return;
    this.#saving = true;
    try {
      while (Object.keys(this.#draft).length > 0) {
        [this.#sending, this.#draft] = [this.#draft, {}];
        const { data } = await this.#server.change(this.#sending);
        this.#sending = {};
        this.problem.textContent = "";
        this.update(data);
      }
    } catch (error) {
      this.#draft = { ...this.#sending, ...this.#draft }; // to be sent next time
      this.#sending = {};
      if (error instanceof Problem) this.problem.textContent = error.message;
    } finally {
      this.#saving = false;
    }
  }

  #change(fields) {
    Object.assign(this.#draft, fields);
    this.#render();
    this.save();
  }

  #render() {
    const { text, color, x, y } = { ...this.#stored, ...this.#sending, ...this.#draft };
    this.element.dataset.color = color;
    this.element.style.setProperty("--x", x);
    this.element.style.setProperty("--y", y);
    for (const button of this.element.querySelectorAll(".colors button")) {
      button.ariaPressed = button.dataset.color === color;
    }
    if (this.text.value !== text) {
      const { selectionStart, selectionEnd } = this.text;
      this.text.value = text;
      this.text.setSelectionRange(selectionStart, selectionEnd);
    }
  }

  #colorButton(color) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.color = button.ariaLabel = button.title = color;
    button.onclick = () => this.#change({ color });
    return button;
  }

  #makeMovable() {
    const { grip, element, board } = this;
    const moveTo = (left, top) => this.#change({
      x: Note.share(left, board.clientWidth - element.offsetWidth),
      y: Note.share(top, board.clientHeight - element.offsetHeight),
    });
    grip.onpointerdown = (down) => {
      const [left, top] = [element.offsetLeft - down.clientX, element.offsetTop - down.clientY];
      grip.setPointerCapture(down.pointerId);
      element.classList.add("moving");
      grip.onpointermove = (move) => moveTo(left + move.clientX, top + move.clientY);
      grip.onlostpointercapture = () => {
        grip.onpointermove = null;
        element.classList.remove("moving");
      };
    };
    grip.onkeydown = (event) => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      if (dx === 0 && dy === 0) return;
      event.preventDefault();
      const { x, y } = { ...this.#stored, ...this.#sending, ...this.#draft };
      this.#change({ x: Note.share(x + dx * keyboardStep, 1), y: Note.share(y + dy * keyboardStep, 1) });
    };
  }

  #tellTyping() {
    if (performance.now() - this.#typingSent < typingPause) return;
    this.#typingSent = performance.now();
    this.#server.typing();
  }

  #renderTyping() {
    const names = [...this.#typers.keys()];
    this.typing.textContent = names.length === 0 ? "" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing`;
  }
}
