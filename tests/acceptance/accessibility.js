// Answers what is wrong with a page for somebody who can't see it well, or has no mouse: sentences, none if all is well.
// The rules are those of WCAG 2.2 that a program can check: 1.1.1, 1.3.1, 1.4.3, 2.4.1, 2.4.2, 2.4.3, 3.1.1, 4.1.2.
const faults = [];
const say = (element, fault) => faults.push(`${element.outerHTML.slice(0, 120)}: ${fault}`);
const all = (selector) => [...document.querySelectorAll(selector)];
const textOf = (id) => document.getElementById(id)?.textContent.trim() ?? "";

if (!document.documentElement.lang) faults.push("no language");
if (!document.title.trim()) faults.push("no title");
for (const one of ["h1", "main", "nav[aria-label]", "a.skip[href='#main']"])
  if (all(one).length !== 1) faults.push(`${all(one).length} times ${one}`);

const ids = all("[id]").map((element) => element.id);
ids.filter((id, index) => ids.indexOf(id) !== index).forEach((id) => faults.push(`id ${id} twice`));
all("[aria-describedby],[aria-labelledby]").forEach((element) => {
  for (const id of (element.getAttribute("aria-describedby") ?? element.getAttribute("aria-labelledby")).split(" "))
    if (!textOf(id)) say(element, `nothing has the id ${id}`);
});

const nameOf = (element) =>
  element.getAttribute("aria-label") || [...(element.labels ?? [])].map((label) => label.textContent).join(" ") ||
  element.textContent;
all("a[href], button, input:not([type=hidden]), textarea, select, [role=region]").forEach((element) => {
  const labelled = element.matches("textarea, [role=region]") ? element.labels?.length || element.ariaLabel : nameOf(element).trim();
  if (!labelled) say(element, "no name");
});
all("[tabindex]").forEach((element) => element.tabIndex > 0 && say(element, "an order of its own"));
all("img:not([alt])").forEach((element) => say(element, "no alternative text"));
all("table").forEach((table) => table.caption?.textContent.trim() || say(table, "no caption"));
all("th").forEach((cell) => cell.scope || say(cell, "no scope"));
let level = 0;
all("h1, h2, h3, h4").forEach((heading) => {
  const now = Number(heading.tagName[1]);
  if (now > level + 1) say(heading, "leaves out a level");
  level = now;
});

const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const groundOf = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const ground = channels(getComputedStyle(one).backgroundColor);
    if (ground[3] !== 0) return ground;
  }
  return [255, 255, 255];
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.textContent.trim() || element.closest("noscript, script, .unseen")) continue;
  const [a, b] = [light(channels(getComputedStyle(element).color)), light(groundOf(element))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) say(element, `contrast ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
}
return faults;
