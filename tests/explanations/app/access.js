() => {
  // What axe-core does not look for, as a list of lines.
  const problems = [];
  const all = (root) =>
    [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])]);
  const elements = all(document).filter((e) => e.checkVisibility({ visibilityProperty: true }));
  const name = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.title;
  const plays = elements
    .filter((e) => e.tagName === "BUTTON" && /^(play|pause)/i.test(name(e)))
    .map(name);
  for (const label of plays.filter((label, i) => plays.indexOf(label) !== i)) {
    problems.push(`several buttons are called ${label}`);
  }
  for (const e of elements) {
    if (e.classList.contains("lm-map-frame") && e.scrollWidth > e.clientWidth + 1 && innerWidth > 700) {
      problems.push(`the map of weights is cut off: ${e.scrollWidth} > ${e.clientWidth}`);
    }
  }
  const main = document.querySelector("[data-testid=stMain]");
  if (main.scrollWidth > innerWidth) problems.push(`the page is ${main.scrollWidth} wide`);
  return problems;
}
