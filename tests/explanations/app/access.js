() => {
  // What people with poor sight or without a mouse stumble over on a page, as a list of lines.
  const problems = [];
  const all = (root) =>
    [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const parent = (e) => e.parentElement ?? e.getRootNode().host ?? null;
  const elements = all(document).filter((e) => e.checkVisibility({ visibilityProperty: true }));
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((value, i) => a * value + (1 - a) * below[i]);
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = parent(at)) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const opacity = (e) => (e ? Number(getComputedStyle(e).opacity) * opacity(parent(e)) : 1);
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const name = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.title;

  for (const e of elements) {
    const text = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join("");
    const box = e.getBoundingClientRect();
    if (!text || box.width < 3 || box.height < 3 || e.closest("[disabled], [aria-hidden=true]")) continue;
    const style = getComputedStyle(e);
    const below = ground(e);
    const [r, g, b, a] = rgba(style.color);
    const ratio = contrast(over([r, g, b, a * opacity(e)], below), below);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5) - 0.01) problems.push(`contrast ${ratio.toFixed(2)}: ${text}`);
  }
  const levels = elements.filter((e) => /^H[1-6]$/.test(e.tagName)).map((e) => Number(e.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) problems.push(`first headings: ${levels}`);
  levels.forEach((level, i) => {
    if (i > 0 && level > levels[i - 1] + 1) problems.push(`headings jump: ${levels}`);
  });
  const buttons = elements.filter((e) => e.tagName === "BUTTON" || e.getAttribute("role") === "button");
  for (const e of buttons) if (!name(e)) problems.push(`a button without a name: ${e.outerHTML}`);
  const plays = buttons.filter((e) => /^(play|pause)/i.test(name(e))).map(name);
  for (const label of plays.filter((label, i) => plays.indexOf(label) !== i)) {
    problems.push(`several buttons are called ${label}`);
  }
  for (const e of elements) {
    if (e.tagName === "IMG" && !e.hasAttribute("alt")) problems.push("a picture without a text");
    if (/^(INPUT|TEXTAREA)$/.test(e.tagName) && !e.labels?.length && !e.getAttribute("aria-label")) {
      problems.push(`a field without a name: ${e.outerHTML.slice(0, 200)}`);
    }
    if (e.classList.contains("lm-map-frame") && e.scrollWidth > e.clientWidth + 1 && innerWidth > 700) {
      problems.push(`the map of weights is cut off: ${e.scrollWidth} > ${e.clientWidth}`);
    }
  }
  const main = document.querySelector("[data-testid=stMain]");
  if (main.scrollWidth > innerWidth) problems.push(`the page is ${main.scrollWidth} wide`);
  return problems;
}
