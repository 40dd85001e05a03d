(() => {
  // --- waterfalls: one tab stop for each, arrow keys between its spans -------------------------------

  for (const list of document.querySelectorAll(".waterfall ol")) {
    const items = [...list.children];
    items.forEach((item, i) => { item.tabIndex = i ? -1 : 0; });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const to = step && items[items.indexOf(document.activeElement) + step];
      if (!step) return;
      event.preventDefault();
      if (!to) return;
      document.activeElement.tabIndex = -1;
      to.tabIndex = 0;
      to.focus();
    });
  }

  // --- flame graph -----------------------------------------------------------------------------------

  const { profile } = JSON.parse(document.getElementById("data").textContent);
  const box = document.querySelector(".profile");
  if (!profile || !box) return;
  const HEIGHT = 19, THINNEST = 1.5; // px; narrower functions are not drawn until they are enlarged
  const MOST_FUNCTIONS = 4000; // that are drawn
  const graph = box.querySelector(".flame");
  const tip = box.querySelector(".tip");
  const select = box.querySelector("select");
  const packages = box.querySelector("[type=checkbox]");
  const search = box.querySelector("[type=search]");
  const output = box.querySelector("output");
  let root, zoomed, focused, drawn = new Map();

  // Four numbers for each function in depth-first order: depth, frame, samples, line; of two
  // profiles five: the samples in the other one, too.
  const SIZE = profile.differential ? 5 : 4;
  function tree(numbers) {
    const path = [];
    for (let i = 0; i < numbers.length; i += SIZE) {
      const [depth, frame, count, line, other] = numbers.slice(i, i + SIZE);
      const [name, file, kind] = profile.frames[frame];
      const above = depth ? path[depth - 1] : null;
      const node = { depth, name, file, kind, count, line, other, above, below: [], start: above ? above.end : 0 };
      node.end = node.start; // where the next function below it begins
      path[depth] = node;
      if (above) {
        node.place = above.below.push(node) - 1;
        above.end += count;
      }
    }
    return path[0];
  }

  function* within(node) {
    const waiting = [node];
    while (waiting.length) {
      const one = waiting.pop();
      yield one;
      waiting.push(...one.below);
    }
  }

  const share = (count) => `${(100 * count / root.count).toFixed(count < root.count / 100 ? 2 : 1)}%`;
  const place = (node) => (node.line ? `${node.file}:${node.line}` : node.file);
  const plural = (count) => `${count} sample${count === 1 ? "" : "s"}`;
  const samples = (node) => `${plural(node.count)}, ${share(node.count)}${compared(node)}`;

  // How many more samples the candidate has than the baseline.
  const growth = (node) => (profile.views[select.value].baseline ? -1 : 1) * (node.count - node.other);
  function compared(node) {
    if (!profile.differential) return "";
    const more = growth(node);
    const where = profile.views[select.value].baseline ? "candidate" : "baseline";
    return `; ${node.other} in the ${where} (${more > 0 ? "+" : more < 0 ? "\u2212" : "\u00b1"}${Math.abs(more)})`;
  }
  // Twice the standard deviation of a difference of Poisson counts is no change.
  const MARKS = { more: "\u25b2 ", fewer: "\u25bc ", same: "" };
  function change(node) {
    const more = growth(node);
    if (Math.abs(more) <= 2 * Math.sqrt(node.count + node.other)) return "same";
    return more > 0 ? "more" : "fewer";
  }
  function part(node) {
    if (!profile.differential) return 28 + shade(node) * 7;
    const whole = Math.max(root.count, root.other);
    return change(node) === "same" ? 14 : Math.round(22 + 24 * Math.min(1, (2 * Math.abs(growth(node))) / whole));
  }
  const matches = (node, text) => `${node.name}\n${place(node)}`.toLowerCase().includes(text);

  // The share of the samples with a match: a match below another one is a part of it.
  function find() {
    const text = search.value.trim().toLowerCase();
    let count = 0;
    const waiting = [[root, false]];
    while (waiting.length) {
      const [node, counted] = waiting.pop();
      node.found = text !== "" && node.kind !== "small" && matches(node, text);
      if (node.found && !counted) count += node.count;
      for (const one of node.below) waiting.push([one, counted || node.found]);
    }
    output.textContent = text ? `${share(count)} of the samples match` : "";
  }

  function draw() {
    const width = graph.clientWidth;
    if (!width) return; // drawn when it has one
    const scale = width / zoomed.count;
    const above = [];
    for (let node = zoomed.above; node; node = node.above) above.push(node);
    const shown = [...above];
    for (const node of within(zoomed)) {
      if (node.count * scale >= THINNEST) shown.push(node);
      if (shown.length >= MOST_FUNCTIONS) break;
    }
    drawn = new Map();
    const parts = document.createDocumentFragment();
    let deepest = 0;
    for (const node of shown) {
      const bar = document.createElement("div");
      const over = node.depth < zoomed.depth;
      const left = over ? 0 : (node.start - zoomed.start) * scale;
      const wide = over ? width : node.count * scale;
      const kind = profile.differential ? change(node) : node.kind;
      bar.className = [kind, node.found ? "found" : "", over ? "above" : ""].join(" ").trim();
      bar.style.cssText = `left:${left}px;width:${wide}px;top:${node.depth * HEIGHT}px`;
      if (!node.found && node.kind !== "small") bar.style.setProperty("--part", `${part(node)}%`);
      if (wide > 24) bar.textContent = `${MARKS[kind] ?? ""}${node.name}`;
      else bar.style.padding = "0";
      bar.setAttribute("role", "treeitem");
      bar.setAttribute("aria-level", node.depth + 1);
      bar.setAttribute("aria-label", [node.name, place(node), samples(node)].filter(Boolean).join(", "));
      bar.tabIndex = -1;
      bar.node = node;
      drawn.set(node, bar);
      parts.append(bar);
      deepest = Math.max(deepest, node.depth);
    }
    const end = document.createElement("div"); // keeps the height of the rows
    end.style.cssText = `top:${deepest * HEIGHT}px;width:0;padding:0;border:0;visibility:hidden`;
    end.setAttribute("role", "none");
    parts.append(end);
    graph.replaceChildren(parts);
    graph.style.height = `${(deepest + 1) * HEIGHT + 2}px`;
    if (!drawn.has(focused)) focused = zoomed;
    drawn.get(focused).tabIndex = 0;
  }

  const shade = (node) => [...node.name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 3;

  function zoom(node) {
    const active = graph.contains(document.activeElement);
    zoomed = focused = node;
    draw();
    tip.hidden = true;
    if (active) focus(node);
  }

  function focus(node) {
    const part = drawn.get(node);
    if (!part) return;
    drawn.get(focused).tabIndex = -1;
    focused = node;
    part.tabIndex = 0;
    part.focus({ preventScroll: true });
    part.scrollIntoView({ block: "nearest" });
    show(part);
  }

  function show(part) {
    const { node } = part;
    tip.textContent = [node.name, place(node), samples(node)].filter(Boolean).join("\n");
    tip.hidden = false;
    const at = part.getBoundingClientRect(), around = box.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(at.left - around.left, around.width - tip.offsetWidth))}px`;
    tip.style.top = `${at.bottom - around.top + 4}px`;
  }

  function view() {
    const { short, whole } = profile.views[select.value];
    root = zoomed = focused = tree(packages.checked ? short : whole);
    tip.hidden = true;
    find();
    draw();
  }

  const moves = {
    ArrowUp: (node) => node.above,
    ArrowDown: (node) => node.below[0], // with the most samples
    ArrowLeft: (node) => node.above?.below[node.place - 1],
    ArrowRight: (node) => node.above?.below[node.place + 1],
  };

  graph.addEventListener("keydown", (event) => {
    const node = document.activeElement.node;
    if (!node) return;
    if (event.key in moves) {
      const to = moves[event.key](node);
      if (to) focus(to);
    } else if (event.key === "Enter" || event.key === " ") zoom(node);
    else if (event.key === "Escape") zoom(root);
    else return;
    event.preventDefault();
  });
  graph.addEventListener("click", (event) => event.target.node && zoom(event.target.node));
  graph.addEventListener("mouseover", (event) => event.target.node && show(event.target));
  graph.addEventListener("mouseleave", () => { tip.hidden = true; });
  graph.addEventListener("focusin", (event) => event.target.node && show(event.target));
  graph.addEventListener("focusout", () => { tip.hidden = true; });
  graph.addEventListener("scroll", () => { tip.hidden = true; });
  search.addEventListener("input", () => { find(); draw(); });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    search.value = "";
    find();
    draw();
  });
  box.querySelector("button").addEventListener("click", () => zoom(root));
  select.addEventListener("change", view);
  packages.addEventListener("change", view);
  for (const button of document.querySelectorAll("[data-find]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      search.value = button.dataset.find;
      find();
      draw();
      search.focus();
      box.scrollIntoView();
    });
  }

  for (const [i, { label }] of profile.views.entries()) select.add(new Option(label, i));
  box.hidden = false;
  view();
  new ResizeObserver(() => draw()).observe(graph.parentElement);
})();
