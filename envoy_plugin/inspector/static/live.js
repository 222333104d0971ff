// Puts in what has changed, and leaves the keyboard where it was. Without it, the page loads itself again.
const region = document.querySelector("[data-live]");
if (region) {
  const source = new EventSource(region.dataset.live);
  source.addEventListener("message", ({ data }) => {
    const focused = document.activeElement;
    const id = region.contains(focused) ? focused.id : "";
    region.innerHTML = data;
    if (id) document.getElementById(id)?.focus({ preventScroll: true });
  });
  window.addEventListener("pagehide", () => source.close());
}
