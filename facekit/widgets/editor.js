// The canvas and the buttons of PointEditor and PartEditor, in notebooks and on the page. Labels are stored in Python:
// this file shows `_state`, `_image` and `_overlay`, and sends events {type, index, values}. Coordinates are pixels of
// the original image.

const SIDE = 560; // longest side of the canvas on the page, px
const NEAR = 9; // distance in px within which a press takes hold of a point

const CROSS_KEYS = "Keyboard: arrow keys move the cross, with Shift 10 times as far. ";
const POINT_KEYS = CROSS_KEYS + "Enter sets the point there. To move a point, choose its name below and set it again.";
const PAINT_KEYS = CROSS_KEYS + "Enter paints or fills there. Space starts a stroke, and ends it. Polygon: Space sets a " +
  "corner, Enter closes it.";

const STYLE = `
.facekit-editor { font: 14px/1.4 system-ui, sans-serif; max-width: 760px; color: inherit; }
.facekit-editor .bar { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 6px 0; }
.facekit-editor button { font: inherit; padding: 3px 9px; border: 1px solid #8886; border-radius: 5px;
  background: #8881; color: inherit; cursor: pointer; }
.facekit-editor button:disabled { opacity: .45; cursor: default; }
.facekit-editor button[aria-pressed=true] { border-color: #1a73e8; box-shadow: 0 0 0 1px #1a73e8; background: #1a73e822; }
.facekit-editor .names { max-height: 120px; overflow: auto; }
.facekit-editor .swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 5px;
  border: 1px solid #8888; }
.facekit-editor .set::after { content: " ✓"; }
.facekit-editor canvas { display: block; touch-action: none; cursor: crosshair; background: #8882; max-width: 100%; }
.facekit-editor canvas:focus-visible { outline: 3px solid #d97706; outline-offset: 1px; }
.facekit-editor .keys { margin: 4px 0; font-size: 13px; }
.facekit-editor label { display: inline-flex; gap: 5px; align-items: center; }
.facekit-editor input[type=range] { width: 90px; }
`;

function render({ model, el }) {
  const state = () => model.get("_state");
  const isPoints = state().task === "landmarks";
  const send = (type, ...values) => model.send({ type, index: state().index, values });
  // What only the browser knows: the view (px of the canvas per pixel of the image), the tool, what is being drawn.
  const view = { scale: 1, x: 0, y: 0 };
  const paint = { tool: "brush", part: Math.min(1, state().names.length - 1), size: 0.05, opacity: 0.55 };
  const brush = () => Math.max(1, paint.size * Math.max(state().width, state().height)); // its diameter, pixels
  let path = null, drag = null, pan = null, cross = null, hover = null;
  let sent = []; // strokes that stay visible until Python's mask arrives: {path, size, colour}

  const root = document.createElement("div");
  root.className = "facekit-editor";
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the keys to this element
  root.innerHTML = `<style>${STYLE}</style><div class="text" role="status"></div><div class="bar buttons"></div>
    <canvas tabindex="0" role="application"></canvas><div class="keys"></div><div class="bar tools"></div><div class="bar names"></div>`;
  el.append(root);
  const find = (name) => root.querySelector(name);
  const canvas = find("canvas"), ink = canvas.getContext("2d");
  canvas.setAttribute("aria-label", isPoints ? "Click points on the image" : "Paint parts on the image");
  find(".keys").textContent = isPoints ? POINT_KEYS : PAINT_KEYS;
  find(".keys").id = `facekit-keys-${Math.random().toString(36).slice(2)}`;
  canvas.setAttribute("aria-describedby", find(".keys").id);
  const photo = new Image(), overlay = new Image();
  photo.onload = () => draw();
  overlay.onload = () => { sent = []; draw(); };

  function button(text, title, action, parent = find(".buttons")) {
    const made = document.createElement("button");
    made.textContent = text;
    made.title = title;
    made.onclick = action;
    parent.append(made);
    return made;
  }
  function slider(text, low, high, value, change) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "range", min: low, max: high, step: "any", value });
    input.oninput = () => { change(Number(input.value)); draw(); };
    label.append(text, input);
    find(".tools").append(label);
    return input;
  }

  button("Previous", "Previous image", () => send("step", -1));
  button("Next", "Next image", () => send("step", 1));
  const undo = button("Undo", "Take back the last change (Ctrl+Z)", () => send("undo"));
  button("Clear", "Remove the label of this image", () => send("clear"));
  if (isPoints) {
    button("Mirror", "Place missing points opposite to their partners", () => send("mirror"));
    button("Skip", "Leave this point out", () => send("skip"));
  }
  const propose = button("Model's proposal", "Start from the prediction of the model", () => send("propose"));
  button("+", "Zoom in", () => zoom(1.5));
  button("−", "Zoom out", () => zoom(1 / 1.5));
  button("Fit", "Show the whole image", () => fit());
  const tools = {};
  if (!isPoints) {
    const texts = { brush: "Brush", polygon: "Polygon", fill: "Fill", eraser: "Eraser" };
    for (const [name, text] of Object.entries(texts)) {
      tools[name] = button(text, text, () => { paint.tool = name; path = null; refresh(); }, find(".tools"));
    }
    slider("size", 0.005, 0.2, paint.size, (value) => (paint.size = value));
    slider("opacity", 0, 1, paint.opacity, (value) => (paint.opacity = value));
  } else {
    find(".tools").remove();
  }

  function fit() {
    const { width, height } = state();
    const room = Math.min(SIDE, root.clientWidth || SIDE);
    view.scale = Math.min(room / width, SIDE / height);
    [view.x, view.y] = [0, 0];
    canvas.style.width = `${Math.round(width * view.scale)}px`;
    canvas.style.height = `${Math.round(height * view.scale)}px`;
    canvas.width = Math.round(width * view.scale * devicePixelRatio);
    canvas.height = Math.round(height * view.scale * devicePixelRatio);
    draw();
  }
  function zoom(factor, at = [canvas.clientWidth / 2, canvas.clientHeight / 2]) {
    const least = canvas.clientWidth / state().width;
    const scale = Math.max(least, Math.min(view.scale * factor, 40));
    view.x = at[0] - ((at[0] - view.x) * scale) / view.scale;
    view.y = at[1] - ((at[1] - view.y) * scale) / view.scale;
    view.scale = scale;
    keepInside();
    draw();
  }
  function keepInside() {
    view.x = Math.min(0, Math.max(view.x, canvas.clientWidth - state().width * view.scale));
    view.y = Math.min(0, Math.max(view.y, canvas.clientHeight - state().height * view.scale));
  }
  // Pixel centres are integers, so the left edge of the image is at -0.5.
  const toCanvas = ([x, y]) => [(x + 0.5) * view.scale + view.x, (y + 0.5) * view.scale + view.y];
  const toImage = ([x, y]) => [(x - view.x) / view.scale - 0.5, (y - view.y) / view.scale - 0.5];
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  function nearest(at) {
    let best = null, least = NEAR;
    (state().points || []).forEach((point, k) => {
      if (!point) return;
      const [x, y] = toCanvas(point), distance = Math.hypot(x - at[0], y - at[1]);
      if (distance < least) [best, least] = [k, distance];
    });
    return best;
  }

  function draw() {
    const { width, height } = state();
    ink.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    ink.clearRect(0, 0, canvas.width, canvas.height);
    ink.imageSmoothingEnabled = view.scale < 4;
    if (photo.complete && photo.naturalWidth) ink.drawImage(photo, view.x, view.y, width * view.scale, height * view.scale);
    if (isPoints) drawPoints();
    else drawPaint(width, height);
    if (cross) {
      const [x, y] = toCanvas(cross);
      for (const [colour, width] of [["#000", 4], ["#fff", 2]]) {
        line([[x - 12, y], [x + 12, y]], colour, width);
        line([[x, y - 12], [x, y + 12]], colour, width);
      }
    }
  }
  function line(points, colour, width, close = false) {
    ink.beginPath();
    points.forEach(([x, y], i) => (i ? ink.lineTo(x, y) : ink.moveTo(x, y)));
    if (close) ink.closePath();
    Object.assign(ink, { strokeStyle: colour, lineWidth: width, lineCap: "round", lineJoin: "round" });
    ink.stroke();
  }
  function drawPoints() {
    const { points, edges, colours, names } = state();
    const shown = points.map((point, k) => (drag && drag.point === k ? drag.at : point && toCanvas(point)));
    for (const [a, b] of edges) if (shown[a] && shown[b]) line([shown[a], shown[b]], "#fffa", 1.5);
    shown.forEach((at, k) => {
      if (!at) return;
      ink.beginPath();
      ink.arc(at[0], at[1], points.length > 30 ? 3 : 5, 0, 2 * Math.PI);
      Object.assign(ink, { fillStyle: colours[k], strokeStyle: "#fff", lineWidth: 1.5 });
      ink.fill();
      ink.stroke();
      if (k === hover) label(names[k], at);
    });
  }
  function label(text, [x, y]) {
    ink.font = "13px system-ui, sans-serif";
    const width = ink.measureText(text).width + 10;
    const left = Math.min(x + 9, canvas.clientWidth - width), top = Math.max(0, y - 26);
    ink.fillStyle = "#000b";
    ink.fillRect(left, top, width, 20);
    ink.fillStyle = "#fff";
    ink.fillText(text, left + 5, top + 14);
  }
  function drawPaint(width, height) {
    ink.globalAlpha = paint.opacity;
    ink.imageSmoothingEnabled = false;
    if (overlay.complete && overlay.naturalWidth) {
      ink.drawImage(overlay, view.x, view.y, width * view.scale, height * view.scale);
    }
    const colour = paint.tool === "eraser" ? "#fff" : state().colours[paint.part];
    const strokes = path && paint.tool !== "polygon" ? [...sent, { path, size: brush(), colour }] : sent;
    for (const stroke of strokes) {
      const drawn = stroke.path.map(toCanvas);
      line(drawn.length > 1 ? drawn : [drawn[0], drawn[0]], stroke.colour, stroke.size * view.scale);
    }
    ink.globalAlpha = 1;
    if (path && paint.tool === "polygon") {
      const drawn = path.map(toCanvas);
      line(drawn, colour, 2);
      drawn.forEach((at) => line([at, at], "#fff", 6));
    } else if ((hover || cross) && (paint.tool === "brush" || paint.tool === "eraser")) {
      ink.beginPath();
      ink.arc(...(hover || toCanvas(cross)), (brush() * view.scale) / 2, 0, 2 * Math.PI);
      Object.assign(ink, { strokeStyle: "#fff", lineWidth: 1 });
      ink.stroke();
    }
  }

  const part = () => (paint.tool === "eraser" ? 0 : paint.part);
  function closePolygon() {
    if (path && paint.tool === "polygon" && path.length > 2) send("polygon", path, part());
    path = null;
    draw();
  }
  function press(at) {
    if (isPoints) send("place", ...toImage(at));
    else if (paint.tool === "fill") send("fill", ...toImage(at), part());
    else if (paint.tool === "polygon") {
      const first = path && toCanvas(path[0]);
      if (first && path.length > 2 && Math.hypot(first[0] - at[0], first[1] - at[1]) < NEAR) return closePolygon();
      path = [...(path || []), toImage(at)];
    } else path = [toImage(at)];
  }
  function endStroke() {
    if (!path || paint.tool === "polygon") return;
    send("brush", path, brush(), part());
    sent.push({ path, size: brush(), colour: paint.tool === "eraser" ? "#fff" : state().colours[paint.part] });
    path = null;
  }
  canvas.onpointerdown = (event) => {
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
    cross = null;
    const at = place(event), near = isPoints ? nearest(at) : null;
    if (event.button || event.shiftKey) pan = { at, x: view.x, y: view.y };
    else if (near !== null) drag = { point: near, at, moved: false };
    else press(at);
    draw();
  };
  canvas.onpointermove = (event) => {
    const at = place(event);
    if (pan) {
      [view.x, view.y] = [pan.x + at[0] - pan.at[0], pan.y + at[1] - pan.at[1]];
      keepInside();
    } else if (drag && !drag.sent) Object.assign(drag, { at, moved: true });
    else if (path && paint.tool !== "polygon" && event.buttons) path.push(toImage(at));
    hover = isPoints ? nearest(at) : at;
    draw();
  };
  canvas.onpointerup = () => {
    if (drag && drag.moved && !drag.sent) send("move", drag.point, ...toImage(drag.at));
    else if (drag && !drag.moved) send("select", drag.point);
    // A moved point stays where it is drawn until Python's point arrives.
    drag = drag && drag.moved ? { ...drag, sent: true } : null;
    endStroke();
    pan = null;
  };
  canvas.onpointerleave = () => { hover = null; draw(); };
  canvas.ondblclick = closePolygon;
  canvas.oncontextmenu = (event) => event.preventDefault();
  canvas.onwheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, place(event));
  };
  function showCross() { cross = toImage([canvas.clientWidth / 2, canvas.clientHeight / 2]); }
  function follow() { // the cross stays on the zoomed canvas
    const [x, y] = toCanvas(cross), edge = 20;
    view.x += Math.max(0, edge - x) - Math.max(0, x + edge - canvas.clientWidth);
    view.y += Math.max(0, edge - y) - Math.max(0, y + edge - canvas.clientHeight);
    keepInside();
  }
  canvas.onfocus = () => { if (!cross && canvas.matches(":focus-visible")) { showCross(); draw(); } };
  canvas.onblur = () => { endStroke(); cross = null; draw(); };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.onkeydown = (event) => {
    event.stopPropagation();
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") send("undo");
    else if (event.target !== canvas) return;
    else if (event.key === "Escape") path = null;
    else if (event.key === "Enter" && path && path.length > 2) closePolygon();
    else if (event.key === "Enter" || event.key === " ") {
      if (!cross) showCross();
      if (!path || paint.tool === "polygon") press(toCanvas(cross));
      else endStroke();
      if (event.key === "Enter") endStroke();
    }
    else if (ARROWS[event.key]) {
      const step = (event.shiftKey ? 10 : 1) / Math.min(1, view.scale), [x, y] = ARROWS[event.key];
      if (!cross) showCross();
      const [from, { width, height }] = [cross, state()];
      cross = [Math.max(0, Math.min(from[0] + x * step, width - 1)), Math.max(0, Math.min(from[1] + y * step, height - 1))];
      if (path && paint.tool !== "polygon") path.push(cross);
      follow();
    } else return;
    event.preventDefault();
    draw();
  };

  function refresh() {
    const { text, names, colours, points, current, undo: canUndo, model: hasModel } = state();
    find(".text").textContent = text;
    undo.disabled = !canUndo;
    propose.hidden = !hasModel;
    for (const [name, made] of Object.entries(tools)) made.setAttribute("aria-pressed", paint.tool === name);
    const bar = find(".names"), focused = [...bar.children].indexOf(document.activeElement);
    bar.replaceChildren();
    names.forEach((name, k) => {
      if (!isPoints && !k) return; // the eraser paints the background
      const chip = button("", isPoints ? "Set this point next" : "Paint this part", () => {
        if (isPoints) send("select", k);
        else { paint.part = k; if (paint.tool === "eraser") paint.tool = "brush"; refresh(); }
      }, bar);
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = colours[k];
      chip.append(swatch, name);
      chip.classList.toggle("set", Boolean(points && points[k]));
      chip.setAttribute("aria-pressed", k === (isPoints ? current : paint.part));
    });
    bar.children[focused]?.focus({ preventScroll: true });
    draw();
  }
  let shown = state().index;
  const onState = () => {
    if (drag && drag.sent) drag = null; // what is being drawn now goes on
    if (shown !== state().index) {
      [shown, path, drag, sent] = [state().index, null, null, []];
      fit();
    }
    refresh();
  };
  const onImage = () => { photo.src = model.get("_image"); };
  const onOverlay = () => { overlay.src = model.get("_overlay"); };
  model.on("change:_state", onState);
  model.on("change:_image", onImage);
  model.on("change:_overlay", onOverlay);
  onImage();
  if (!isPoints) onOverlay();
  refresh();
  requestAnimationFrame(fit);
  let room = 0; // a hidden tab has no width until it is opened
  const resized = new ResizeObserver(() => {
    if (root.clientWidth && root.clientWidth !== room) { room = root.clientWidth; fit(); }
  });
  resized.observe(root);
  return () => {
    resized.disconnect();
    model.off("change:_state", onState);
    model.off("change:_image", onImage);
    model.off("change:_overlay", onOverlay);
  };
}

export default { render };
