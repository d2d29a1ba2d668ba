// The keyboard: single keys, only while nobody is typing.

export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, dialog");
    const action = actions[event.key];
    if (!action || (typing && event.key !== "Escape") || event.target.closest("dialog")) return;
    // Enter belongs to the button or link that has the focus.
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    if (action(event) !== false) event.preventDefault();
  });
}
