// People shows who is here.
export class People {
  #names = new Set();

  constructor(list) {
    this.list = list;
  }

  are(names) {
    this.#names = new Set(names);
    this.#show();
  }

  join(name) {
    this.are([...this.#names, name]);
  }

  leave(name) {
    this.#names.delete(name);
    this.#show();
  }

  #show() {
    this.list.replaceChildren(...[...this.#names].sort((a, b) => a.localeCompare(b)).map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      item.style.setProperty("--hue", hue(name));
      return item;
    }));
  }
}

// hue gives everybody a colour, which is the same in all windows.
function hue(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) % 360;
  return sum;
}
