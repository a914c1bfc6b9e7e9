// The canvas of editor.js on the page. `props.value` holds what Python shows; messages go to Python by `trigger`.
// Messages have numbers. Those that Python has not confirmed are sent again, so no click is lost or counted twice.

const RESEND = 15000; // ms without an answer

const STRIP = `
.facekit-strip { display: flex; flex-wrap: wrap; gap: 4px; margin-top: 10px; max-height: 210px; overflow: auto; }
.facekit-strip button { position: relative; padding: 0; border: 2px solid transparent; border-radius: 6px; background: none;
  cursor: pointer; line-height: 0; }
.facekit-strip button[aria-current=true] { border-color: #1a73e8; }
.facekit-strip button:focus-visible { outline: 2px solid #1a73e8; }
.facekit-strip img { width: 60px; height: 60px; object-fit: cover; border-radius: 4px; opacity: .55; }
.facekit-strip .done img { opacity: 1; }
.facekit-strip span { position: absolute; right: 2px; bottom: 2px; padding: 2px 4px; border-radius: 4px; background: #000c;
  color: #fff; font: 11px/1 system-ui, sans-serif; }
.facekit-strip .done span { background: #14662b; }
`;

let view = null, unmount = null, waiting = null, number = 0, unconfirmed = [];
let listeners = {};
const host = document.createElement("div"), strip = document.createElement("div");
const style = document.createElement("style");
style.textContent = STRIP;
strip.className = "facekit-strip";
strip.setAttribute("role", "group");
strip.setAttribute("aria-label", "All images");
element.append(style, host, strip);

const address = (file) => `${window.gradio_config?.root ?? ""}/gradio_api/file=${file}`;
const model = {
  get: (name) => ({ _state: view.state, _image: address(view.image), _overlay: view.overlay })[name],
  on: (name, listener) => { listeners[name] = listener; },
  off: (name) => { delete listeners[name]; },
  send(message) {
    unconfirmed.push({ ...message, version: view.version, number: ++number });
    flush();
  },
};

function flush() {
  if (waiting || !unconfirmed.length) return;
  waiting = setTimeout(() => { waiting = null; flush(); }, RESEND);
  trigger("messages", { messages: unconfirmed.slice(0, 200) });
}

function drawStrip(before) {
  const { thumbnails, labelled, state } = view;
  if (!before || before.version !== view.version || before.thumbnails.length !== thumbnails.length) {
    strip.replaceChildren(...thumbnails.map((file, i) => {
      const button = document.createElement("button"), image = document.createElement("img");
      Object.assign(image, { src: address(file), alt: "", loading: "lazy" });
      button.append(image, document.createElement("span"));
      button.onclick = () => model.send({ type: "go", index: view.state.index, values: [i] });
      return button;
    }));
  }
  [...strip.children].forEach((button, i) => {
    const done = labelled.includes(i), set = view.aside.includes(i);
    button.classList.toggle("done", done);
    button.setAttribute("aria-current", i === state.index);
    button.lastChild.textContent = `${i + 1}${done ? " ✓" : ""}${set ? " score" : ""}`;
    button.title = `${view.names[i]}: ${done ? "labelled" : "no label"}${set ? ", set aside for scoring" : ""}`;
    button.setAttribute("aria-label", `Image ${i + 1}, ${button.title}`);
  });
}

function update() {
  const before = view, next = props.value;
  if (!next || next.received === undefined) return;
  view = next;
  clearTimeout(waiting);
  waiting = null;
  number = Math.max(number, view.received);
  unconfirmed = unconfirmed.filter((message) => message.number > view.received);
  if (!view.state || !before?.state || before.version !== view.version) {
    unmount?.();
    [unmount, listeners] = [null, {}];
    host.replaceChildren();
    strip.replaceChildren();
    if (view.state) unmount = render({ model, el: host });
  } else {
    if (before.image !== view.image) listeners["change:_image"]?.();
    if (before.overlay !== view.overlay) listeners["change:_overlay"]?.();
    listeners["change:_state"]?.();
  }
  if (view.state) drawStrip(before?.state ? before : null);
  flush();
}

watch("value", update);
update();
