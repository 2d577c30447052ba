/** The keyboard: / searches, Escape closes what was opened last. */

/** `close()` closes one thing. */
export function listenToKeys(search, close) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
    const isTyping = /^(?:INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName ?? "");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      search.select();
    }
    if (event.key !== "Escape") return;
    // The first Escape empties a field, as browsers do.
    if (isTyping && event.target.value !== "") return;
    if (isTyping) event.target.blur();
    close();
  });
}
